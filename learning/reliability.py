"""Whether confidences keep what they promise: how often each came true, in groups of equal size."""

import math
from collections.abc import Sequence
from itertools import pairwise

from memory.records import Record

GROUPS = 8
GROUP_SIZE = 20
"""Least suggestions of a group (count); fewer say nothing about a rate."""

CERTAINTY = 1.96
"""Standard errors of a 95 % interval."""


class Promise(Record):
    """A group of suggestions of about the same confidence."""

    confidence: float
    """Mean confidence (0 to 1)."""

    rate: float
    """Share that came true (0 to 1)."""

    low: float
    """Lower end of the 95 % interval of the share."""

    high: float
    count: int
    """Suggestions in the group."""


def promises(confidences: Sequence[float], hits: Sequence[bool]) -> list[Promise]:
    """Return groups by rising confidence; fewer than `GROUPS` where there is little to group.

    Intervals are those of Wilson, "Probable inference, the law of succession, and statistical inference"
    (1927), which stay within 0 and 1.
    """
    pairs = sorted(zip(confidences, hits, strict=True))
    groups = max(1, min(GROUPS, len(pairs) // GROUP_SIZE))
    borders = [_past_equals(pairs, len(pairs) * number // groups) for number in range(groups + 1)]
    parts = [pairs[a:b] for a, b in pairwise(borders) if b > a]
    return [_promise(part) for part in parts]


def calibration_gap(groups: Sequence[Promise]) -> float | None:
    """Return the mean distance of confidence and share (0 to 1), by count; `None` without groups."""
    total = sum(group.count for group in groups)
    if not total:
        return None
    return sum(abs(group.confidence - group.rate) * group.count for group in groups) / total


def _past_equals(pairs: Sequence[tuple[float, bool]], border: int) -> int:
    """Move a border on, so that equal confidences, sorted by whether they came true, stay together."""
    while 0 < border < len(pairs) and pairs[border][0] == pairs[border - 1][0]:
        border += 1
    return border


def _promise(part: Sequence[tuple[float, bool]]) -> Promise:
    count = len(part)
    rate = sum(hit for _, hit in part) / count
    spread = CERTAINTY**2 / count
    middle = (rate + spread / 2) / (1 + spread)
    half = CERTAINTY * math.sqrt(rate * (1 - rate) / count + spread / (4 * count)) / (1 + spread)
    return Promise(
        confidence=sum(confidence for confidence, _ in part) / count,
        rate=rate,
        low=max(0.0, middle - half),
        high=min(1.0, middle + half),
        count=count,
    )
