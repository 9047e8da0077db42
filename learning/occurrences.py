"""Where and when given sequences occur in a log: one pass over it for all of them, along a sought."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.compiled import compiled, in_threads
from learning.numbering import number
from learning.sessions import Sessions

WEEK_S = 7 * 86_400
"""Length of a week (seconds)."""

WEEKS = 520
"""Weeks that are told apart, counted back from the newest sessions; what is older is in the last one."""

NEWEST_IN = 100
"""One session in so many may lie beyond what is taken for now."""

NOWHERE = -1

Ints = NDArray[np.integer[Any]]


class Sought(NamedTuple):
    """Sequences by their beginnings; node 0 is the empty one, edge `n` leads to node `n + 1`."""

    keys: NDArray[np.int64]
    """Node times `width` plus the label that follows, one an edge; sorted."""

    starts: NDArray[np.int64]
    """First edge of each node, and one past the last."""

    nodes: NDArray[np.int64]
    """Node where each sequence ends."""

    width: int
    """Labels (count)."""


def make_sought(steps: Ints, offsets: Ints, width: int) -> Sought:
    """Prepare to look for sequences, `n` being `steps[offsets[n]:offsets[n + 1]]`; built level by level."""
    lengths = np.diff(offsets)
    nodes = np.zeros(len(lengths), np.int64)
    levels: list[NDArray[np.int64]] = []
    edges = 0
    for depth in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > depth)
        keys, place = number(nodes[longer] * width + steps[offsets[longer] + depth])
        nodes[longer] = place + edges + 1
        levels.append(keys)
        edges += len(keys)
    keys = np.concatenate([*levels, np.zeros(0, np.int64)])
    return Sought(keys, np.searchsorted(keys, np.arange(edges + 2) * width), nodes, width)


def find_nodes(sought: Sought, sequences: Ints) -> NDArray[np.int64]:
    """Return the node of each row of `sequences`, all of one length; `NOWHERE` where there is none."""
    nodes = np.zeros(len(sequences), np.int64)
    for label in sequences.T:
        wanted = nodes * sought.width + label
        edge = np.minimum(np.searchsorted(sought.keys, wanted), max(len(sought.keys) - 1, 0))
        found = (
            (nodes != NOWHERE) & (sought.keys[edge] == wanted)
            if len(sought.keys)
            else np.zeros(len(nodes), bool)
        )
        nodes = np.where(found, edge + 1, NOWHERE)
    return nodes


def count_runs(sessions: Sessions, sought: Sought) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each node, how often its run has a step after it, and a step before it (counts)."""

    def part(begin: int, end: int) -> NDArray[np.int64]:
        counts = np.zeros((2, len(sought.keys) + 1), np.int64)
        _count_runs(sessions.steps, sessions.offsets, begin, end, *sought[:2], sought.width, counts)
        return counts

    after, before = sum(in_threads(part, sessions.offsets), np.zeros((2, 1), np.int64))
    return after, before


