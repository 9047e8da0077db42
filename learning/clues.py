"""The clues of every step of a log at once: `memory.clues.find_clues`, compiled."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.compiled import compiled
from learning.histories import Earlier
from learning.sessions import Sessions
from memory.clues import (
    BEFORE_WORDS,
    DAYS,
    EARLIER_TEXTS,
    EARLIER_WORDS,
    FADE,
    GAP_PLACES,
    GAPS,
    HISTORY,
    HOURS,
    LAST_WORDS,
    LENGTHS,
    OPENING_WORDS,
    PAIRS,
    RECENT,
    SEEN_AT_MOST,
    SIZES,
    Layout,
)

Column = NDArray[Any]
Ints = NDArray[np.int64]

MOST = RECENT + 2 * SEEN_AT_MOST + 2 + GAP_PLACES + 3 + 2 * HISTORY + 2
MOST_WORDS = 2 * LAST_WORDS + BEFORE_WORDS + EARLIER_WORDS + OPENING_WORDS
"""Most clues of one step: those of steps, times and history, and those of words."""


class StepClues(NamedTuple):
    """The clues of some steps, one step after the other."""

    features: NDArray[np.int32]
    weights: NDArray[np.float32]
    starts: Ints
    """Step `n` has the clues `starts[n]` to `starts[n + 1]`."""


def find_all(
    sessions: Sessions,
    at: Ints,
    words: NDArray[np.int32],
    word_offsets: Ints,
    histories: Earlier,
    where: Layout,
) -> StepClues:
    """Return the clues that the steps before each place `at` (in order) give; none may begin a session.

    `sessions.steps` are numbers below the label count for known labels, and that count for unknown ones.
    `words` are numbers of known words. `histories` is what `learning.histories.earlier_steps` returned.
    """
    session = np.searchsorted(sessions.offsets, at, side="right") - 1
    space = len(at) * (MOST + (MOST_WORDS if len(words) else 0))
    features, weights = np.empty(space, np.int32), np.empty(space, np.float32)
    starts = np.zeros(len(at) + 1, np.int64)
    _fill(
        at,
        sessions.offsets[session],
        sessions.steps,
        sessions.times,
        words,
        word_offsets,
        histories.steps,
        histories.starts[session],
        histories.ends[session],
        np.array(where, np.int64),
        features,
        weights,
        starts,
    )
    return StepClues(
        features[: starts[-1]], weights[: starts[-1]], starts
    )  # what is cut off was never touched


@compiled
def _fill(
    at: Ints,
    begin: Column,
    steps: Column,
    times: Column,
    words: Column,
    word_offsets: Column,
    old: Column,
    old_starts: Column,
    old_ends: Column,
    where: Column,
    features: Column,
    weights: Column,
    starts: Column,
) -> None:
    """Go through the places in order; within a session the strength of each step is carried on."""
    width = where[0]
    strength = np.zeros(width, np.float64)
    met = np.zeros(width, np.int64)
    count = 0
    session, done = -1, 0
    counts = np.zeros(width, np.int64)
    put = 0
    for row in range(len(at)):
        if begin[row] != session:
            for n in range(count):
                strength[met[n]] = 0.0
            count, session, done = 0, begin[row], begin[row]
        while done < at[row]:
            for n in range(count):
                strength[met[n]] *= FADE
            step = steps[done] + 1
            if strength[step] == 0.0:
                met[count] = step
                count += 1
            strength[step] += 1.0
            done += 1
        put = _steps(session, at[row], steps, met, count, strength, where, features, weights, put)
        put = _times(session, at[row], times, where, features, weights, put)
        last = steps[at[row] - 1] + 1
        put = _own(last, old, old_starts[row], old_ends[row], counts, where, features, weights, put)
        if len(words):
            put = _words(session, at[row], words, word_offsets, where, features, weights, put)
        starts[row + 1] = put


@compiled
def _steps(
    begin: int,
    at: int,
    steps: Column,
    met: Column,
    count: int,
    strength: Column,
    where: Column,
    features: Column,
    weights: Column,
    put: int,
) -> int:
    for place in range(RECENT):
        step = steps[at - 1 - place] + 1 if at - 1 - place >= begin else 0
        features[put], weights[put] = place * where[0] + step, 1.0
        put += 1
    each = 1 / math.sqrt(count)
    for n in range(max(0, count - SEEN_AT_MOST), count):
        features[put], weights[put] = where[1] + met[n], each
        features[put + 1], weights[put + 1] = where[2] + met[n], strength[met[n]] / 2
        put += 2
    features[put], weights[put] = where[3] + steps[begin] + 1, 1.0
    features[put + 1], weights[put + 1] = where[4] + min(at - begin, LENGTHS - 1), 1.0
    return put + 2


@compiled
def _pause(seconds: float) -> int:
    return min(GAPS - 1, int(math.log2(seconds + 1))) if seconds > 0 else 0


@compiled
def _times(
    begin: int, at: int, times: Column, where: Column, features: Column, weights: Column, put: int
) -> int:
    now = times[at - 1]
    for place in range(min(GAP_PLACES, at - begin - 1)):
        gap = _pause(times[at - 1 - place] - times[at - 2 - place])
        features[put], weights[put] = where[5] + place * GAPS + gap, 1.0
        put += 1
    features[put], weights[put] = where[6] + _pause((now - times[begin]) / 4), 1.0
    features[put + 1], weights[put + 1] = where[7] + int(now) // 3_600 % HOURS, 1.0
    features[put + 2], weights[put + 2] = where[8] + int(now) // 86_400 % DAYS, 1.0
    return put + 3


@compiled
def _own(
    last: int,
    old: Column,
    start: int,
    end: int,
    counts: Column,
    where: Column,
    features: Column,
    weights: Column,
    put: int,
) -> int:
    for place in range(2):
        total = 0
        before = 0
        for n in range(start, end):
            step = old[n]
            if step != 0 and (place == 0 or before == last):
                counts[step] += 1
                total += 1
            before = step
        if total == 0:
            continue
        share = 1.0 if place == 0 else total / (total + 1)
        for n in range(start, end):
            step = old[n]
            if counts[step] > 0:
                features[put] = where[9 + place] + step
                weights[put] = math.sqrt(counts[step] / total) * share
                counts[step] = 0
                put += 1
        size = 0
        while total > 1:
            total >>= 1
            size += 1
        features[put], weights[put] = where[11] + place * SIZES + size, 1.0
        put += 1
    return put


@compiled
def _words(
    begin: int,
    at: int,
    words: Column,
    offsets: Column,
    where: Column,
    features: Column,
    weights: Column,
    put: int,
) -> int:
    start, end = max(offsets[at - 1], offsets[at] - LAST_WORDS), offsets[at]
    put = _bag(where[12], words, start, end, features, weights, put)
    for n in range(start, end - 1):
        features[put] = where[16] + _pair(words[n], words[n + 1])
        weights[put] = 1 / math.sqrt(end - start)
        put += 1
    if at - begin > 1:
        start, end = max(offsets[at - 2], offsets[at - 1] - BEFORE_WORDS), offsets[at - 1]
        put = _bag(where[13], words, start, end, features, weights, put)
        start, end = offsets[begin], min(offsets[begin + 1], offsets[begin] + OPENING_WORDS)
        put = _bag(where[15], words, start, end, features, weights, put)
    if at - begin > 2:
        end = offsets[at - 2]
        start = max(offsets[max(begin, at - 2 - EARLIER_TEXTS)], end - EARLIER_WORDS)
        put = _bag(where[14], words, start, end, features, weights, put)
    return put


@compiled
def _bag(block: int, words: Column, start: int, end: int, features: Column, weights: Column, put: int) -> int:
    for n in range(start, end):
        features[put], weights[put] = block + words[n], 1 / math.sqrt(end - start)
        put += 1
    return put


@compiled
def _pair(one: int, two: int) -> int:
    mixed = (np.uint64(one + 1) * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(two + 1)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return int(mixed % np.uint64(PAIRS))
