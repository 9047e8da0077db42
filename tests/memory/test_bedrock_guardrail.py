"""A Bedrock guardrail as second opinion, with requests and answers checked against the API's own model."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from memory.bedrock_guardrail import MOST_CHARACTERS, BedrockGuardrail
from memory.breaker import FAILURES

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client(
        "bedrock-runtime", region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def guardrail(stub: Stubber) -> BedrockGuardrail:
    return BedrockGuardrail(stub.client, "abc123", "2", check_s=30.0)


def answer(stub: Stubber, text: str, *filters: dict[str, Any], action: str = "GUARDRAIL_INTERVENED") -> None:
    stub.add_response(
        "apply_guardrail",
        {
            "usage": dict.fromkeys(
                (
                    "topicPolicyUnits",
                    "contentPolicyUnits",
                    "wordPolicyUnits",
                    "sensitiveInformationPolicyUnits",
                    "sensitiveInformationPolicyFreeUnits",
                    "contextualGroundingPolicyUnits",
                ),
                0,
            ),
            "action": action,
            "outputs": [],
            "assessments": [{"contentPolicy": {"filters": list(filters)}}, {}],
        },
        {
            "guardrailIdentifier": "abc123",
            "guardrailVersion": "2",
            "source": "INPUT",
            "content": [{"text": {"text": text}}],
        },
    )


def found(kind: str, action: str) -> dict[str, Any]:
    return {"type": kind, "confidence": "HIGH", "action": action}


async def test_what_the_filter_for_prompt_attacks_blocks_is_one(
    stub: Stubber, guardrail: BedrockGuardrail
) -> None:
    answer(stub, "hm", found("INSULTS", "NONE"), found("PROMPT_ATTACK", "BLOCKED"))

    assert await guardrail.is_attack("hm")


@pytest.mark.parametrize(("kind", "action"), [("PROMPT_ATTACK", "NONE"), ("INSULTS", "BLOCKED")])
async def test_nothing_else_is(stub: Stubber, guardrail: BedrockGuardrail, kind: str, action: str) -> None:
    answer(stub, "hm", found(kind, action))

    assert not await guardrail.is_attack("hm")


async def test_a_long_message_is_cut(stub: Stubber, guardrail: BedrockGuardrail) -> None:
    answer(stub, "x" * MOST_CHARACTERS, action="NONE")

    assert not await guardrail.is_attack("x" * 50_000)
    stub.assert_no_pending_responses()


async def test_one_that_fails_says_no_and_is_left_alone_for_a_while(
    stub: Stubber, guardrail: BedrockGuardrail
) -> None:
    for _ in range(FAILURES):
        stub.add_client_error("apply_guardrail", "ThrottlingException", http_status_code=429)
    answer(stub, "hm", found("PROMPT_ATTACK", "BLOCKED"))

    verdicts = [await guardrail.is_attack("hm") for _ in range(FAILURES + 1)]

    assert verdicts == [False] * (FAILURES + 1)
    with pytest.raises(AssertionError):  # the answer that waits was never asked for
        stub.assert_no_pending_responses()
