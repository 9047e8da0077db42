"""Runs of neighbouring steps, counted level by level: one pass over the log for each length."""

import numpy as np

from learning.compiled import compiled, in_threads
from learning.trie import (
    Candidates,
    Counted,
    Ints,
    Links,
    Met,
    Numbers,
    Trie,
    candidates,
    child_of,
    grow,
    links,
    start,
)


def count_runs(steps: Numbers, offsets: Ints, labels: int, *, longest: int, min_sessions: int) -> Counted:
    """Return the runs of 1 to `longest` steps in at least `min_sessions` sessions, each session counted once.

    `steps` are numbers from 0 to `labels` - 1; session `n` has those from `offsets[n]` to `offsets[n + 1]`.
    """
    trie, nodes, support = start(steps, offsets, labels, min_sessions)
    for length in range(2, longest + 1):
        found = candidates(trie)
        if not found.total:
            break
        counts = _count(nodes, offsets, trie, found, length)
        frequent = np.flatnonzero(counts >= min_sessions)
        support = np.concatenate([support, counts[frequent]])
        trie = grow(trie, found, frequent)
    return Counted(trie, support)


def _count(nodes: Numbers, offsets: Ints, trie: Trie, found: Candidates, length: int) -> Ints:
    """Count the sessions of each candidate; `nodes` go from two steps less to one step less."""
    counts = np.zeros(found.total, np.int64)
    for number, (low, high) in enumerate(found.blocks()):
        if number == 0 and length > 2:
            in_threads(
                lambda begin, end: _lengthen(nodes, offsets, begin, end, links(trie), length - 1), offsets
            )

        def work(begin: int, end: int, low: int = low, high: int = high) -> Numbers:
            size = high - low
            return _count_block(nodes, offsets, begin, end, found.low, found.at, low, size, length)

        counts[low:high] = sum(in_threads(work, offsets))
    return counts


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


@compiled
def meet_runs(steps: Numbers, links: Links, depth: int, seen: Ints, session: int, room: Met) -> int:
    """Find the runs of up to `depth` steps in a session, each where it stands first; return how many.

    `steps` are nodes of one step or 0; `seen` holds, for each node, the last session it was met in.
    """
    base, table, children, suffixes = links
    before, ending = np.zeros(depth, np.int32), np.zeros(depth, np.int32)
    met = 0
    for place in range(len(steps)):
        node = steps[place]
        for length in range(depth):
            if length and node:
                node = (
                    child_of(base, table, children, suffixes, before[length - 1], node)
                    if before[length - 1]
                    else 0
                )
            ending[length] = node
            if node and seen[node] != session:
                seen[node] = session
                room.nodes[met], room.begins[met], room.ends[met] = node, place - length, place
                met += 1
        before, ending = ending, before
    return met
