"""Runs of neighbouring steps, counted level by level: one pass over the log for each length."""

import numpy as np

from learning.compiled import compiled, in_threads
from learning.trie import (
    Candidates,
    Counted,
    Ints,
    Links,
    Numbers,
    Trie,
    child_of,
    extend,
    links,
    start,
)


def count_runs(steps: Numbers, offsets: Ints, labels: int, *, longest: int, min_sessions: int) -> Counted:
    """Return the runs of 1 to `longest` steps in at least `min_sessions` sessions, each session counted once.

    `steps` are numbers from 0 to `labels` - 1; session `n` has those from `offsets[n]` to `offsets[n + 1]`.
    """
    counted, nodes = start(steps, offsets, labels, min_sessions)
    for length in range(2, longest + 1):
        if length > 2:
            _lengthen_all(nodes, offsets, counted.trie, length - 1)

        def count(found: Candidates, low: int, high: int, length: int = length) -> Ints:
            return _count(nodes, offsets, found, low, high, length)

        counted = extend(counted, min_sessions, count)
    return counted


def _count(nodes: Numbers, offsets: Ints, found: Candidates, low: int, high: int, length: int) -> Ints:
    """Count the sessions of the candidates `low` to `high`."""

    def work(begin: int, end: int) -> Numbers:
        return _count_block(nodes, offsets, begin, end, found.low, found.at, low, high - low, length)

    total: Ints = np.sum(in_threads(work, offsets), axis=0, dtype=np.int64)
    return total


def _lengthen_all(nodes: Numbers, offsets: Ints, trie: Trie, length: int) -> None:
    leading = links(trie)
    in_threads(lambda begin, end: _lengthen(nodes, offsets, begin, end, leading, length), offsets)


@compiled
def _lengthen(nodes: Numbers, offsets: Ints, begin: int, end: int, links: Links, length: int) -> None:
    """Put in place of the node of the run that starts at each step the node of the run one step longer."""
    base, table, first, suffixes = links
    for session in range(begin, end):
        last = offsets[session + 1] - length
        for place in range(offsets[session], last + 1):
            node, suffix = nodes[place], nodes[place + 1]
            nodes[place] = child_of(base, table, first, suffixes, node, suffix) if node and suffix else 0


@compiled
def _count_block(
    nodes: Numbers,
    offsets: Ints,
    begin: int,
    end: int,
    lowest: int,
    at: Ints,
    low: int,
    size: int,
    length: int,
) -> Numbers:
    """Count the sessions of the candidates `low` to `low + size`."""
    counts = np.zeros(size, np.int32)
    seen = np.full(size, -1, np.int32)
    for session in range(begin, end):
        for place in range(offsets[session], offsets[session + 1] - length + 1):
            node, suffix = nodes[place], nodes[place + 1]
            if node and suffix:
                candidate = at[node - lowest] + suffix - low
                if 0 <= candidate < size and seen[candidate] != session:
                    seen[candidate] = session
                    counts[candidate] += 1
    return counts
