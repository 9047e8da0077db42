"""Server-sent events: one typed stream, several events to a packet, a heartbeat in the silence."""

import asyncio

from starlette.types import Receive, Send

from agent.asgi import NO_STORE, Header
from agent.exchanges import Exchange
from agent.frames import heartbeat_frame
from memory.errors import AgentError

STREAM_TYPE = "text/event-stream"
HEARTBEAT_S = 10.0
"""Longest silence (seconds); proxies and the platform drop connections that are silent for a minute."""

STREAM_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    NO_STORE,
    (b"x-accel-buffering", b"no"),
)


class Bell:
    """Wakes the sender of one stream: for events, for a heartbeat, and when the client has left."""

    def __init__(self, heartbeat_s: float) -> None:
        self.client_left = False
        self.is_silent = False
        self._heartbeat_s = heartbeat_s
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._last_s = self._loop.time()
        self._timer = self._loop.call_later(heartbeat_s, self._tick)

    def ring(self) -> None:
        """Wake the sender."""
        self._rung.set()

    async def wait(self) -> None:
        """Sleep until there is something to do."""
        await self._rung.wait()
        self._rung.clear()

    def sent(self) -> None:
        """Something was sent: the silence begins anew. The timer finds that out by itself."""
        self._last_s = self._loop.time()
        self.is_silent = False

    async def watch(self, receive: Receive) -> None:
        """Ring when the client has left."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        self.ring()

    def stop(self) -> None:
        """Let go of the timer."""
        self._timer.cancel()

    def _tick(self) -> None:
        left_s = self._last_s + self._heartbeat_s - self._loop.time()
        if left_s <= 0:
            self.is_silent = True
            self.ring()
            left_s = self._heartbeat_s
        self._timer = self._loop.call_later(left_s, self._tick)


async def send_stream(
    exchange: Exchange,
    receive: Receive,
    send: Send,
    headers: tuple[Header, ...],
    *,
    heartbeat_s: float,
) -> None:
    """Send the events of an exchange from its start on, until it ends or the client leaves.

    The status waits for the first event: a turn that is refused before it began gets a status of its own.

    Raises:
        AgentError: what went wrong before anything was sent.
    """
    bell = Bell(heartbeat_s)
    watcher = asyncio.create_task(bell.watch(receive))
    exchange.listen(bell.ring)
    try:
        await _pump(exchange, bell, send, headers)
    finally:
        exchange.leave(bell.ring)
        watcher.cancel()
        bell.stop()


async def _pump(exchange: Exchange, bell: Bell, send: Send, headers: tuple[Header, ...]) -> None:
    frames, done, is_open = exchange.stream(), 0, False
    is_over = False
    while not (is_over or bell.client_left):
        is_over = exchange.outcome is not None
        if isinstance(exchange.outcome, AgentError) and not is_open:
            raise exchange.outcome
        ready = b"".join(frames[done:])
        done = len(frames)
        if bell.is_silent and not ready:
            ready = heartbeat_frame(max(done - 1, 0))
        if ready or is_over:
            if not is_open:
                start = {"type": "http.response.start", "status": 200}
                await send(start | {"headers": [*STREAM_HEADERS, *headers]})
                is_open = True
            await send({"type": "http.response.body", "body": ready, "more_body": not is_over})
            bell.sent()
        if not is_over:
            await bell.wait()
