"""What the knowledge index in OpenSearch does beyond the port."""

from collections.abc import Iterator

import numpy as np
import pytest

from memory.opensearch_knowledge import OpenSearchKnowledgeIndex, publish_knowledge
from memory.records import Passage
from tests.conformance.adapters import LetterCounts
from tests.opensearch import own_client, own_knowledge

pytestmark = [pytest.mark.anyio, pytest.mark.services("opensearch")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Unasked(LetterCounts):
    """Fails when a question is to be embedded."""

    identity = "LetterCounts"

    def embed_query(self, text: str) -> list[float]:
        raise AssertionError(text)


@pytest.fixture
def by_words() -> Iterator[OpenSearchKnowledgeIndex]:
    texts = ["Listen to the IL-2 pump.", "Silent, it says nothing.", "Listen, then listen again."]
    passages = [
        Passage(passage_id=f"p-{n}", title="", text=text, source="a.md") for n, text in enumerate(texts)
    ]
    embedder = LetterCounts()
    vectors = np.asarray(embedder.embed_documents(texts), np.float32)
    with own_client() as client, own_knowledge(client, embedder) as domain:
        publish_knowledge(client, domain, passages, vectors, embedder)
        yield OpenSearchKnowledgeIndex(client, domain, Unasked(), words_only=True)


async def test_where_meaning_does_not_help_words_alone_are_searched(
    by_words: OpenSearchKnowledgeIndex,
) -> None:
    hits = await by_words.search("listen", k=3)

    assert [hit.passage.passage_id for hit in hits] == ["p-2", "p-0"]
    assert hits[0].score == 1 > hits[1].score > 0
    assert [hit.passage.passage_id for hit in await by_words.search("interleukin 2", k=3)] == ["p-0"]
    assert await by_words.search("of the", k=3) == []
