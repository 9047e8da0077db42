"""The knowledge index as an Amazon Bedrock Knowledge Base, which embeds and searches by itself."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

from memory.breaker import Breaker
from memory.records import Passage, PassageHit

MOST_CHARACTERS = 1_000
"""Of a question; the service takes no more."""

MOST_RESULTS = 100
SEARCH_S = 2.0
"""Time budget of a search (seconds): the service embeds the question before it looks."""

LOCATIONS = {
    "s3Location": "uri",
    "webLocation": "url",
    "confluenceLocation": "url",
    "salesforceLocation": "url",
    "sharePointLocation": "url",
    "kendraDocumentLocation": "uri",
    "customDocumentLocation": "id",
}
"""Where a result may say that it comes from, and under which name."""


def open_knowledge_base(knowledge_base_id: str) -> "BedrockKnowledgeIndex":
    """Open a knowledge base with the account and region that boto3 finds; nothing is asked yet."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=SEARCH_S, read_timeout=SEARCH_S, retries={"total_max_attempts": 1})
    return BedrockKnowledgeIndex(boto3.client("bedrock-agent-runtime", config=config), knowledge_base_id)


class BedrockKnowledgeIndex:
    """`KnowledgeIndex` of one knowledge base."""

    def __init__(self, client: Any, knowledge_base_id: str, *, search_s: float = SEARCH_S) -> None:
        """`client` is boto3's for `bedrock-agent-runtime`."""
        from botocore.exceptions import BotoCoreError, ClientError

        self._client = client
        self._id = knowledge_base_id
        self._breaker = Breaker(
            f"Knowledge base `{knowledge_base_id}`", budget_s=search_s, failures=(BotoCoreError, ClientError)
        )

    @property
    def version(self) -> str:
        """Its name: it does not tell when it was synchronised."""
        return f"bedrock:{self._id}"

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        """Return passages as the port says.

        Raises:
            ServiceUnavailable: it does not answer, not in time, or refuses.
        """
        question = query.strip()[:MOST_CHARACTERS]
        if not question or k < 1:
            return []
        answer = await self._breaker.call(lambda: asyncio.to_thread(self._retrieve, question, k))
        found: dict[str, PassageHit] = {}
        for result in answer["retrievalResults"]:
            hit = _hit(result)
            if hit is not None:
                found.setdefault(hit.passage.passage_id, hit)
        return sorted(found.values(), key=lambda hit: (-hit.score, hit.passage.passage_id))[:k]

    def _retrieve(self, question: str, k: int) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client.retrieve(
            knowledgeBaseId=self._id,
            retrievalQuery={"text": question},
            retrievalConfiguration={
                "vectorSearchConfiguration": {"numberOfResults": min(k, MOST_RESULTS)},
            },
        )
        return answer


def _hit(result: Mapping[str, Any]) -> PassageHit | None:
    """Return a text with where it comes from; pictures and rows have no text to cite."""
    text = str(result.get("content", {}).get("text", "")).strip()
    if not text:
        return None
    location = result.get("location", {})
    source = next(
        (str(location[kind].get(name, "")) for kind, name in LOCATIONS.items() if kind in location), ""
    )
    digest = hashlib.sha256(f"{source}\x00{text}".encode()).hexdigest()
    title = source.rstrip("/").rpartition("/")[2] or "Knowledge base"
    passage = Passage(passage_id=f"kb-{digest[:16]}", title=title, text=text, source=source or title)
    return PassageHit(passage=passage, score=round(min(max(float(result.get("score", 0)), 0), 1), 6))
