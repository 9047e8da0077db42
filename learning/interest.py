"""Which frequent sequences are worth a reader's time: more than chance, and not told by a longer one.

A sequence stands when each of its ends (of a gapped one, each of its steps) comes with the rest more
often than it comes anyway. Source: Webb, "Self-sufficient itemsets" (2010), and for sequences Petitjean,
Li, Tatti and Webb, "Skopus" (2016); here one step is parted at a time, and the bound is exact enough for
few sessions.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.mining import Mined
from learning.occurrences import NOWHERE, Sought, count_labels, count_runs, find_nodes, make_sought
from learning.sessions import Sessions, spread
from learning.significance import discoveries, tail_bound

CLOSED_SHARE = 0.9
"""Share (0 to 1) of a sequence's sessions in a longer one from which the longer one says it all."""

LEAST_LIFT = 1.1
"""Times chance below which a sequence, however sure, tells nobody anything."""

NEIGHBOUR_SHARE = 0.5
"""Share (0 to 1) of a gapped sequence's sessions that show it within one run of neighbours, from which that
run says it."""

LONG_STEPS = 50
"""Steps beyond which a longer session is not expected to show more."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Parts(NamedTuple):
    """Sequences of one length without one of their steps."""

    rows: Ints
    """Number of each sequence."""

    rest: Ints
    """Its other steps, one row a sequence."""

    step: Ints
    """The step taken out."""


class Judged(NamedTuple):
    """How each sequence compares with chance."""

    lift: Floats
    """Times as many sessions as chance gives, in the least surprising of its partings."""

    stands: Marks


def judge_runs(found: Mined, sessions: Sessions) -> Judged:
    """Compare runs of neighbours with an end that came by itself: at the rate it has anywhere.

    Sessions are held against chances counted by occurrence, so that a step which only tends to come
    several times in a session is not taken for more.
    """
    width = len(sessions.labels)
    sought = _sought(found, width)
    after, before = count_runs(sessions, sought)
    follows, leads = _rates(sessions)
    verdict = _Verdict(found)
    for ends, around, rate in ((-1, after, follows), (0, before, leads)):
        for part in _parts(found, ends):
            verdict.add(part.rows, around[find_nodes(sought, part.rest)], rate[part.step])
    return verdict.judged(repeats(found))


def judge_gapped(found: Mined, sessions: Sessions) -> Judged:
    """Compare each step of a gapped sequence with the share of sessions that show it anyway.

    Those are weighted by their lengths: long sessions show more of everything, together too.
    """
    width = len(sessions.labels)
    sought = _sought(found, width)
    support = np.zeros(len(sought.keys) + 1, np.int64)
    single, presence = _presence(sessions)
    support[find_nodes(sought, np.arange(width)[:, None])] = single
    support[sought.nodes[width:]] = found.sessions
    verdict = _Verdict(found)
    for taken in range(int(np.diff(found.offsets).max(initial=0))):
        for part in _parts(found, taken):
            verdict.add(part.rows, support[find_nodes(sought, part.rest)], presence[part.step])
    return verdict.judged(_shows_twice(found))


def repeats(found: Mined) -> Marks:
    """Mark sequences that are one step again and again."""
    marks = np.zeros(len(found.sessions), bool)
    for rows, steps in _by_length(found):
        marks[rows] = (steps == steps[:, :1]).all(axis=1)
    return marks


def take(found: Mined, rows: Ints) -> Mined:
    """Return some of the sequences, in the order given."""
    places, offsets = spread(found.offsets, rows)
    figures = {name: getattr(found, name)[rows] for name in Mined._fields[2:]}
    return found._replace(steps=found.steps[places], offsets=offsets, **figures)


class _Verdict:
    """Collects for each sequence the least surprising of its partings."""

    def __init__(self, found: Mined) -> None:
        self._seen = found.sessions
        self._tail = np.zeros(len(found.sessions))
        self._lift = np.full(len(found.sessions), np.inf)

    def add(self, rows: Ints, tries: Ints, chance: Floats) -> None:
        seen = self._seen[rows]
        self._tail[rows] = np.maximum(self._tail[rows], tail_bound(seen, tries, chance))
        self._lift[rows] = np.minimum(self._lift[rows], seen / np.maximum(tries * chance, 1e-12))

    def judged(self, repeats: Marks) -> Judged:
        return Judged(self._lift, discoveries(self._tail) & (self._lift >= LEAST_LIFT) & ~repeats)


def _shows_twice(found: Mined) -> Marks:
    """Mark sequences that show any step twice: how often a step comes again is another question."""
    marks = np.zeros(len(found.sessions), bool)
    for rows, steps in _by_length(found):
        marks[rows] = (np.diff(np.sort(steps, axis=1), axis=1) == 0).any(axis=1)
    return marks


def _parts(found: Mined, taken: int) -> Iterator[Parts]:
    """Take step number `taken` out of each sequence that has it, one length after the other."""
    for rows, steps in _by_length(found):
        if taken < steps.shape[1]:
            yield Parts(rows, np.delete(steps, taken, axis=1), steps[:, taken])


def _by_length(found: Mined) -> Iterator[tuple[Ints, Ints]]:
    """Yield the numbers of the sequences of one length, and their steps in rows; short ones first."""
    lengths = np.diff(found.offsets)
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        yield rows, found.steps[found.offsets[rows][:, None] + np.arange(length)].astype(np.int64)


def _sought(found: Mined, width: int) -> Sought:
    """Look for each step alone too; those come first."""
    steps = np.concatenate([np.arange(width), found.steps])
    offsets = np.concatenate([np.arange(width), found.offsets + width])
    return make_sought(steps, offsets, width)


def _rates(sessions: Sessions) -> tuple[Floats, Floats]:
    """Return how often a step is each label, among steps that follow one and among those that lead to one."""
    filled = np.diff(sessions.offsets) > 0
    counts = []
    for edge in (sessions.offsets[:-1][filled], sessions.offsets[1:][filled] - 1):
        inner = np.ones(len(sessions.steps), bool)
        inner[edge] = False
        counts.append(np.bincount(sessions.steps[inner], minlength=len(sessions.labels)))
    follows, leads = (count / max(int(count.sum()), 1) for count in counts)
    return follows, leads


def _presence(sessions: Sessions) -> tuple[Ints, Floats]:
    """Return how many sessions show each label, and their share when weighted by length."""
    weights = np.minimum(np.diff(sessions.offsets), LONG_STEPS)
    counts, weighted = count_labels(sessions, weights)
    return counts, weighted / max(int(weights.sum()), 1)


# --- what a longer one says already ----------------------------------------------------------------


def told_by_longer(found: Mined, width: int, *, gapped: bool) -> Marks:
    """Mark sequences whose sessions nearly all show one of `found` that is a step longer."""
    sought = make_sought(found.steps, found.offsets, width)
    most = np.zeros(len(sought.keys) + 2, np.int64)  # the last one stands for `NOWHERE`
    longest = int(np.diff(found.offsets).max(initial=0))
    for taken in range(longest) if gapped else (0, -1):
        for part in _parts(found, taken):
            np.maximum.at(most, find_nodes(sought, part.rest), found.sessions[part.rows])
    most[NOWHERE] = 0
    marks: Marks = most[sought.nodes] >= CLOSED_SHARE * found.sessions
    return marks


def told_by_neighbours(gapped: Mined, runs: Mined, width: int) -> Marks:
    """Mark gapped sequences that are mostly seen within one and the same run of neighbours."""
    sought = make_sought(gapped.steps, gapped.offsets, width)
    most = np.zeros(len(sought.keys) + 2, np.int64)  # the last one stands for `NOWHERE`
    sizes = np.unique(np.diff(gapped.offsets)).tolist()
    for rows, steps in _by_length(runs):
        for chosen in (list(some) for size in sizes for some in combinations(range(steps.shape[1]), size)):
            np.maximum.at(most, find_nodes(sought, steps[:, chosen]), runs.sessions[rows])
    most[NOWHERE] = 0
    marks: Marks = most[sought.nodes] >= NEIGHBOUR_SHARE * gapped.sessions
    return marks
