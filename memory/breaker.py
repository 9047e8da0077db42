"""Keeps a service that is down or slow from slowing those who ask it (circuit breaker, Nygard 2007).

After some failures in a row the service is left alone for a while, and who asks meanwhile is told at once.
Then a single call may try it: an answer ends the rest, another failure doubles it up to a bound.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from memory.errors import AgentError, StorageFailed

FAILURES = 3
"""Failures in a row after which a service is left alone; fewer would do so for a single lost packet."""

FIRST_REST_S = 1.0
LONGEST_REST_S = 60.0
"""How long it is left alone the first time, and at most (seconds)."""

PATIENCE = 0.5
"""Share of the time budget from which a call that its caller gave up counts as too slow."""

Answer = TypeVar("Answer")


class ServiceUnavailable(StorageFailed):
    """A service of the network does not answer, or not in time."""

    code = "memory.service_unavailable"
    kind = "unavailable"

    def __init__(self, service: str, reason: str) -> None:
        AgentError.__init__(
            self,
            f"{service} cannot be used: {reason}.",
            fix="Check its address and that it runs; `slipstream config check` tries it.",
        )


class Breaker:
    """Calls one service within a time budget; belongs to one event loop."""

    def __init__(
        self,
        service: str,
        *,
        budget_s: float,
        failures: tuple[type[Exception], ...] = (OSError,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch `service`; `failures` are the errors that mean it is down, others pass through unchanged."""
        self._service = service
        self._budget_s = budget_s
        self._failures: tuple[type[Exception], ...] = (TimeoutError, *failures)
        self._clock = clock
        self._in_a_row = 0
        self._rest_s = FIRST_REST_S
        self._until = 0.0
        """When the service may be tried again, by the clock; means nothing before `FAILURES` in a row."""

        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """True while calls are refused."""
        if self._in_a_row < FAILURES:
            return False
        return self._is_trying or self._clock() < self._until

    async def call(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what `work` returns.

        Raises:
            ServiceUnavailable: it failed, took longer than the budget, or was not asked because of that.
        """
        if self.is_open:
            raise ServiceUnavailable(self._service, "it did not answer lately and is left alone for a while")
        self._is_trying = self._in_a_row >= FAILURES
        start = self._clock()
        try:
            async with asyncio.timeout(self._budget_s):
                answer = await work()
        except self._failures as error:
            self._failed()
            reason = str(error)[:160] or f"no answer within {self._budget_s * 1000:.0f} ms"
            raise ServiceUnavailable(self._service, reason) from error
        except asyncio.CancelledError:
            # a caller in a hurry says nothing about the service, one that waited long enough does
            if self._clock() - start >= PATIENCE * self._budget_s:
                self._failed()
            raise
        finally:
            self._is_trying = False
        self._in_a_row, self._rest_s = 0, FIRST_REST_S
        return answer

    def _failed(self) -> None:
        self._in_a_row += 1
        if self._in_a_row >= FAILURES:
            self._until = self._clock() + self._rest_s
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
