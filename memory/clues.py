"""Clues: what the next-step network looks at in a session so far, as numbers of features with weights.

The learner makes the same clues for millions of steps at once (`learning/clues.py`).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

RECENT = 6
"""Last steps whose place counts."""

FADE = 0.8
"""What a step weighs against the one after it, in the block of fading steps."""

SEEN_AT_MOST = 24
"""Different steps of a session that are looked at, the latest first met."""

LENGTHS, GAPS, HOURS, DAYS, SIZES = 32, 16, 24, 7, 16

GAP_PLACES = 3
"""Last pauses between steps that are looked at."""

LAST_WORDS, BEFORE_WORDS, EARLIER_WORDS, OPENING_WORDS = 24, 20, 30, 24
"""Known words of the last text, of the one before, of the four before that, of the first one."""

EARLIER_TEXTS = 4

PAIRS = 1 << 14
"""Cells that pairs of neighbouring words share by hash."""

HISTORY = 64
"""Last steps of a user's earlier sessions that are looked at."""

NONE = 0
"""No step: before the first of a session. Labels count from 1, the last number is any unknown label."""

_PRIME = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


class Layout(NamedTuple):
    """Number of the first feature of each block, and of all features."""

    steps: int
    """Numbers that a step can have: the labels, `NONE` and the unknown label."""

    seen: int
    fading: int
    first: int
    length: int
    gaps: int
    elapsed: int
    hour: int
    day: int
    own: int
    own_next: int
    own_size: int
    last: int
    before: int
    earlier: int
    opening: int
    pairs: int
    size: int


def layout(labels: int, words: int) -> Layout:
    """Lay the blocks out one after the other for so many labels and words; the last steps come first."""
    steps = labels + 2
    sizes = [RECENT * steps, steps, steps, steps, LENGTHS, GAP_PLACES * GAPS, GAPS, HOURS, DAYS]
    sizes += [steps, steps, 2 * SIZES, words, words, words, words, PAIRS]
    starts = [0]
    for size in sizes:
        starts.append(starts[-1] + size)
    return Layout(steps, *starts[1:])


class Clues(NamedTuple):
    """Features that are there, and how much of each."""

    features: list[int]
    weights: list[float]


def find_clues(
    steps: Sequence[int],
    texts: Sequence[Sequence[int]],
    times: Sequence[float],
    history: Sequence[int],
    where: Layout,
) -> Clues:
    """Return the clues of a session.

    `steps` are numbers of labels from 1, oldest first, at least one. `texts` holds the numbers of the known
    words said at each step, `times` the Unix time of each step (seconds); either may be empty. `history` are
    the steps of the user's earlier sessions, each session begun by `NONE`.
    """
    found = Clues([], [])
    _step_clues(found, steps, where)
    if times:
        _time_clues(found, times, where)
    if history:
        _own_clues(found, steps[-1], history, where)
    if texts:
        _word_clues(found, texts, where)
    return found


def _step_clues(found: Clues, steps: Sequence[int], where: Layout) -> None:
    """The last steps by place, all steps as a set and fading, the first one, how many there are."""
    add, weigh = found.features.extend, found.weights.extend
    recent = [*steps[: -RECENT - 1 : -1], *[NONE] * (RECENT - len(steps))]
    add([place * where.steps + step for place, step in enumerate(recent)])
    strength: dict[int, float] = {}
    for step in steps:
        for other in strength:
            strength[other] *= FADE
        strength[step] = strength.get(step, 0.0) + 1.0
    each = 1 / math.sqrt(len(strength))
    kept = list(strength)[-SEEN_AT_MOST:]
    add([where.seen + step for step in kept])
    add([where.first + steps[0], where.length + min(len(steps), LENGTHS - 1)])
    weigh([1.0] * RECENT + [each] * len(kept) + [1.0, 1.0])
    add([where.fading + step for step in kept])
    weigh([strength[step] / 2 for step in kept])


def pause(seconds: float) -> int:
    """Return the class of a pause: doubling from one second on."""
    return min(GAPS - 1, int(math.log2(seconds + 1))) if seconds > 0 else 0


def _time_clues(found: Clues, times: Sequence[float], where: Layout) -> None:
    """The last pauses, the time since the start, hour and day of the week."""
    gaps = [
        times[at] - times[at - 1] for at in range(len(times) - 1, max(0, len(times) - 1 - GAP_PLACES), -1)
    ]
    found.features.extend(where.gaps + place * GAPS + pause(gap) for place, gap in enumerate(gaps))
    found.features.append(where.elapsed + pause((times[-1] - times[0]) / 4))
    found.features.append(where.hour + int(times[-1]) // 3_600 % HOURS)
    found.features.append(where.day + int(times[-1]) // 86_400 % DAYS)
    found.weights.extend([1.0] * (len(gaps) + 3))


def _own_clues(found: Clues, last: int, history: Sequence[int], where: Layout) -> None:
    """What the user did in earlier sessions, and what after this step."""
    seen: dict[int, int] = {}
    after: dict[int, int] = {}
    before = NONE
    for step in history:
        if step != NONE:
            seen[step] = seen.get(step, 0) + 1
            if before == last:
                after[step] = after.get(step, 0) + 1
        before = step
    for start, counts, place in ((where.own, seen, 0), (where.own_next, after, 1)):
        total = sum(counts.values())
        if not total:
            continue
        share = 1.0 if place == 0 else total / (total + 1)
        found.features.extend(start + step for step in counts)
        found.weights.extend(math.sqrt(count / total) * share for count in counts.values())
        found.features.append(where.own_size + place * SIZES + total.bit_length() - 1)
        found.weights.append(1.0)


def _word_clues(found: Clues, texts: Sequence[Sequence[int]], where: Layout) -> None:
    """Words of the last text and its pairs of neighbours, of the texts before, and of the first one."""
    last = texts[-1][-LAST_WORDS:]
    _add_words(found, where.last, last)
    if len(last) > 1:
        found.features.extend(where.pairs + pair_cell(one, two) for one, two in pairwise(last))
        found.weights.extend([1 / math.sqrt(len(last))] * (len(last) - 1))
    if len(texts) > 1:
        _add_words(found, where.before, texts[-2][-BEFORE_WORDS:])
        _add_words(found, where.opening, texts[0][:OPENING_WORDS])
    earlier = [word for text in texts[-2 - EARLIER_TEXTS : -2] for word in text]
    _add_words(found, where.earlier, earlier[-EARLIER_WORDS:])


def _add_words(found: Clues, start: int, words: Sequence[int]) -> None:
    if words:
        found.features.extend(start + word for word in words)
        found.weights.extend([1 / math.sqrt(len(words))] * len(words))


def pair_cell(one: int, two: int) -> int:
    """Return the cell of two neighbouring words."""
    mixed = (((one + 1) * _PRIME) ^ (two + 1)) * _PRIME & _MASK
    return (mixed ^ (mixed >> 29)) % PAIRS
