"""When to try again: full jitter, so that many who failed at once do not come back at once (Brooker 2015)."""

import random
import time
from collections.abc import Callable

FIRST_S = 0.2
"""Bound of the first wait (seconds); it doubles with every failure in a row."""

LONGEST_S = 60.0
"""No bound is above this (seconds)."""


class Backoff:
    """Counts failures in a row. It asks a steady clock only: a day that jumps changes no wait."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`draw` returns a number between its two arguments, evenly."""
        self._monotonic = monotonic
        self._draw = draw
        self._in_a_row = 0
        self._until = 0.0

    @property
    def is_due(self) -> bool:
        """True when it may be tried (again)."""
        return self._in_a_row == 0 or self._monotonic() >= self._until

    def failed(self, at_least_s: float = 0.0) -> None:
        """Wait a random time, but no less than the service has asked for."""
        bound = min(LONGEST_S, FIRST_S * 2**self._in_a_row)
        self._in_a_row = min(self._in_a_row + 1, 30)  # the bound stands by then
        self._until = self._monotonic() + max(at_least_s, self._draw(0.0, bound))

    def worked(self) -> None:
        """Forget the failures."""
        self._in_a_row = 0
