"""Steps in order with any others between them, counted level by level; a session counts once for a pattern.

A pattern stands in a session where its steps come earliest. From there the next step is looked for among the
first occurrences of each label only, so each pattern is met once a session.

Source of the projection: Pei et al., "PrefixSpan: mining sequential patterns efficiently by prefix-projected
pattern growth" (2001).
"""

from typing import NamedTuple

import numpy as np

from learning.compiled import compiled, in_threads
from learning.trie import (
    SPARSE,
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
    make_room,
    start,
    tails,
)

LONG = 200
"""Steps of a session from which the known patterns are looked for in it, not its steps among the patterns:
the time then rests on what is frequent elsewhere too, not on the length of one session."""


class Pairs(NamedTuple):
    """Room for the frequent pairs that the steps of a session make with later ones."""

    starts: Numbers
    """First pair of each step, and at the end how many pairs there are."""

    places: Numbers
    """Place of the later step."""

    nodes: Numbers


def count_gapped(steps: Numbers, offsets: Ints, labels: int, *, longest: int, min_sessions: int) -> Counted:
    """Return the subsequences of 1 to `longest` steps in at least `min_sessions` sessions.

    `steps` are numbers from 0 to `labels` - 1; session `n` has those from `offsets[n]` to `offsets[n + 1]`.
    """
    trie, nodes, support = start(steps, offsets, labels, min_sessions)
    offsets = leave_out_rare(nodes, offsets)
    for _ in range(2, longest + 1):
        found = candidates(trie)
        if not found.total:
            break
        counts = _count(nodes, offsets, trie, found)
        frequent = np.flatnonzero(counts >= min_sessions)
        support = np.concatenate([support, counts[frequent]])
        trie = grow(trie, found, frequent)
    return Counted(trie, support)


def _count(nodes: Numbers, offsets: Ints, trie: Trie, found: Candidates) -> Ints:
    counts = np.zeros(found.total, np.int64)
    depth, tail = len(trie.levels) - 2, tails(trie)
    for low, high in found.blocks():

        def work(begin: int, end: int, low: int = low, high: int = high) -> Numbers:
            block = np.zeros(high - low + 1, np.int32)
            _count_block(
                nodes, offsets, begin, end, links(trie), tail, depth, found.low, found.at, low, block
            )
            return block[:-1]

        counts[low:high] = sum(in_threads(work, offsets))
    return counts


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
def make_pairs() -> Pairs:
    """Return room for the pairs of a session that is not long."""
    most = LONG * LONG // 2
    return Pairs(np.zeros(LONG + 1, np.int32), np.zeros(most, np.int32), np.zeros(most, np.int32))


@compiled
def look_back(steps: Numbers, previous: Numbers, where: Ints, session: int) -> None:
    """Note for each step where its label was before in the session; -1 when nowhere, `LONG` for no node.

    `where` holds, for each node of one step, the session it was last in and the place there, as one number.
    """
    start = session * LONG
    for place in range(len(steps)):
        previous[place] = max(where[steps[place]] - start, -1) if steps[place] else LONG
        where[steps[place]] = start + place


@compiled
def look_ahead(steps: Numbers, previous: Numbers, links: Links, pairs: Pairs) -> None:
    """Note the frequent pairs that each step makes with the first occurrences of labels after it.

    What is not wanted is overwritten by the next, here and below: cheaper than a branch that cannot be
    guessed.
    """
    base, table, children, suffixes = links
    starts, places, nodes = pairs
    made = 0
    for place in range(len(steps)):
        starts[place] = made
        step = steps[place]
        row = base[step]
        if not step:
            continue
        for later in range(place + 1, len(steps)):
            if row != SPARSE:
                node = table[row + steps[later]]
            else:
                node = child_of(base, table, children, suffixes, step, steps[later])
            places[made], nodes[made] = later, node
            made += (node > 0) & (previous[later] <= place)
    starts[len(steps)] = made


@compiled
def meet(
    steps: Numbers, previous: Numbers, pairs: Pairs, links: Links, depth: int, room: Met
) -> tuple[int, int]:
    """Find the patterns of up to `depth` steps in a session; return the span of the longest."""
    base, table, children, suffixes = links
    starts, places, ahead = pairs
    nodes, begins, ends, chains = room
    low, high = 0, 0
    for place in range(len(steps)):
        if previous[place] < 0:
            nodes[high], begins[high], ends[high], chains[high, 0] = steps[place], place, place, steps[place]
            high += 1
    for length in range(1, depth):
        made = high
        for one in range(low, high):
            last = chains[one, length - 1]
            row = base[last]
            for pair in range(starts[ends[one]], starts[ends[one] + 1]):
                node = ahead[pair]
                chains[made, 1] = node
                for part in range(1, length - 1):
                    node = child_of(base, table, children, suffixes, chains[one, part], node) if node else 0
                    chains[made, part + 1] = node
                if length > 1 and node:
                    if row != SPARSE:
                        node = table[row + node]
                    else:
                        node = child_of(base, table, children, suffixes, last, node)
                    chains[made, length] = node
                nodes[made], begins[made], ends[made] = node, begins[one], places[pair]
                made += node > 0
        low, high = high, made
    return low, high


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


# --- long sessions ---------------------------------------------------------------------------------


@compiled
def sort_places(steps: Numbers, labels: int) -> tuple[Numbers, Numbers]:
    """Return the places of a session's steps by label, and for each label where its own begin and end."""
    bounds = np.zeros(labels + 2, np.int32)
    for place in range(len(steps)):
        bounds[steps[place] + 2] += 1
    for label in range(2, labels + 2):
        bounds[label] += bounds[label - 1]
    places = np.zeros(len(steps), np.int32)
    for place in range(len(steps)):
        label = steps[place]
        places[bounds[label + 1]] = place
        bounds[label + 1] += 1
    return places, bounds


@compiled
def meet_long(
    places: Numbers, bounds: Numbers, links: Links, tail: Numbers, depth: int, room: Met
) -> tuple[int, int]:
    """Do what `meet` does, by looking for each known pattern."""
    children, suffixes = links.first, links.suffix
    nodes, begins, ends, chains = room
    low, high = 0, 0
    for label in range(children[0], children[1]):
        if bounds[label] < bounds[label + 1]:
            begins[high] = ends[high] = places[bounds[label]]
            nodes[high], chains[high, 0] = label, label
            high += 1
    for length in range(1, depth):
        made = high
        for one in range(low, high):
            node = nodes[one]
            for child in range(children[node], children[node + 1]):
                own = places[bounds[tail[child]] : bounds[tail[child] + 1]]
                later = np.searchsorted(own, ends[one], side="right")
                if later < len(own):
                    nodes[made], begins[made], ends[made] = child, begins[one], own[later]
                    part = child
                    for back in range(length, -1, -1):
                        chains[made, back] = part
                        part = suffixes[part]
                    made += 1
        low, high = high, made
    return low, high


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
