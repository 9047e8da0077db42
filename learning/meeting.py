"""Which known patterns a session shows, as runs or with gaps: each once, where its steps come earliest."""

from typing import NamedTuple

import numpy as np

from learning.compiled import compiled
from learning.trie import SPARSE, Ints, Links, Numbers, child_of

LONG = 200
"""Steps of a session from which the known patterns are looked for in it, not its steps among the patterns:
the time then rests on what is frequent elsewhere too, not on the length of one session."""


class Met(NamedTuple):
    """Room for the patterns of one session; each is met once, where it stands earliest."""

    nodes: Numbers
    begins: Numbers
    """Place of the first step, from the start of the session."""

    ends: Numbers
    """Place of the last step."""

    chains: Numbers
    """Nodes of the last 1, 2, … steps of the pattern; the longest of them is the pattern itself."""


class Pairs(NamedTuple):
    """Room for the frequent pairs that the steps of a session make with later ones."""

    starts: Numbers
    """First pair of each step, and at the end how many pairs there are."""

    places: Numbers
    """Place of the later step."""

    nodes: Numbers


@compiled
def make_room(nodes: int, depth: int) -> Met:
    """Return room for all patterns of up to `depth` steps and for one that is being tried."""
    size = nodes + 1
    return Met(
        np.zeros(size, np.int32),
        np.zeros(size, np.int32),
        np.zeros(size, np.int32),
        np.zeros((size, depth), np.int32),
    )


# --- runs ------------------------------------------------------------------------------------------


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


# --- with gaps -------------------------------------------------------------------------------------


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
