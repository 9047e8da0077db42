"""The ways that sessions take, as a graph in columns: what comes first, what next, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from learning.numbering import distinct
from learning.sessions import SOLVED, UNKNOWN, Sessions
from learning.significance import discoveries, tail_bound
from learning.trust import MIN_USERS
from memory.records import Record

COLUMNS = 6
"""Steps from left to right that a picture shows; further on, few sessions share a way."""

ROWS = 7
"""Steps in one column that stand by themselves, the most frequent ones; the others stand together."""

MIN_KNOWN = 5
"""Known outcomes from which there is a success rate (count); of two sessions, 0 % says nothing."""

Standing = Literal["less", "usual", "more", "unknown"]
"""Whether sessions are solved less or more often than usual, beyond what chance explains."""

Ints = NDArray[np.int64]


class FlowNode(Record):
    """Sessions whose step at one place is the same."""

    column: int
    """Place of the step, from 0."""

    label: str | None
    """`None` for all steps of the column that do not stand by themselves."""

    labels: int = 1
    """Different steps that it stands for (count)."""

    sessions: int
    ended: int
    """Sessions among them that have no further step (count)."""

    known: int
    """Sessions among them whose outcome is known (count)."""

    success_rate: float | None
    """Share of solved among known outcomes; `None` when fewer than `MIN_KNOWN` are known."""

    standing: Standing = "unknown"


class FlowEdge(Record):
    """Sessions that went from one node to one of the next column."""

    source: int
    """Place of the node in `FlowGraph.nodes`."""

    target: int
    sessions: int
    known: int
    success_rate: float | None
    standing: Standing = "unknown"


Shown = TypeVar("Shown", FlowNode, FlowEdge)


class FlowGraph(Record):
    """Nodes by column, the largest first and what stands for many last; edges join neighbouring columns."""

    nodes: list[FlowNode]
    edges: list[FlowEdge]
    sessions: int
    """Sessions that the graph is made of (count)."""

    usual_rate: float | None
    """Share of solved among all of them; `None` when no outcome is known."""

    start: list[str] = []
    """Steps that all of them have in common; empty when they are whole sessions."""


@dataclass(frozen=True)
class _Ways:
    """Sessions by column: a table of `sessions` rows, `-1` where a session is over."""

    label: Ints
    outcomes: NDArray[np.int8]
    users: Ints
    goes_on: NDArray[np.bool_]
    """True for a session that has more steps than there are columns."""


class _Figures(NamedTuple):
    """Figures of each group of sessions."""

    sessions: Ints
    users: Ints
    known: Ints
    solved: Ints


def flow_graph(
    sessions: Sessions, start: Sequence[str] = (), *, columns: int = COLUMNS, rows: int = ROWS
) -> FlowGraph:
    """Return the ways of all sessions, or of those that show the steps `start` in a row, from there on.

    A step several times in a row counts once. What fewer than `MIN_USERS` users did stands with others.
    """
    ways = _ways(sessions, start, columns)
    known = ways.outcomes != UNKNOWN
    usual = float((ways.outcomes[known] == SOLVED).mean()) if known.any() else None
    nodes: list[FlowNode] = []
    places: list[Ints] = []  # of each session's node in `nodes`, one array a column
    edges: list[FlowEdge] = []
    for column in range(ways.label.shape[1]):
        made, place = _column(ways, column, rows, sessions.labels)
        place = np.where(place >= 0, place + len(nodes), -1)
        nodes += made
        if places:
            edges += _edges(ways, places[-1], place, len(nodes))
        places.append(place)
    return FlowGraph(
        nodes=judged(nodes, usual),
        edges=judged(edges, usual),
        sessions=len(ways.outcomes),
        usual_rate=usual,
        start=list(start),
    )


def without_repeats(sessions: Sessions) -> tuple[NDArray[np.int32], Ints]:
    """Return all steps, one that comes several times in a row once, and the session of each."""
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    is_new = np.ones(len(session), bool)
    is_new[1:] = (sessions.steps[1:] != sessions.steps[:-1]) | (session[1:] != session[:-1])
    return sessions.steps[is_new], session[is_new]


def _ways(sessions: Sessions, start: Sequence[str], columns: int) -> _Ways:
    """Return the steps of each session in columns, without repeats in a row."""
    steps, session = without_repeats(sessions)
    begin = _begins(steps, session, _numbers(sessions, start))
    end = np.searchsorted(session, session[begin], side="right")
    place = begin[:, None] + np.arange(columns)
    inside = place < end[:, None]
    label = np.where(inside, steps[np.minimum(place, max(len(steps) - 1, 0))], -1) if len(steps) else place
    of = session[begin]
    return _Ways(
        label=label.astype(np.int64),
        outcomes=sessions.outcomes[of],
        users=sessions.users[of].astype(np.int64),
        goes_on=end - begin > columns,
    )


def _numbers(sessions: Sessions, start: Sequence[str]) -> list[int]:
    """Return the numbers of labels, without repeats in a row; `-2` for one that no session has."""
    number = {label: place for place, label in enumerate(sessions.labels)}
    found = [number.get(label, -2) for label in start]
    return [one for place, one in enumerate(found) if not place or one != found[place - 1]]


def _begins(steps: NDArray[np.int32], session: Ints, start: Sequence[int]) -> Ints:
    """Return where each session begins, or where it first shows `start`."""
    at = np.arange(len(steps) - max(len(start), 1) + 1)
    fits = np.ones(len(at), bool)
    for gap, number in enumerate(start):
        fits &= (steps[at + gap] == number) & (session[at + gap] == session[at])
    at = at[fits]
    is_first = np.ones(len(at), bool)
    is_first[1:] = session[at[1:]] != session[at[:-1]]
    return at[is_first]


def _column(ways: _Ways, column: int, rows: int, labels: Sequence[str]) -> tuple[list[FlowNode], Ints]:
    """Return the nodes of a column, and the place of each session's among them (`-1`: over before)."""
    label = ways.label[:, column]
    here = label >= 0
    counts = np.bincount(label[here], minlength=len(labels))
    users = distinct(label[here] * (ways.users.max(initial=0) + 1) + ways.users[here])
    people = np.bincount(users // (ways.users.max(initial=0) + 1), minlength=len(labels))
    order = np.argsort(-counts, kind="stable")
    own = order[(counts[order] > 0) & (people[order] >= MIN_USERS)][:rows]
    place_of = np.full(len(labels) + 1, len(own))
    place_of[own] = np.arange(len(own))
    place_of[-1] = -1
    place = place_of[label]
    figures = _count(place, len(own) + 1, ways)
    last = ways.label.shape[1] - 1
    over = here & (~ways.goes_on if column == last else ways.label[:, min(column + 1, last)] < 0)
    ended = np.bincount(place[over], minlength=len(own) + 1)
    others = int((counts > 0).sum()) - len(own)
    keep = len(own) + (figures.users[len(own)] >= MIN_USERS)
    nodes = [
        FlowNode(
            column=column,
            label=labels[own[row]] if row < len(own) else None,
            labels=1 if row < len(own) else others,
            sessions=int(figures.sessions[row]),
            ended=int(ended[row]),
            **_rate(figures, row),
        )
        for row in range(keep)
    ]
    return nodes, np.where(place < keep, place, -1)


def _edges(ways: _Ways, source: Ints, target: Ints, nodes: int) -> list[FlowEdge]:
    """Return the edges of enough users between two columns, the widest last."""
    both = np.flatnonzero((source >= 0) & (target >= 0))
    if not len(both):
        return []
    key = source[both] * nodes + target[both]
    kinds, kind = np.unique(key, return_inverse=True)
    group = np.full(len(source), -1)
    group[both] = kind
    figures = _count(group, len(kinds), ways)
    shared = np.flatnonzero(figures.users >= MIN_USERS)
    return [
        FlowEdge(
            source=int(kinds[one] // nodes),
            target=int(kinds[one] % nodes),
            sessions=int(figures.sessions[one]),
            **_rate(figures, one),
        )
        for one in shared[np.argsort(figures.sessions[shared], kind="stable")]
    ]


def _count(group: Ints, groups: int, ways: _Ways) -> _Figures:
    """Count sessions, users and outcomes of each group; a session of group `-1` is in none."""
    inside = group >= 0
    group, outcome, user = group[inside], ways.outcomes[inside], ways.users[inside]
    people = int(user.max(initial=0)) + 1
    return _Figures(
        sessions=np.bincount(group, minlength=groups),
        users=np.bincount(distinct(group * people + user) // people, minlength=groups),
        known=np.bincount(group[outcome != UNKNOWN], minlength=groups),
        solved=np.bincount(group[outcome == SOLVED], minlength=groups),
    )


class Fared(TypedDict):
    """How some sessions ended."""

    known: int
    success_rate: float | None


def fared(solved: int, known: int) -> Fared:
    """Return how many sessions say how they ended, and how well they did."""
    return Fared(known=known, success_rate=round(solved / known, 4) if known >= MIN_KNOWN else None)


def _rate(figures: _Figures, row: int) -> Fared:
    return fared(int(figures.solved[row]), int(figures.known[row]))


def judged(shown: Sequence[Shown], usual: float | None) -> list[Shown]:
    """Return nodes or edges with their standing: of those coloured, few are by chance (`discoveries`)."""
    rated = [place for place, one in enumerate(shown) if one.success_rate is not None]
    if usual is None or not rated:
        return list(shown)
    known = np.array([shown[place].known for place in rated])
    rate = np.array([shown[place].success_rate for place in rated], np.float64)
    solved = np.rint(rate * known).astype(np.int64)
    more = tail_bound(solved, known, np.full(len(known), usual))
    less = tail_bound(known - solved, known, np.full(len(known), 1 - usual))
    stands = discoveries(np.minimum(2 * np.minimum(more, less), 1.0))
    found = list(shown)
    for row, place in enumerate(rated):
        standing: Standing = "usual" if not stands[row] else "more" if rate[row] > usual else "less"
        found[place] = shown[place].model_copy(update={"standing": standing})
    return found
