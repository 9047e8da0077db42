"""The second pass over a log: users, outcomes and times of patterns that are known to be frequent.

Sessions are read user by user, so that a user is counted when they change, and figures of different users'
sessions add up. All sums are of whole numbers: exact, and the same in whatever parts a log is counted.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.compiled import compiled, in_threads
from learning.meeting import (
    LONG,
    Met,
    look_ahead,
    look_back,
    make_pairs,
    make_room,
    meet,
    meet_long,
    meet_runs,
    sort_places,
)
from learning.sessions import SOLVED, UNKNOWN, Sessions
from learning.trie import Ints, Links, Numbers, Trie, links, number_steps, tails

Kind = Literal["contiguous", "gapped"]
Floats = NDArray[np.float64]

MICROSECONDS = 1e6
"""Times between steps are summed in whole microseconds."""


class Figures(NamedTuple):
    """What is known of each node of a trie."""

    sessions: Ints
    """Sessions that show the pattern (count)."""

    users: Ints
    """Distinct users among them (count)."""

    solved: Ints
    known: Ints
    """Sessions among them with a known outcome (count)."""

    micros: Ints
    """Times from first to last step, where the pattern stands earliest, added up (microseconds)."""

    first_seen: Floats
    """Earliest time of a first step (Unix seconds); infinite when there is none."""

    last_seen: Floats
    """Latest time of a last step (Unix seconds); minus infinite when there is none."""

    def of(self, chosen: NDArray[np.bool_]) -> "Figures":
        """Return the figures of some of the nodes."""
        return Figures._make(np.asarray(column)[chosen] for column in self)


class _Log(NamedTuple):
    """The columns that are read, sessions in the order of their users."""

    nodes: Numbers
    times: Floats
    offsets: Ints
    users: Numbers
    outcomes: NDArray[np.int8]
    order: Ints


def measure(sessions: Sessions, kind: Kind, trie: Trie) -> Figures:
    """Return the figures of all patterns of a trie in these sessions, frequent there or not."""
    labels = trie.label[1 : trie.levels[2]].astype(np.int64)
    nodes = number_steps(sessions.steps, labels, len(sessions.labels))
    order = np.argsort(sessions.users, kind="stable")
    log = _Log(nodes, sessions.times, sessions.offsets, sessions.users, sessions.outcomes, order)
    borders, weights = _user_borders(sessions, order)
    depth, tail, ways, is_gapped = len(trie.levels) - 2, tails(trie), links(trie), kind == "gapped"

    def work(begin: int, end: int) -> Figures:
        found = _no_figures(len(tail))
        _add_sessions(log, borders[begin], borders[end], ways, tail, depth, is_gapped, found)
        return found

    return merge(in_threads(work, weights))


def merge(parts: Sequence[Figures]) -> Figures:
    """Add up the figures of sessions of different users."""
    *counts, first_seen, last_seen = zip(*parts, strict=True)
    sums = (np.sum(column, axis=0) for column in counts)
    return Figures._make([*sums, np.min(first_seen, axis=0), np.max(last_seen, axis=0)])


def _no_figures(nodes: int) -> Figures:
    counts = (np.zeros(nodes, np.int64) for _ in range(5))
    return Figures._make([*counts, np.full(nodes, np.inf), np.full(nodes, -np.inf)])


def _user_borders(sessions: Sessions, order: Ints) -> tuple[Ints, Ints]:
    """Return where in `order` a new user begins, and how many steps come before."""
    users = sessions.users[order]
    changes = np.flatnonzero(users[1:] != users[:-1]) + 1
    borders = np.concatenate([[0], changes, [len(order)]]).astype(np.int64)
    steps = np.concatenate([[0], np.cumsum(np.diff(sessions.offsets)[order])]).astype(np.int64)
    return borders, steps[borders]


@compiled
def _add_sessions(
    log: _Log, begin: int, end: int, links: Links, tail: Numbers, depth: int, is_gapped: bool, found: Figures
) -> None:
    """Add the patterns of the sessions at `begin` to `end` of the log's order."""
    nodes, times, offsets, users, outcomes, order = log
    room = make_room(len(tail), depth)
    previous, pairs = np.zeros(LONG, np.int32), make_pairs()
    seen, last_user = np.full(len(tail), -1, np.int64), np.full(len(tail), -1, np.int64)
    for turn in range(begin, end):
        session = order[turn]
        low, high = offsets[session], offsets[session + 1]
        steps = nodes[low:high]
        if not is_gapped:
            met = meet_runs(steps, links, depth, seen, turn, room)
        elif len(steps) < LONG:
            look_back(steps, previous, seen, turn)
            look_ahead(steps, previous, links, pairs)
            _, met = meet(steps, previous, pairs, links, depth, room)
        else:
            places, bounds = sort_places(steps, len(tail))
            _, met = meet_long(places, bounds, links, tail, depth, room)
        _add(room, met, times[low:high], users[session], outcomes[session], last_user, found)


@compiled
def _add(
    room: Met, met: int, times: Floats, user: int, outcome: int, last_user: Ints, found: Figures
) -> None:
    """Add the patterns that a session shows to the figures."""
    for one in range(met):
        node, first, last = room.nodes[one], times[room.begins[one]], times[room.ends[one]]
        found.sessions[node] += 1
        if last_user[node] != user:
            last_user[node] = user
            found.users[node] += 1
        found.solved[node] += outcome == SOLVED
        found.known[node] += outcome != UNKNOWN
        found.micros[node] += np.int64(np.rint((last - first) * MICROSECONDS))
        found.first_seen[node] = min(found.first_seen[node], first)
        found.last_seen[node] = max(found.last_seen[node], last)
