"""A second opinion on messages that the local detector is unsure of: a guardrail of Amazon Bedrock."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from memory.breaker import Breaker, ServiceUnavailable

LOG = logging.getLogger(__name__)

MOST_CHARACTERS = 10_000
"""Of a message; the service counts and bills by the thousand."""

CHECK_S = 1.5
"""Time budget of a check (seconds): the user waits for it."""


def open_guardrail(guardrail_id: str, version: str) -> "BedrockGuardrail":
    """Open a guardrail with the account and region that boto3 finds; nothing is asked yet."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=CHECK_S, read_timeout=CHECK_S, retries={"total_max_attempts": 1})
    return BedrockGuardrail(boto3.client("bedrock-runtime", config=config), guardrail_id, version)


class BedrockGuardrail:
    """`SecondOpinion` by the prompt-attack filter of one guardrail (ApplyGuardrail); calls no model."""

    def __init__(self, client: Any, guardrail_id: str, version: str, *, check_s: float = CHECK_S) -> None:
        """`client` is boto3's for `bedrock-runtime`."""
        from botocore.exceptions import BotoCoreError, ClientError

        self._client = client
        self._id = guardrail_id
        self._version = version
        self._breaker = Breaker(
            f"Guardrail `{guardrail_id}`", budget_s=check_s, failures=(BotoCoreError, ClientError)
        )

    async def is_attack(self, text: str) -> bool:
        """Tell whether the guardrail blocks `text` as a prompt attack.

        One that is down, slow or refuses says no, so that the local verdict stands.
        """
        try:
            answer = await self._breaker.call(lambda: asyncio.to_thread(self._apply, text[:MOST_CHARACTERS]))
        except ServiceUnavailable as down:
            LOG.warning("The local verdict stands: %s (%s)", down, down.fix)
            return False
        filters = (
            found
            for assessment in answer.get("assessments", ())
            for found in assessment.get("contentPolicy", {}).get("filters", ())
        )
        return any(found["type"] == "PROMPT_ATTACK" and found["action"] == "BLOCKED" for found in filters)

    def _apply(self, text: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.apply_guardrail(
            guardrailIdentifier=self._id,
            guardrailVersion=self._version,
            source="INPUT",
            content=[{"text": {"text": text}}],
        )
        return answer
