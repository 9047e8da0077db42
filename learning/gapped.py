"""Steps in order with any others between them, counted level by level; a session counts once for a pattern.

A pattern stands in a session where its steps come earliest. From there the next step is looked for among the
first occurrences of each label only, so each pattern is met once a session.

Source of the projection: Pei et al., "PrefixSpan: mining sequential patterns efficiently by prefix-projected
pattern growth" (2001).
"""

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
    make_room,
    start,
    tails,
)

LONG = 500
"""Steps of a session from which the known patterns are looked for in it, not its steps among the patterns:
the time then rests on what is frequent elsewhere too, not on the length of one session."""


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
            block = np.zeros(high - low, np.int32)
            _count_block(
                nodes, offsets, begin, end, links(trie), tail, depth, found.low, found.at, low, block
            )
            return block

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
    """Count the sessions of the candidates from `low` on, as many as `counts` has room for."""
    room = make_room(len(tail), depth)
    where = np.full(len(tail), -1, np.int64)
    previous = np.zeros(LONG, np.int32)
    for session in range(begin, end):
        steps = nodes[offsets[session] : offsets[session + 1]]
        if len(steps) <= depth:
            continue
        if len(steps) < LONG:
            look_back(steps, previous, where, session)
            first, last = meet(steps, previous, links, depth, room)
            _add_steps(steps, previous, links, depth, room, first, last, lowest, at, low, counts)
        else:
            places, bounds = sort_places(steps, len(tail))
            first, last = meet_long(places, bounds, links, tail, depth, room)
            _add_candidates(places, bounds, links, tail, depth, room, first, last, lowest, at, low, counts)


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
def meet(steps: Numbers, previous: Numbers, links: Links, depth: int, room: Met) -> tuple[int, int]:
    """Find the patterns of up to `depth` steps in a session; return the span of the longest."""
    base, table, children, suffixes = links
    nodes, begins, ends, chains = room
    low, high = 0, 0
    for place in range(len(steps)):
        if previous[place] < 0:
            nodes[high], begins[high], ends[high], chains[high, 0] = steps[place], place, place, steps[place]
            high += 1
    for length in range(1, depth):
        made = high
        for one in range(low, high):
            for place in range(ends[one] + 1, len(steps)):
                if previous[place] > ends[one]:
                    continue
                node = steps[place]
                chains[made, 0] = node
                for part in range(length):
                    node = child_of(base, table, children, suffixes, chains[one, part], node)
                    if not node:
                        break
                    chains[made, part + 1] = node
                if node:
                    nodes[made], begins[made], ends[made] = node, begins[one], place
                    made += 1
        low, high = high, made
    return low, high


@compiled
def _add_steps(
    steps: Numbers,
    previous: Numbers,
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
    """Count the candidates that the steps after each of the longest patterns make."""
    base, table, children, suffixes = links
    found, _, ends, chains = room
    for one in range(first, last):
        start = at[found[one] - lowest] - low
        for place in range(ends[one] + 1, len(steps)):
            if previous[place] > ends[one]:
                continue
            node = steps[place]
            for part in range(depth - 1):
                node = child_of(base, table, children, suffixes, chains[one, part], node)
                if not node:
                    break
            if node and 0 <= start + node < len(counts):
                counts[start + node] += 1


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
            if has_later and 0 <= start + other < len(counts):
                counts[start + other] += 1
