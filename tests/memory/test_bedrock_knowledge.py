"""A Bedrock Knowledge Base as knowledge, with requests and answers checked against the API's own model."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from memory.bedrock_knowledge import MOST_CHARACTERS, BedrockKnowledgeIndex
from memory.breaker import FAILURES, ServiceUnavailable
from memory.fallback_knowledge import KnowledgeWithFallback
from memory.records import Passage, PassageHit

pytestmark = pytest.mark.anyio

SEALS = {
    "content": {"text": "A leaking seal shows as drops of oil."},
    "location": {"type": "S3", "s3Location": {"uri": "s3://manuals/pumps/seals.pdf"}},
    "score": 0.7,
}
VALVES = {
    "content": {"text": "Turn the valve clockwise."},
    "location": {"type": "WEB", "webLocation": {"url": "https://example.com/valves/"}},
    "score": 0.9,
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client(
        "bedrock-agent-runtime",
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def index(stub: Stubber) -> BedrockKnowledgeIndex:
    return BedrockKnowledgeIndex(stub.client, "KB12345678", search_s=30.0)


def answer(stub: Stubber, results: list[dict[str, Any]], *, text: str, k: int) -> None:
    stub.add_response(
        "retrieve",
        {"retrievalResults": results},
        {
            "knowledgeBaseId": "KB12345678",
            "retrievalQuery": {"text": text},
            "retrievalConfiguration": {"vectorSearchConfiguration": {"numberOfResults": k}},
        },
    )


async def test_passages_come_best_first_with_where_they_are_from(
    stub: Stubber, index: BedrockKnowledgeIndex
) -> None:
    answer(stub, [SEALS, VALVES], text="oil drops", k=3)

    hits = await index.search(" oil drops ", k=3)

    assert [(hit.passage.title, hit.passage.source, hit.score) for hit in hits] == [
        ("valves", "https://example.com/valves/", 0.9),
        ("seals.pdf", "s3://manuals/pumps/seals.pdf", 0.7),
    ]
    assert hits[1].passage.text == SEALS["content"]["text"]
    assert len({hit.passage.passage_id for hit in hits}) == 2


async def test_a_passage_has_the_same_id_in_every_answer(stub: Stubber, index: BedrockKnowledgeIndex) -> None:
    answer(stub, [SEALS, {**SEALS, "score": 0.2}], text="seal", k=5)
    answer(stub, [SEALS], text="seal", k=5)

    [first], [second] = await index.search("seal", k=5), await index.search("seal", k=5)

    assert first == second


async def test_what_has_no_text_cannot_be_cited(stub: Stubber, index: BedrockKnowledgeIndex) -> None:
    answer(stub, [{"content": {"type": "IMAGE", "byteContent": "data:"}}, SEALS], text="seal", k=2)

    assert len(await index.search("seal", k=2)) == 1


async def test_a_question_is_cut_to_what_the_service_takes(
    stub: Stubber, index: BedrockKnowledgeIndex
) -> None:
    answer(stub, [], text="x" * MOST_CHARACTERS, k=1)

    assert await index.search("x" * 5000, k=1) == []
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(("query", "k"), [("", 3), ("  ", 3), ("seal", 0)])
async def test_nothing_asked_is_not_sent(index: BedrockKnowledgeIndex, query: str, k: int) -> None:
    assert await index.search(query, k=k) == []


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalServerException"])
async def test_after_failures_it_is_left_alone_and_the_folder_answers(
    stub: Stubber, index: BedrockKnowledgeIndex, code: str
) -> None:
    for _ in range(FAILURES):  # another call would find no answer here
        stub.add_client_error("retrieve", code)
    behind = KnowledgeWithFallback(index, Folder())

    found = [await behind.search("seal", k=1) for _ in range(FAILURES + 2)]

    assert found == [[FOLDER_HIT]] * (FAILURES + 2)
    with pytest.raises(ServiceUnavailable, match="left alone"):
        await index.search("seal", k=1)


FOLDER_HIT = PassageHit(passage=Passage(passage_id="p", title="t", text="x", source="s"), score=1.0)


class Folder:
    """Knowledge that always finds the same."""

    version = "folder"

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        return [FOLDER_HIT]
