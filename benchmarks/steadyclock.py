"""A steady clock that can be moved on, so that nobody waits until a breaker or a publisher tries again."""

import time
from typing import Any

from memory.backoff import Backoff
from memory.breaker import Breaker
from memory.publisher import Publisher


class SteadyClock:
    """The machine's own, plus what was skipped."""

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def __call__(self) -> float:
        """Return the time (seconds)."""
        return time.monotonic() + self._skipped_s

    def skip(self, seconds: float = 3600.0) -> None:
        """Let so much time be over."""
        self._skipped_s += seconds


def steady_clock() -> SteadyClock:
    """Return the clock of whatever is opened from now on; for a process of its own."""
    clock = SteadyClock()
    places: list[tuple[type, str]] = [(Breaker, "clock"), (Publisher, "monotonic"), (Backoff, "monotonic")]
    for owner, name in places:
        start: Any = owner.__init__  # type: ignore[misc]
        start.__kwdefaults__[name] = clock
    return clock
