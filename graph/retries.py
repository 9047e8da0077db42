"""What a turn may still spend on chat models that fail: retries, time, and patience with each of them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from memory.breaker import Breaker, ServiceUnavailable

TRANSIENT_CODES = frozenset(
    "throttlingexception throttling toomanyrequestsexception modeltimeoutexception modelnotreadyexception "
    "modelstreamerrorexception serviceunavailableexception serviceunavailable internalserverexception "
    "internalfailure requesttimeout requesttimeoutexception slowdown".split()
)
"""Error codes of services, lower case (a stream writes them with another first letter), that may pass by."""

TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 529})

TRANSIENT_TYPES = frozenset(
    "ConnectionError HTTPClientError ResponseParserError APIConnectionError TransportError gaierror".split()
)
"""Names of exception classes for a connection that failed or was cut; by name, as the clients differ."""

TIMEOUT_TYPES = frozenset("TimeoutError ReadTimeoutError APITimeoutError TimeoutException".split())

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 2.0
"""Bounds of the random wait before a retry (seconds); the first doubles with every retry of the turn."""

SHARE = 0.5
"""Share of the time left that one attempt at a model may take, so that there is always some for the next."""


Answer = TypeVar("Answer")


class ModelDown(Exception):
    """What a breaker counts: the service failed, whichever client tells it; the cause is that failure."""


async def behind(breaker: Breaker | None, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work that asks a model, unless the model is left alone; failures come out as they are.

    Raises:
        ServiceUnavailable: the model failed several times in a row and was not asked.
    """
    if breaker is None:
        return await work()

    async def counted() -> Answer:
        try:
            return await work()
        except Exception as failure:
            if is_transient(failure):
                raise ModelDown from failure
            raise

    try:
        return await breaker.call(counted)
    except ServiceUnavailable as refusal:
        cause = refusal.__cause__
        failure = cause.__cause__ if isinstance(cause, ModelDown) else cause
        raise failure or refusal from None


def is_timeout(failure: Exception) -> bool:
    """Return whether the other side took too long: asking again would take as long again."""
    return not _types(failure).isdisjoint(TIMEOUT_TYPES)


def is_transient(failure: Exception) -> bool:
    """Return whether the service, not the request or the answer, is to blame, whichever client tells it."""
    response = getattr(failure, "response", None)
    if isinstance(response, dict):  # botocore
        code = str(response.get("Error", {}).get("Code", "")).lower()
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return code in TRANSIENT_CODES or status in TRANSIENT_STATUS
    if getattr(failure, "status_code", None) in TRANSIENT_STATUS:
        return True
    return is_timeout(failure) or not _types(failure).isdisjoint(TRANSIENT_TYPES)


def _types(failure: Exception) -> set[str]:
    return {one.__name__ for one in type(failure).__mro__}


class RetryBudget:
    """Counts down within one turn."""

    def __init__(
        self,
        *,
        turn_s: float = 30.0,
        retries: int = 2,
        draw: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the turn's time; `draw` returns a number between its two arguments, evenly."""
        self._retries = retries
        self._spent = 0
        self._draw = draw
        self._clock = clock
        self._ends = clock() + turn_s
        self._given_up: set[str] = set()

    def attempt_s(self, limit_s: float) -> float:
        """Return how long an attempt may take that others may have to follow (seconds)."""
        return min(limit_s, SHARE * max(0.0, self._ends - self._clock()))

    async def retry(self) -> bool:
        """Wait a random time and return `True`; `False`, at once, when the turn has no retry left.

        Full jitter (Brooker, 2015): callers that were throttled together do not come back together.
        """
        bound = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**self._spent)
        if self._spent >= self._retries or bound > self.attempt_s(bound):
            return False
        self._spent += 1
        await asyncio.sleep(self._draw(0.0, bound))
        return True

    def give_up(self, skills: str) -> None:
        """Ask these skills no more in this turn."""
        self._given_up.add(skills)

    def has_given_up(self, skills: str) -> bool:
        """Return whether these skills failed for good in this turn."""
        return skills in self._given_up
