"""Stands on loopback between the program and a real service, and fails as it is told.

`HttpProxy` for what speaks HTTP (OpenSearch, DynamoDB, S3), `TcpProxy` for the rest (Valkey).
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
"""Headers that are about one connection (RFC 9110, 7.6.1)."""

HOST = "127.0.0.1"


class Request(NamedTuple):
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What it gets."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Gone(Exception):
    """The connection ends without an answer."""


Forward = Callable[[Request], Answer]
Answering = Callable[[Request, Forward], Answer]
"""Answers a request; it may ask the service, wait, or raise `Gone`."""


def passed(request: Request, forward: Forward) -> Answer:
    """Change nothing."""
    return forward(request)


def down(request: Request, forward: Forward) -> Answer:
    """Break the connection off."""
    raise Gone


def slow(seconds: float) -> Answering:
    """Answer rightly, but so much later."""

    def fault(request: Request, forward: Forward) -> Answer:
        time.sleep(seconds)
        return forward(request)

    return fault


def refusing(status: int, body: bytes, kind: str = "application/json") -> Answering:
    """Ask nobody and answer this."""

    def fault(request: Request, forward: Forward) -> Answer:
        return Answer(status, body if request.method != "HEAD" else b"", {"Content-Type": kind})

    return fault


def after(requests: int, then: Answering) -> Answering:
    """Change nothing for so many requests, and fail from then on."""
    number = count()

    def fault(request: Request, forward: Forward) -> Answer:
        return (passed if next(number) < requests else then)(request, forward)

    return fault


def half_bulk(drawn: random.Random) -> Answering:
    """Let each item of a bulk load be refused for lack of room, half of the time, and take the others."""

    def fault(request: Request, forward: Forward) -> Answer:
        if not request.path.endswith("/_bulk"):
            return forward(request)
        lines = request.body.splitlines(keepends=True)
        items = [b"".join(lines[start : start + 2]) for start in range(0, len(lines), 2)]
        is_taken = [drawn.random() < 0.5 for _ in items]
        taken = [item for item, takes in zip(items, is_taken, strict=True) if takes]
        answers = iter(_taken(forward, request, taken))
        refused = {"index": {"status": 429, "error": {"type": "rejected_execution_exception", "reason": ""}}}
        told = {"errors": True, "items": [next(answers) if takes else refused for takes in is_taken]}
        return Answer(200, orjson.dumps(told), {"Content-Type": "application/json"})

    return fault


def _taken(forward: Forward, request: Request, items: list[bytes]) -> list[object]:
    if not items:
        return []
    found: list[object] = orjson.loads(forward(request._replace(body=b"".join(items))).body)["items"]
    return found


class HttpProxy:
    """A proxy in a thread of its own."""

    def __init__(self, target: str) -> None:
        """`target` is the address of the service (`http://host:port`)."""
        self.requests = 0
        """Requests that came (count), whatever became of them."""

        self.bytes = 0
        """Bodies of requests and answers (bytes)."""

        self.target = urlsplit(target).netloc
        self.answering: Answering = passed
        self._server = _Server((HOST, 0), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    def fail(self, answering: Answering) -> None:
        """Answer like this from now on."""
        self.answering = answering

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: HttpProxy


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, and the one to the service behind it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._service = HTTPConnection(self.server.proxy.target)

    def finish(self) -> None:
        self._service.close()
        with suppress(OSError):
            super().finish()

    def answer(self) -> None:
        proxy = self.server.proxy
        proxy.requests += 1
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = Request(self.command, self.path, dict(self.headers.items()), body)
        try:
            told = proxy.answering(request, self._forward)
        except (Gone, OSError):
            self.close_connection = True
            return
        proxy.bytes += len(body) + len(told.body)
        with suppress(OSError):  # the client may have given up
            self._tell(told)

    def _forward(self, request: Request) -> Answer:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        self._service.request(request.method, request.path, request.body, headers)
        answer = self._service.getresponse()
        return Answer(answer.status, answer.read(), dict(answer.getheaders()))

    def _tell(self, told: Answer) -> None:
        headers = {name: value for name, value in told.headers.items() if name.lower() not in HOP}
        self.send_response_only(told.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        self.wfile.write(told.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class TcpProxy:
    """Passes bytes both ways until it fails: then it breaks every connection off."""

    def __init__(self, host: str, port: int) -> None:
        """`host` and `port` are those of the service."""
        self.refused = 0
        """Connections that came while it failed (count)."""

        self.requests = 0
        """Pieces that a client sent (count): commands, where it waits for each."""

        self.bytes = 0
        """What went either way (bytes)."""

        self._is_up = True
        self._target = (host, port)
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server((HOST, 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        """Where clients find it, on loopback."""
        return int(self._listening.getsockname()[1])

    def fail(self) -> None:
        """Break off what is open, and whatever comes."""
        self._is_up = False
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Pass bytes again."""
        self._is_up = True

    def close(self) -> None:
        """Take no more connections."""
        self.fail()
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                if self._is_up:
                    service = socket.create_connection(self._target)
                    for source, sink in ((client, service), (service, client)):
                        self._open.add(source)
                        is_client = source is client
                        given = (source, sink, is_client)
                        threading.Thread(target=self._pass_on, args=given, daemon=True).start()
                else:
                    self.refused += 1
                    client.close()

    def _pass_on(self, source: socket.socket, sink: socket.socket, is_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self.requests += is_client
                self.bytes += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        self._open.discard(source)
        source.close()


@contextmanager
def proxied(target: str) -> Iterator[HttpProxy]:
    """Stand between clients and a service."""
    proxy = HttpProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
