"""Asking a served agent: what is read of a stream, and what is said when it goes wrong."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from agent.client import (
    SESSION_HEADER,
    AddressInvalid,
    ServerRefused,
    ServerUnreachable,
    read_stream,
    stream_served,
)


def sse(kind: str, number: int, data: dict[str, Any]) -> bytes:
    body = json.dumps({"type": kind, "id": number, "data": data})
    return f"id: {number}\nevent: {kind}\ndata: {body}\n\n".encode()


@contextmanager
def served(status: int, body: bytes) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve one fixed answer on a free port of this machine; yields the address and what was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append(
                {"path": self.path, "headers": self.headers, "body": json.loads(self.rfile.read(length))}
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_turn_is_streamed_from_its_start_to_its_final_event() -> None:
    body = sse("start", 0, {}) + b": keep-alive\n\n" + sse("final", 1, {"reply": "Check it."})

    with served(200, body) as (url, asked):
        events = list(stream_served(url, {"prompt": "hello"}, session_id="s-1"))

    assert [(event.type, event.id) for event in events] == [("start", 0), ("final", 1)]
    assert events[-1].data == {"reply": "Check it."}
    assert (asked[0]["path"], asked[0]["body"]) == ("/invocations", {"prompt": "hello"})
    assert asked[0]["headers"][SESSION_HEADER] == "s-1"
    assert asked[0]["headers"]["Accept"] == "text/event-stream"


def test_an_error_of_the_server_is_passed_on_with_its_code_and_fix() -> None:
    error = {"code": "domains.unknown", "message": "There is no domain `x`.", "fix": "Choose another."}

    with (
        served(404, json.dumps({"error": error}).encode()) as (url, _),
        pytest.raises(ServerRefused) as caught,
    ):
        list(stream_served(url, {"prompt": "hello"}, session_id="s-1"))

    assert str(caught.value) == "There is no domain `x`. [domains.unknown]"
    assert caught.value.fix == "Choose another."


def test_an_error_that_is_not_ours_is_told_by_its_status() -> None:
    with served(502, b"<html>bad gateway</html>") as (url, _), pytest.raises(ServerRefused, match="502"):
        list(stream_served(url, {"prompt": "hello"}, session_id="s-1"))


def test_an_error_event_ends_the_stream_with_an_error() -> None:
    lines = sse("error", 0, {"code": "graph.x", "message": "No.", "fix": "Wait."}).splitlines()

    with pytest.raises(ServerRefused, match=r"No\. \[graph\.x\]"):
        list(read_stream(lines))


def test_a_stream_that_breaks_off_is_worth_retrying() -> None:
    with pytest.raises(ServerUnreachable) as caught:
        list(read_stream(sse("start", 0, {}).splitlines()))

    assert caught.value.kind == "unavailable"


def test_nobody_at_the_address_is_worth_retrying() -> None:
    with served(200, b"") as (url, _):
        pass

    with pytest.raises(ServerUnreachable):
        list(stream_served(url, {"prompt": "hello"}, session_id="s-1"))


@pytest.mark.parametrize("url", ["file:///etc/hostname", "localhost:8080", "http://[bad"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(AddressInvalid):
        list(stream_served(url, {"prompt": "hello"}, session_id="s-1"))