def count_labels(
    sessions: Sessions, weights: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many sessions show each label, and the sum of their weights."""
    found: tuple[NDArray[np.int64], NDArray[np.int64]] = _count_labels(
        sessions.steps, sessions.offsets, weights, len(sessions.labels)
    )
    return found


def count_weeks(sessions: Sessions, sought: Sought, *, gapped: bool) -> NDArray[np.int64]:
    """Return the sessions that show each sequence by the weeks since they began (counts).

    One row a sequence, one column a week, the newest first; `gapped` lets other steps stand between.
    """
    week = weeks_ago(sessions)
    weeks = int(week.max(initial=0)) + 1

    def part(begin: int, end: int) -> NDArray[np.int32]:
        counts = np.zeros((len(sought.keys) + 1, weeks), np.int32)
        log = (sessions.steps, sessions.offsets, week, begin, end)
        _count_weeks(*log, *sought[:2], sought.width, gapped, counts)
        return counts

    found = in_threads(part, sessions.offsets)
    counts: NDArray[np.int64] = np.sum([some[sought.nodes] for some in found], axis=0, dtype=np.int64)
    return counts


def count_members(sessions: Sessions, group: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """Return the sessions of each group by weeks as `count_weeks` does; those below group 0 are in none."""
    week = weeks_ago(sessions)
    weeks = int(week.max(initial=0)) + 1
    member = group >= 0
    return np.bincount(group[member] * weeks + week[member], minlength=groups * weeks).reshape(groups, weeks)


def weeks_ago(sessions: Sessions) -> NDArray[np.int64]:
    """Return how many whole weeks ago each session began, at most `WEEKS - 1`.

    Now is when the newest hundredth of the sessions begins, so that a few wrong clocks cannot make
    everything else look old.
    """
    weeks = np.zeros(len(sessions), np.int64)
    filled = np.flatnonzero(np.diff(sessions.offsets))
    begins = sessions.times[sessions.offsets[filled]]
    if len(begins):
        now = np.sort(begins)[-1 - len(begins) // NEWEST_IN]
        weeks[filled] = np.clip((now - begins) // WEEK_S, 0, WEEKS - 1)
    return weeks


@compiled
def _child(keys: Any, starts: Any, node: int, wanted: int) -> int:
    """Return the node that `wanted` leads to, or -1."""
    low, high = starts[node], starts[node + 1]
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < starts[node + 1] and keys[low] == wanted:
        return int(low + 1)
    return -1


@compiled
def _count_labels(steps: Any, offsets: Any, weights: Any, labels: int) -> Any:
    counts = np.zeros(labels, np.int64)
    sums = np.zeros(labels, np.int64)
    seen = np.full(labels, -1, np.int64)
    for session in range(len(offsets) - 1):
        for step in steps[offsets[session] : offsets[session + 1]]:
            if seen[step] != session:
                seen[step] = session
                counts[step] += 1
                sums[step] += weights[session]
    return counts, sums


@compiled
def _count_runs(
    steps: Any, offsets: Any, begin: int, end: int, keys: Any, starts: Any, width: int, counts: Any
) -> None:
    for session in range(begin, end):
        opening, over = offsets[session], offsets[session + 1]
        for first in range(opening, over):
            node = 0
            for place in range(first, over):
                node = _child(keys, starts, node, node * width + steps[place])
                if node < 0:
                    break
                counts[0, node] += place + 1 < over
                counts[1, node] += first > opening


@compiled
def _count_weeks(
    steps: Any,
    offsets: Any,
    week: Any,
    begin: int,
    end: int,
    keys: Any,
    starts: Any,
    width: int,
    gapped: bool,
    counts: Any,
) -> None:
    seen = np.full(len(keys) + 1, -1, np.int64)
    for session in range(begin, end):
        opening, over = offsets[session], offsets[session + 1]
        in_week = counts[:, week[session]]
        if gapped:
            _walk(steps, opening, over, session, seen, keys, starts, width, in_week)
            continue
        for first in range(opening, over):
            node = 0
            for place in range(first, over):
                node = _child(keys, starts, node, node * width + steps[place])
                if node < 0:
                    break
                if seen[node] != session:
                    seen[node] = session
                    in_week[node] += 1


@compiled
def _walk(
    steps: Any, begin: int, end: int, session: int, seen: Any, keys: Any, starts: Any, width: int, counts: Any
) -> None:
    """Follow every way through the trie that a session shows, each at its earliest."""
    waiting = [(0, begin)]
    while len(waiting):
        node, first = waiting.pop()
        for place in range(first, end):
            child = _child(keys, starts, node, node * width + steps[place])
            if child >= 0 and seen[child] != session:
                seen[child] = session
                counts[child] += 1
                if starts[child] < starts[child + 1]:
                    waiting.append((child, place + 1))
