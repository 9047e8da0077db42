"""What the HTTP edge costs: start, a JSON request, a streamed event, `/ping` under silent streams."""

import asyncio
import contextlib
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.app import make_app
from benchmarks import hello
from memory.turns import StreamEvent, TurnReply, TurnRequest

ROOT = Path(__file__).parents[1]
REQUESTS = 2_000
EVENTS = 2_000
STREAMS = 200
PINGS, PEER_PINGS = 200, 5
"""The peer gets few: most of its answers never come, and each costs the five seconds of a time-out."""
STARTS = 5

App = Callable[..., Any]


class Trivial:
    """A runner that answers at once; streams as many events as the question says, or stays silent."""

    default_domain = "trivial"

    async def turn(
        self, request: TurnRequest, emit: Callable[[StreamEvent], None] | None = None
    ) -> TurnReply:
        order, _, number = request.query.partition(" ")
        if order == "silence":
            await asyncio.sleep(float(number))
        reply = TurnReply(
            session_id=request.session_id,
            request_id=request.request_id,
            domain=request.domain,
            turn=1,
            reply="yes",
        )
        if emit:
            count = int(number) if order == "events" else 0
            for n in range(count):
                emit(StreamEvent(type="token", id=n, data={"text": "a few words of it"}))
                if n % 8 == 7:
                    await asyncio.sleep(0)
            emit(StreamEvent(type="final", id=count, data=reply.model_dump(mode="json")))
        return reply

    async def feedback(self, **_: Any) -> None:
        """Take no note."""

    async def end_session(self, **_: Any) -> bool:
        """There are no sessions."""
        return False

    def domains(self) -> list[str]:
        """Return one name."""
        return ["trivial"]

    def is_busy(self) -> bool:
        """Never."""
        return False

    async def drain(self) -> None:
        """Nothing waits."""

    async def close(self) -> None:
        """Nothing is open."""


def trivial_app() -> App:
    """Return our app around the trivial runner."""

    async def opened() -> Trivial:
        return Trivial()

    return make_app(opened)


ours = trivial_app()
"""For uvicorn."""


# --- in process --------------------------------------------------------------------------------------


async def call(app: App, payload: dict[str, Any], *, stream: bool = False) -> int:
    """Send one request to an ASGI app and return the bytes of its answer (count)."""
    body = json.dumps(payload).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if stream:
        headers.append((b"accept", b"text/event-stream"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/invocations",
        "raw_path": b"/invocations",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent = 0
    done = asyncio.Event()
    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        message = next(given, None)
        if message is None:
            await done.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    await app(scope, receive, send)
    done.set()
    return sent


async def cpu_ms(work: Callable[[], Any], times: int) -> float:
    """Return the CPU time of one call, all threads (milliseconds)."""
    for _ in range(20):
        await work()
    start = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - start) / times * 1000


async def request_ms() -> float:
    """Return the CPU of a JSON request over that of the bare call behind it (milliseconds)."""
    app, runner = trivial_app(), Trivial()
    request = TurnRequest(query="yes?", session_id="s", request_id="r", domain="trivial")
    over_http = await cpu_ms(lambda: call(app, {"prompt": "yes?"}), REQUESTS)
    return over_http - await cpu_ms(lambda: runner.turn(request), REQUESTS)


async def event_ms() -> tuple[float, float]:
    """Return the CPU of one more streamed event: ours, the SDK's (milliseconds)."""

    async def slope(app: App, payload: Callable[[int], dict[str, Any]]) -> float:
        few = await cpu_ms(lambda: call(app, payload(10), stream=True), 5)
        many = await cpu_ms(lambda: call(app, payload(EVENTS), stream=True), 5)
        return (many - few) / (EVENTS - 10)

    mine = await slope(trivial_app(), lambda count: {"prompt": f"events {count}"})
    theirs = await slope(hello.app, lambda count: {"events": count})
    return mine, theirs


# --- real processes ------------------------------------------------------------------------------------


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(target: str, port: int) -> Iterator[None]:
    """Run `uvicorn target` in a process of its own."""
    command = [sys.executable, "-m", "uvicorn", target, "--port", str(port), "--log-level", "critical"]
    with tempfile.TemporaryDirectory() as state:
        environment = {**os.environ, "SLIPSTREAM_STATE_DIR": state}  # noqa: TID251 - handed to a child
        process = subprocess.Popen(
            [*command, "--loop", "asyncio"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.kill()
            process.wait()


def start_s(target: str) -> float:
    """Return the wall time from the start of a process to its first 200 on /ping (seconds)."""
    port = free_port()
    begin = time.perf_counter()
    with server(target, port):
        wait_for_ping(port)
        return time.perf_counter() - begin


def wait_for_ping(port: int) -> None:
    """Ask until there is an answer, for a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5):
                return
        except OSError:
            time.sleep(0.005)
    raise TimeoutError("no answer on /ping within 60 s")


def starts_s() -> tuple[float, float]:
    """Return the median start of ours and of the peer, taken in turn (seconds)."""
    pairs = [(start_s("main:app"), start_s("benchmarks.hello:app")) for _ in range(STARTS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


async def ping_p99_ms(target: str, payload: dict[str, Any], pings: int) -> float:
    """Return the p99 of /ping while silent streams are open (milliseconds); one that times out counts 5 s."""
    port = free_port()
    with server(target, port):
        await asyncio.to_thread(wait_for_ping, port)
        await _post_stream(port, {"prompt": "warm"})
        streams = [await _post_stream(port, payload) for _ in range(STREAMS)]
        await asyncio.sleep(1)
        times = [await _ping_ms(port) for _ in range(pings)]
        for writer in streams:
            writer.close()
    return sorted(times)[math.ceil(len(times) * 0.99) - 1]


async def _post_stream(port: int, payload: dict[str, Any]) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps(payload).encode()
    head = (
        "POST /invocations HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    return writer


async def _ping_ms(port: int) -> float:
    begin = time.perf_counter()
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await reader.read()
            writer.close()
    except TimeoutError:
        return 5000.0
    return (time.perf_counter() - begin) * 1000
