"""Frequent patterns as a trie that grows by one step a level, with small tables to count its candidates in.

A pattern can only be frequent when what is left without its first step and without its last step is frequent
too. So a candidate is a pair of nodes of one length, prefix and suffix, and the candidates of a prefix are
numbered without gaps: no hashing, and tables that stay in the processor's cache.

Source: Agrawal and Srikant, "Mining sequential patterns" (1995).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.compiled import compiled, in_threads
from memory.errors import AgentError

DENSE = 1 << 22
"""Candidates of one level up to which a table says which of them are nodes; beyond, nodes are searched."""

BLOCK = 1 << 23
"""Candidates counted in one pass over the log; more take more passes, not more memory."""

MOST_PATTERNS = 5_000_000
"""Patterns above which mining stops (count): a gigabyte of them, and more than anybody reads."""

SPARSE = -(1 << 62)
"""In place of a base: the children of this node are searched."""

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]


class TooManyPatterns(AgentError):
    """More patterns are frequent than memory holds; as a rule because one session shows them all."""

    code = "learning.too_many_patterns"

    def __init__(self, length: int, min_sessions: int) -> None:
        super().__init__(
            f"Over {MOST_PATTERNS:,} patterns of `{length}` steps are in `{min_sessions}` sessions or more.",
            fix="Ask for more sessions a pattern, or for shorter patterns.",
        )


class Trie(NamedTuple):
    """Patterns as nodes, by length, those of one length in the order of their labels; node 0 has no steps."""

    first: Ints
    """First child of each node, and at the end the number of nodes; the children of a node are neighbours."""

    parent: Numbers
    """Node without the last step."""

    suffix: Numbers
    """Node without the first step."""

    label: Numbers
    """Number of the last step's label; -1 for node 0."""

    base: Ints
    """`table[base[node] + suffix of a child]` is that child; `SPARSE` where it must be searched."""

    table: Numbers
    """Nodes by candidate; 0 where the candidate is not frequent."""

    levels: Ints
    """First node of each length from 0 on, and at the end the number of nodes."""


