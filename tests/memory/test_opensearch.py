"""The client of OpenSearch against a server that answers as told: what is sent again, what is given up."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest
from botocore.credentials import Credentials

from memory.breaker import FAILURES, ServiceUnavailable
from memory.opensearch import TRIES, Document, OpenSearch, SearchRefused, Service
from memory.sigv4 import signer

pytestmark = pytest.mark.anyio

Answer = tuple[int, Any]
FOUND = {"timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": [{"_id": "1"}]}}
DOCUMENTS = [Document(f"d-{n}", {"n": n, "vector": np.array([n, 0.5], np.float32)}) for n in range(4)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Node:
    """Answers with what is next in the script, the last one over and over, and keeps what it was sent."""

    def __init__(self) -> None:
        self.script: list[Answer | Callable[[list[Any]], Answer]] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def answer(self, body: bytes) -> Answer:
        self.bodies.append(body)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step(self.sent(-1)) if callable(step) else step

    def sent(self, number: int) -> list[Any]:
        """Return the documents of a bulk request."""
        return [json.loads(line) for line in self.bodies[number].splitlines()[1::2]]


@pytest.fixture
def node() -> Iterator[Node]:
    told = Node()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.headers.append(dict(self.headers.items()))
            status, content = told.answer(body)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def opened(node: Node, **options: Any) -> Iterator[OpenSearch]:
    client = OpenSearch(node.url, search_s=10.0, sleep=lambda _: None, **options)
    try:
        yield client
    finally:
        client.close()


def items(*statuses: int) -> Answer:
    """Answer a bulk request, item by item."""
    found = [
        {
            "index": {
                "status": status,
                **({"error": {"type": "told", "reason": "secret"}} if status > 299 else {}),
            }
        }
        for status in statuses
    ]
    return 200, {"errors": any(status > 299 for status in statuses), "items": found}


def all_taken(documents: list[Any]) -> Answer:
    return items(*[201] * len(documents))


# --- loading -------------------------------------------------------------------------------------------


def test_what_there_was_no_room_for_is_sent_again_and_nothing_else(node: Node) -> None:
    node.script = [items(201, 429, 201, 503), items(429, 201), all_taken]
    with opened(node) as client:
        assert client.load("i", DOCUMENTS) == 4

    assert [[one["n"] for one in node.sent(number)] for number in range(3)] == [[0, 1, 2, 3], [1, 3], [1]]
    assert node.sent(0)[1]["vector"] == [1.0, 0.5]


def test_a_document_that_does_not_fit_is_named_without_its_words(node: Node) -> None:
    node.script = [items(201, 400, 201, 201)]
    with opened(node) as client, pytest.raises(SearchRefused, match=r"a document for i.*400 told") as refused:
        client.load("i", DOCUMENTS)

    assert "secret" not in str(refused.value)
    assert len(node.bodies) == 1


@pytest.mark.parametrize("answer", [items(429, 429, 429, 429), (429, {}), (503, b"not JSON")])
def test_a_load_that_is_never_taken_is_given_up(node: Node, answer: Answer) -> None:
    node.script = [answer]
    with opened(node) as client, pytest.raises(ServiceUnavailable):
        client.load("i", DOCUMENTS)

    assert len(node.bodies) == TRIES


@pytest.mark.parametrize(
    ("service", "status", "requests"), [("es", 503, 2), ("aoss", 429, 2), ("aoss", 503, 1)]
)
def test_a_request_without_an_answer_is_sent_again_only_where_that_doubles_nothing(
    node: Node, service: Service, status: int, requests: int
) -> None:
    node.script = [(status, {}), all_taken]
    with opened(node, service=service) as client:
        if requests == 1:
            with pytest.raises(ServiceUnavailable):
                client.load("i", DOCUMENTS)
        else:
            client.load("i", DOCUMENTS)

    assert len(node.bodies) == requests
    assert (b'"_id"' in node.bodies[0]) is (service == "es")


# --- searching -----------------------------------------------------------------------------------------


async def test_hits_come_back(node: Node) -> None:
    node.script = [(200, FOUND)]
    with opened(node) as client:
        assert await client.search("i", {}) == [{"_id": "1"}]


async def test_an_index_that_is_not_there_is_no_failure(node: Node) -> None:
    node.script = [(404, {"error": {"type": "index_not_found_exception"}})]
    with opened(node) as client:
        assert [await client.search("i", {}) for _ in range(FAILURES + 1)] == [None] * (FAILURES + 1)


@pytest.mark.parametrize(
    "answer",
    [
        (429, {}),
        (503, b""),
        (200, {**FOUND, "timed_out": True}),
        (200, {**FOUND, "_shards": {"failed": 1}}),
    ],
    ids=["throttled", "down", "timed out", "a shard failed"],
)
async def test_after_failures_nothing_is_asked_any_more(node: Node, answer: Answer) -> None:
    node.script = [answer]
    with opened(node) as client:
        for _ in range(FAILURES + 5):
            with pytest.raises(ServiceUnavailable):
                await client.search("i", {})

    assert len(node.bodies) == FAILURES


async def test_a_node_that_answers_nonsense_is_refused_with_the_reason(node: Node) -> None:
    node.script = [(400, {"error": {"type": "parsing_exception", "reason": "secret"}})]
    with opened(node) as client, pytest.raises(SearchRefused, match="400 parsing_exception") as refused:
        await client.search("i", {})

    assert "secret" not in str(refused.value)


async def test_a_node_that_is_not_there_is_named() -> None:
    client = OpenSearch("http://127.0.0.1:1", search_s=10.0)

    with pytest.raises(ServiceUnavailable, match=r"OpenSearch at `127\.0\.0\.1:1` cannot be used"):
        await client.search("i", {})

    client.close()


async def test_a_slow_node_is_given_up_within_the_budget(node: Node) -> None:
    node.script = [(200, FOUND)]
    client = OpenSearch(node.url, search_s=0.0001)
    with pytest.raises(ServiceUnavailable):
        await client.search("i", {})

    client.close()


# --- signatures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["es", "aoss"])
async def test_requests_are_signed_for_the_service_with_the_digest_of_their_body(
    node: Node, service: Service
) -> None:
    node.script = [(200, FOUND)]
    sign = signer(Credentials("AKID", "secret", "token"), region="eu-central-1", service=service)
    with opened(node, service=service, sign=sign) as client:
        await client.search("i", {"size": 1})
        await client.search("i", {"size": 2})

    first, second = ({name.lower(): value for name, value in one.items()} for one in node.headers)
    assert f"/eu-central-1/{service}/aws4_request" in first["authorization"]
    assert "x-amz-content-sha256" in first["authorization"].partition("SignedHeaders=")[2]
    assert first["x-amz-security-token"] == "token"
    assert first["x-amz-content-sha256"] != second["x-amz-content-sha256"]
    assert "secret" not in str(node.headers)
