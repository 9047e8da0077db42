"""Steps in order with any others between them, counted level by level; a session counts once for a pattern.

A pattern stands in a session where its steps come earliest. From there the next step is looked for among the
first occurrences of each label only, so each pattern is met once a session.

Source of the projection: Pei et al., "PrefixSpan: mining sequential patterns efficiently by prefix-projected
pattern growth" (2001).
"""

import numpy as np

from learning.compiled import compiled, in_threads
from learning.meeting import (
    LONG,
    Met,
    Pairs,
    look_ahead,
    look_back,
    make_pairs,
    make_room,
    meet,
    meet_long,
    sort_places,
)
from learning.trie import (
    SPARSE,
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
    tails,
)


def count_gapped(steps: Numbers, offsets: Ints, labels: int, *, longest: int, min_sessions: int) -> Counted:
    """Return the subsequences of 1 to `longest` steps in at least `min_sessions` sessions.

    `steps` are numbers from 0 to `labels` - 1; session `n` has those from `offsets[n]` to `offsets[n + 1]`.
    """
    counted, nodes = start(steps, offsets, labels, min_sessions)
    offsets = leave_out_rare(nodes, offsets)
    for _ in range(2, longest + 1):
        trie, tail = counted.trie, tails(counted.trie)

        def count(found: Candidates, low: int, high: int, trie: Trie = trie, tail: Numbers = tail) -> Ints:
            return _count(nodes, offsets, trie, tail, found, low, high)

        counted = extend(counted, min_sessions, count)
    return counted


def _count(
    nodes: Numbers, offsets: Ints, trie: Trie, tail: Numbers, found: Candidates, low: int, high: int
) -> Ints:
    """Count the sessions of the candidates `low` to `high`."""
    depth = len(trie.levels) - 2

    def work(begin: int, end: int) -> Numbers:
        counts = np.zeros(high - low + 1, np.int32)
        _count_block(nodes, offsets, begin, end, links(trie), tail, depth, found.low, found.at, low, counts)
        return counts[:-1]

    total: Ints = np.sum(in_threads(work, offsets), axis=0, dtype=np.int64)
    return total


@compiled
def leave_out_rare(nodes: Numbers, offsets: Ints) -> Ints:
    """Move the steps that may be in a pattern to the front of `nodes`; return the new offsets."""
    left = np.zeros(len(offsets), np.int64)
    kept = 0
    for session in range(len(offsets) - 1):
        for place in range(offsets[session], offsets[session + 1]):
            if nodes[place]:
                nodes[kept] = nodes[place]
                kept += 1
        left[session + 1] = kept
    return left


@compiled
def _count_block(
    nodes: Numbers,
    offsets: Ints,
    begin: int,
    end: int,
    links: Links,
    tail: Numbers,
    depth: int,
    lowest: int,
    at: Ints,
    low: int,
    counts: Numbers,
) -> None:
    """Count the sessions of the candidates from `low` on; the last of `counts` takes what is none."""
    room = make_room(len(tail), depth)
    where = np.full(len(tail), -1, np.int64)
    previous, pairs = np.zeros(LONG, np.int32), make_pairs()
    for session in range(begin, end):
        steps = nodes[offsets[session] : offsets[session + 1]]
        if len(steps) <= depth:
            continue
        if len(steps) < LONG:
            look_back(steps, previous, where, session)
            if depth == 1:
                _add_pairs(steps, previous, lowest, at, low, counts)
                continue
            look_ahead(steps, previous, links, pairs)
            first, last = meet(steps, previous, pairs, links, depth, room)
            _add_steps(pairs, links, depth, room, first, last, lowest, at, low, counts)
        else:
            places, bounds = sort_places(steps, len(tail))
            first, last = meet_long(places, bounds, links, tail, depth, room)
            _add_candidates(places, bounds, links, tail, depth, room, first, last, lowest, at, low, counts)


@compiled
def _add_pairs(steps: Numbers, previous: Numbers, lowest: int, at: Ints, low: int, counts: Numbers) -> None:
    """Count the pairs of a session."""
    size = len(counts) - 1
    for place in range(len(steps)):
        if previous[place] >= 0:
            continue
        start = at[steps[place] - lowest] - low
        for later in range(place + 1, len(steps)):
            slot = start + steps[later]
            counts[slot if (previous[later] <= place) & (slot >= 0) & (slot < size) else size] += 1


@compiled
def _add_steps(
    pairs: Pairs,
    links: Links,
    depth: int,
    room: Met,
    first: int,
    last: int,
    lowest: int,
    at: Ints,
    low: int,
    counts: Numbers,
) -> None:
    """Count the candidates that the pairs at the end of each of the longest patterns make."""
    base, table, children, suffixes = links
    starts, _, ahead = pairs
    found, _, ends, chains = room
    size = len(counts) - 1
    for one in range(first, last):
        start = at[found[one] - lowest] - low
        last = chains[one, depth - 2]
        row = base[last]
        for pair in range(starts[ends[one]], starts[ends[one] + 1]):
            node = ahead[pair]
            for part in range(1, depth - 2):
                node = child_of(base, table, children, suffixes, chains[one, part], node) if node else 0
            if depth > 2 and node:
                if row != SPARSE:
                    node = table[row + node]
                else:
                    node = child_of(base, table, children, suffixes, last, node)
            slot = start + node
            counts[slot if (node > 0) & (slot >= 0) & (slot < size) else size] += 1


@compiled
def _add_candidates(
    places: Numbers,
    bounds: Numbers,
    links: Links,
    tail: Numbers,
    depth: int,
    room: Met,
    first: int,
    last: int,
    lowest: int,
    at: Ints,
    low: int,
    counts: Numbers,
) -> None:
    """Do what `_add_steps` does, by looking for each candidate."""
    children, suffixes = links.first, links.suffix
    found, _, ends, _ = room
    for one in range(first, last):
        node = found[one]
        start = at[node - lowest] - low
        for other in range(children[suffixes[node]], children[suffixes[node] + 1]):
            label = tail[other]
            has_later = bounds[label] < bounds[label + 1] and places[bounds[label + 1] - 1] > ends[one]
            if has_later and 0 <= start + other < len(counts) - 1:
                counts[start + other] += 1