class Candidates(NamedTuple):
    """All patterns that may be frequent and are one step longer than the longest of a trie."""

    low: int
    """First node of the longest patterns."""

    at: Ints
    """A candidate's number is `at[prefix - low] + suffix`."""

    start: Ints
    """Number of the first candidate of each prefix, and at the end how many candidates there are."""

    @property
    def total(self) -> int:
        return int(self.start[-1])

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Yield spans of candidates that are counted in one pass."""
        for begin in range(0, self.total, BLOCK):
            yield begin, min(begin + BLOCK, self.total)


def plant(labels: Numbers) -> Trie:
    """Return the trie of patterns of one step: these labels, in rising order."""
    count = len(labels)
    nodes = count + 1
    return Trie(
        first=np.concatenate([[1], np.full(nodes, nodes)]).astype(np.int64),
        parent=np.zeros(nodes, np.int32),
        suffix=np.zeros(nodes, np.int32),
        label=np.concatenate([[-1], labels]).astype(np.int32),
        base=np.full(nodes, SPARSE, np.int64),
        table=np.zeros(0, np.int32),
        levels=np.array([0, 1, nodes], np.int64),
    )


def candidates(trie: Trie) -> Candidates:
    """Pair each of the longest patterns with those that begin with its suffix."""
    low, high = int(trie.levels[-2]), int(trie.levels[-1])
    suffix = trie.suffix[low:high]
    left = trie.first[suffix]
    start = np.concatenate([[0], np.cumsum(trie.first[suffix + 1] - left)]).astype(np.int64)
    return Candidates(low, start[:-1] - left, start)


def grow(trie: Trie, found: Candidates, frequent: Ints) -> Trie:
    """Return the trie with one more level: the frequent candidates, by number in rising order."""
    nodes, more = int(trie.levels[-1]), len(frequent)
    prefix = np.searchsorted(found.start, frequent, side="right") - 1
    suffix = (frequent - found.at[prefix]).astype(np.int32)
    first = trie.first.copy()
    first[found.low : nodes + 1] = nodes + np.searchsorted(prefix, np.arange(nodes - found.low + 1))
    base, table = trie.base.copy(), trie.table
    if found.total <= DENSE:
        base[found.low :] = len(table) + found.at
        places = np.zeros(found.total, np.int32)
        places[frequent] = np.arange(nodes, nodes + more)
        table = np.concatenate([table, places])
    return Trie(
        first=np.concatenate([first, np.full(more, nodes + more)]),
        parent=np.concatenate([trie.parent, (found.low + prefix).astype(np.int32)]),
        suffix=np.concatenate([trie.suffix, suffix]),
        label=np.concatenate([trie.label, trie.label[suffix]]),
        base=np.concatenate([base, np.full(more, SPARSE)]),
        table=table,
        levels=np.append(trie.levels, nodes + more),
    )


def plant_all(patterns: Iterable[tuple[int, ...]]) -> Trie:
    """Return the trie of patterns of two steps or more; with each, all its parts must be among them."""
    by_length: dict[int, set[tuple[int, ...]]] = {1: set()}
    for pattern in patterns:
        by_length.setdefault(len(pattern), set()).add(pattern)
        by_length[1].update((label,) for label in pattern)
    trie = plant(np.array(sorted(label for (label,) in by_length[1]), np.int32))
    numbers = {pattern: place for place, pattern in enumerate(sorted(by_length[1]), start=1)}
    for length in range(2, max(by_length) + 1):
        pairs = [(numbers[p[:-1]], numbers[p[1:]]) for p in sorted(by_length[length])]
        found = candidates(trie)
        frequent = np.array([found.at[p - found.low] + s for p, s in pairs], np.int64)
        nodes = int(trie.levels[-1])
        trie = grow(trie, found, frequent)
        numbers |= {pattern: nodes + place for place, pattern in enumerate(sorted(by_length[length]))}
    return trie


def tails(trie: Trie) -> Numbers:
    """Return for each node the node of its last step alone."""
    found = np.arange(len(trie.label), dtype=np.int32)
    for low, high in itertools.pairwise(trie.levels[2:]):
        found[low:high] = found[trie.suffix[low:high]]
    return found


def sequences(trie: Trie) -> tuple[Numbers, Ints]:
    """Return the labels of all patterns of two steps or more, flat, and where each begins."""
    rows = trie.label[1 : trie.levels[2], None]
    flat, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
    for level in range(2, len(trie.levels) - 1):
        low, high = trie.levels[level], trie.levels[level + 1]
        above = trie.parent[low:high] - trie.levels[level - 1]
        rows = np.hstack([rows[above], trie.label[low:high, None]])
        flat.append(rows.ravel())
        lengths.append(np.full(high - low, level))
    return np.concatenate(flat), np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)


class Links(NamedTuple):
    """The columns of a trie that lead from a node to its children."""

    base: Ints
    table: Numbers
    first: Ints
    suffix: Numbers


def links(trie: Trie) -> Links:
    """Return what `child_of` needs, to be handed to it column by column: loops are slow on named tuples."""
    return Links(trie.base, trie.table, trie.first, trie.suffix)


@compiled
def child_of(base: Ints, table: Numbers, first: Ints, suffixes: Numbers, node: int, suffix: int) -> int:
    """Return the child of `node` that ends as the node `suffix` does; 0 when there is none.

    It calls nothing: handing arrays on would cost more than the look-up.
    """
    row = base[node]
    if row != SPARSE:
        return table[row + suffix]  # type: ignore[no-any-return]
    low, high = first[node], first[node + 1]
    while low < high:
        middle = (low + high) // 2
        if suffixes[middle] < suffix:
            low = middle + 1
        else:
            high = middle
    found = low < first[node + 1] and suffixes[low] == suffix
    return low if found else 0


# --- the first level -------------------------------------------------------------------------------


class Counted(NamedTuple):
    """Frequent patterns and in how many sessions each is."""

    trie: Trie
    support: Ints
    """Sessions that show the pattern (count), one a node; 0 for node 0."""


def start(steps: Numbers, offsets: Ints, labels: int, min_sessions: int) -> tuple[Counted, Numbers]:
    """Return the frequent labels and the node of each step: 0 where it is none of them.

    A step whose number is no label's, as rare labels are marked elsewhere, is in no pattern and parts runs.
    """
    parts = in_threads(lambda begin, end: _count_labels(steps, offsets, begin, end, labels), offsets)
    counts: Ints = np.sum(parts, axis=0, dtype=np.int64)
    frequent = np.flatnonzero(counts >= min_sessions)
    trie = plant(frequent.astype(np.int32))
    return Counted(trie, np.append(0, counts[frequent])), number_steps(steps, frequent, labels)


def extend(counted: Counted, min_sessions: int, count: Callable[[Candidates, int, int], Ints]) -> Counted:
    """Add the frequent patterns that are one step longer; `count` returns the supports of a block.

    Raises:
        TooManyPatterns: there are more than `MOST_PATTERNS`.
    """
    found = candidates(counted.trie)
    numbers, support = [np.zeros(0, np.int64)], [counted.support]
    for low, high in found.blocks():
        counts = count(found, low, high)
        frequent = np.flatnonzero(counts >= min_sessions)
        numbers.append(low + frequent)
        support.append(counts[frequent])
        if sum(map(len, support)) > MOST_PATTERNS:
            raise TooManyPatterns(len(counted.trie.levels) - 1, min_sessions)
    return Counted(grow(counted.trie, found, np.concatenate(numbers)), np.concatenate(support))


def number_steps(steps: Numbers, frequent: Ints, labels: int) -> Numbers:
    """Return the node of each step; 0 where its label is none of the frequent ones."""
    node_of = np.zeros(labels, np.int32)
    node_of[frequent] = np.arange(1, len(frequent) + 1)
    return _look_up(node_of, steps)


@compiled
def _look_up(node_of: Numbers, steps: Numbers) -> Numbers:
    nodes = np.empty(len(steps), np.int32)
    for place in range(len(steps)):
        label = steps[place]
        nodes[place] = node_of[label] if 0 <= label < len(node_of) else 0
    return nodes


@compiled
def _count_labels(steps: Numbers, offsets: Ints, begin: int, end: int, labels: int) -> Numbers:
    counts = np.zeros(labels, np.int32)
    seen = np.full(labels, -1, np.int32)
    for session in range(begin, end):
        for place in range(offsets[session], offsets[session + 1]):
            label = steps[place]
            if 0 <= label < labels and seen[label] != session:
                seen[label] = session
                counts[label] += 1
    return counts
