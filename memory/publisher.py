"""Moves events from the outbox to their destinations: at least once, in order, and only what failed again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from memory.backoff import Backoff
from memory.errors import StorageFailed
from memory.outbox import Deliver, Queue, Refusal, SqliteOutbox
from memory.records import SessionEvent

POISON = (ValueError, TypeError, OverflowError)
"""What an event raises that a destination cannot hold at all; Arrow's own errors are among them."""


class Publisher:
    """Empties the queues of one outbox; a destination that fails is left alone for a while."""

    def __init__(
        self,
        outbox: SqliteOutbox,
        routes: Mapping[Queue, Deliver],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._outbox = outbox
        self._routes = routes
        self._backoffs = {queue: Backoff(monotonic=monotonic, draw=draw) for queue in routes}
        self._sending = {queue: asyncio.Lock() for queue in routes}

    @property
    def is_busy(self) -> bool:
        """True while events wait for a destination; dead letters wait for nobody."""
        return any(self._outbox.is_waiting(queue) for queue in self._routes)

    async def publish(self) -> dict[Queue, str]:
        """Send what waits, where it is due; returns why a destination did not take all, if so."""
        due = [queue for queue in self._routes if self._backoffs[queue].is_due]
        reasons = await asyncio.gather(*(self._trouble(queue) for queue in due))
        return {queue: reason for queue, reason in zip(due, reasons, strict=True) if reason}

    async def _trouble(self, queue: Queue) -> str | None:
        try:
            refused = await self.drain(queue)
        except StorageFailed as failure:
            return str(failure)
        return refused[0].reason if refused else None

    async def drain(self, queue: Queue) -> list[Refusal]:
        """Send all that waits now, due or not, until a refusal; returns those that are not final.

        What comes meanwhile is left for the next time, so that the lake gets no file a turn. A queue
        without a destination is left as it is.

        Raises:
            StorageFailed: the destination or the journal cannot be used.
        """
        held: list[Refusal] = []
        if queue not in self._routes:
            return held
        backoff, deliver = self._backoffs[queue], self._routes[queue]

        async def watched(events: Sequence[SessionEvent]) -> Mapping[str, Refusal]:
            refused = await deliver(events) or {}
            held.extend(one for one in refused.values() if one.fate != "dead")
            return refused

        async with self._sending[queue]:
            try:
                waiting = self._outbox.pending(queue)
                while waiting > 0 and not held:
                    left = await self._outbox.drain(watched, queue=queue)
                    waiting = waiting - left if left else 0
            except StorageFailed:
                backoff.failed()
                raise
            if held:
                backoff.failed(max(one.after_s for one in held))
            else:
                backoff.worked()
        return held


def without_poison(write: Callable[[Sequence[SessionEvent]], Awaitable[None]]) -> Deliver:
    """Deliver by `write`, which takes all or none; an event that spoils its batch is found by halving."""

    async def deliver(events: Sequence[SessionEvent]) -> dict[str, Refusal]:
        try:
            await write(events)
        except POISON as error:
            if len(events) == 1:
                return {events[0].event_id: Refusal(f"{type(error).__name__}: it cannot be stored", "dead")}
            middle = len(events) // 2
            return await deliver(events[:middle]) | await deliver(events[middle:])
        return {}

    return deliver
