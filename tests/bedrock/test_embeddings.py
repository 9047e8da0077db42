"""Vectors of Bedrock, as the runtime's setting makes them: the real client, asking the stand-in."""

from collections.abc import Iterator

import pytest
from langchain_core.embeddings import Embeddings

from agent.models import make_embeddings
from agent.settings import Settings
from tests.bedrock.clients import aimed_at
from tests.bedrock.server import BedrockServer, by_seed, serve_bedrock, vector

MODELS = ["amazon.titan-embed-text-v2:0", "cohere.embed-english-v3", "cohere.embed-v4:0"]
TEXTS = ["a worn seal", "a loud bearing", "an invoice"]


@pytest.fixture
def server() -> Iterator[BedrockServer]:
    with serve_bedrock(lambda prompt: prompt) as server:
        yield server


@pytest.fixture(params=MODELS)
def embedder(request: pytest.FixtureRequest, server: BedrockServer) -> Iterator[Embeddings]:
    with aimed_at(server):
        yield make_embeddings(Settings(embedder=f"bedrock:{request.param}"))


def unit(text: str) -> list[float]:
    raw = vector(text)
    length = sum(number * number for number in raw) ** 0.5
    return [number / length for number in raw]


def test_vectors_come_in_the_order_of_the_texts_with_unit_length(embedder: Embeddings) -> None:
    found = embedder.embed_documents(TEXTS)

    assert found == [pytest.approx(unit(text), abs=1e-6) for text in TEXTS]
    assert embedder.embed_query(TEXTS[0]) == pytest.approx(found[0], abs=1e-6)


def test_a_failure_is_an_error_and_no_vector(server: BedrockServer, embedder: Embeddings) -> None:
    server.plan = by_seed(1, 1.0, ("denied",))

    with pytest.raises(Exception, match="AccessDenied"):
        embedder.embed_query(TEXTS[0])
