"""Requests and their answers: one that comes again joins the first, or gets the same answer."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from agent.frames import error_frame, event_frame, final_frame
from memory.errors import AgentError
from memory.turns import StreamEvent

LOG = logging.getLogger(__name__)

REPLAY_ENTRIES = 1000
"""Answers kept for repeats; some 10 kB each."""

REPLAY_S = 600.0
"""How long an answer is kept (seconds); clients and the platform re-send within a minute or two."""

RUNNING_AT_MOST = 1000
"""Requests worked on at the same time; a session's machine has two cores."""

BUFFER_BYTES = 512 * 1024
"""Events of one stream that are kept for slow clients and joiners; beyond it only its end is kept."""


class Key(NamedTuple):
    """What makes two requests the same one."""

    tenant: str
    user: str
    session_id: str
    request_id: str


class RequestConflict(AgentError):
    """A request id came again with another request."""

    code = "agent.request_conflict"
    kind = "conflict"

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"The request id `{request_id[:80]}` was used for another request of this session.",
            fix="Send a new request id with every new request.",
        )


class ServerBusy(AgentError):
    """As many requests as there may be are being worked on."""

    code = "agent.busy"
    kind = "unavailable"

    def __init__(self) -> None:
        super().__init__(
            f"{RUNNING_AT_MOST} requests are being answered.", fix="Wait a second, then send it again."
        )


class ServerStopping(AgentError):
    """The server was asked to stop; it finishes what runs and takes nothing new."""

    code = "agent.stopping"
    kind = "unavailable"

    def __init__(self) -> None:
        super().__init__("The agent is stopping.", fix="Send the request again; another instance takes it.")


class RequestFailed(AgentError):
    """Something failed that nobody had foreseen; what it was stands in the log, not in the answer."""

    code = "agent.request_failed"
    kind = "internal"

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"The request failed unexpectedly; the log tells why under `{request_id}`.",
            fix="Send it again; if it fails again, report that id.",
        )


class Exchange:
    """One request and all that is known of its answer."""

    def __init__(self, key: Key, digest: bytes | None) -> None:
        self.key = key
        self.digest = digest
        """Of what was asked; `None` when nobody else knows the request id, so that it cannot come again."""

        self.frames: list[bytes] = []
        """Its events so far, encoded."""

        self.outcome: bytes | AgentError | None = None
        """Body of the answer, or what went wrong; `None` while it runs."""

        self.task: asyncio.Task[None] | None = None
        self._buffered_bytes = 0
        self._next_id = 0
        self._has_end = False
        self._listeners: list[Callable[[], None]] = []

    def emit(self, event: StreamEvent) -> None:
        """Add an event; must be called on the loop that reads it."""
        self._next_id = event.id + 1
        is_end = event.type in ("final", "error")
        self._has_end = self._has_end or is_end
        if self._buffered_bytes > BUFFER_BYTES and not is_end:
            return
        self._add(event_frame(event))

    def finish(self, outcome: bytes | AgentError) -> None:
        """Set the outcome and make sure that the stream ends with it."""
        self.outcome = outcome
        if not self._has_end:
            self._add(
                final_frame(self._next_id, outcome)
                if isinstance(outcome, bytes)
                else error_frame(self._next_id, outcome)
            )
        self._wake()

    def condense(self) -> None:
        """Keep the outcome alone for those who ask later; who reads already has the list."""
        self.frames = []

    def stream(self) -> list[bytes]:
        """Return its events so far, a list that grows; of a condensed exchange the end alone."""
        if isinstance(self.outcome, bytes) and not self.frames:
            return [final_frame(0, self.outcome)]
        return self.frames

    async def result(self) -> bytes:
        """Wait for the body of the answer; the work goes on when the waiter is gone.

        Raises:
            AgentError: what went wrong.
        """
        if self.outcome is None and self.task is not None:
            await asyncio.shield(self.task)
        if isinstance(self.outcome, bytes):
            return self.outcome
        raise self.outcome or ServerStopping()

    def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` for every event and at the end."""
        self._listeners.append(wake)

    def leave(self, wake: Callable[[], None]) -> None:
        """Stop calling `wake`."""
        self._listeners.remove(wake)

    def _add(self, frame: bytes) -> None:
        self._buffered_bytes += len(frame)
        self.frames.append(frame)
        self._wake()

    def _wake(self) -> None:
        for wake in self._listeners:
            wake()


Work = Callable[[Exchange], Awaitable[bytes]]
"""Answers a request: returns the body, raises AgentError, and may `emit` events on the way."""


class Exchanges:
    """All requests that run, and the answers given of late."""

    def __init__(self, *, clock: Callable[[], float], on_change: Callable[[], object]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._running: dict[Key, Exchange] = {}
        self._answered: OrderedDict[Key, tuple[float, Exchange]] = OrderedDict()

    @property
    def running(self) -> int:
        """Requests being worked on (count), whether or not a client still waits."""
        return len(self._running)

    def begin(self, key: Key, digest: bytes | None, work: Work) -> Exchange:
        """Start `work`, or return the exchange that answers the same request already.

        Raises:
            RequestConflict: the key was used for a request with another digest.
            ServerBusy: too much is running.
        """
        known = self._known(key)
        if known is not None:
            if known.digest != digest:
                raise RequestConflict(key.request_id)
            return known
        if len(self._running) >= RUNNING_AT_MOST:
            raise ServerBusy
        exchange = self._running[key] = Exchange(key, digest)
        exchange.task = asyncio.create_task(self._run(exchange, work))
        self._on_change()
        return exchange

    async def settle(self, within_s: float) -> None:
        """Wait until nothing runs; what takes longer than `within_s` (seconds) is cancelled."""
        tasks = [exchange.task for exchange in self._running.values() if exchange.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _run(self, exchange: Exchange, work: Work) -> None:
        outcome: bytes | AgentError = ServerStopping()
        try:
            outcome = await work(exchange)
        except AgentError as error:
            outcome = error
        except Exception:
            LOG.exception("A request failed")
            outcome = RequestFailed(exchange.key.request_id)
        finally:
            exchange.finish(outcome)
            self._close(exchange)

    def _close(self, exchange: Exchange) -> None:
        """Keep an answer for repeats; a failure is not kept, so that a repeat can do better."""
        del self._running[exchange.key]
        exchange.task = None  # its context holds the headers and the token of the request
        if isinstance(exchange.outcome, bytes) and exchange.digest is not None:
            exchange.condense()
            self._answered[exchange.key] = (self._clock(), exchange)
            if len(self._answered) > REPLAY_ENTRIES:
                self._answered.popitem(last=False)
        self._on_change()

    def _known(self, key: Key) -> Exchange | None:
        """Return what runs or was answered under the key, after dropping answers that are too old."""
        horizon = self._clock() - REPLAY_S
        while self._answered and next(iter(self._answered.values()))[0] < horizon:
            self._answered.popitem(last=False)
        answered = self._answered.get(key)
        return self._running.get(key) or (answered[1] if answered else None)
