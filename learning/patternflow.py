"""The ways that learned patterns show, as the graph that sessions give: what a release alone can tell."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from learning.flowgraph import ROWS, FlowEdge, FlowGraph, FlowNode, fared, judged
from memory.records import Pattern

Way = tuple[str, ...]
Place = tuple[int, str | None]
"""Column and label of a node; `None` for the steps of a column that do not stand by themselves."""


class _Tally(NamedTuple):
    """Sessions that patterns count; the rate of a pattern is taken to hold for all its sessions."""

    sessions: int = 0
    known: int = 0
    solved: float = 0.0

    def plus(self, other: "_Tally") -> "_Tally":
        return _Tally(self.sessions + other.sessions, self.known + other.known, self.solved + other.solved)


def flow_of_patterns(
    patterns: Iterable[Pattern],
    start: Sequence[str] = (),
    *,
    usual_rate: float | None = None,
    rows: int = ROWS,
) -> FlowGraph:
    """Return the ways that contiguous patterns show from the steps `start` on; without it, the whole flows.

    The figures are the patterns' own: a session that shows two of them is counted for each. `usual_rate`
    (0 to 1) is what success is compared with; left out, the rate of all that is shown first.
    """
    ways = _ways([one for one in patterns if _tells(one, start)], adds_up=not start)
    named = _named(ways, rows)
    nodes: dict[Place, _Tally] = defaultdict(_Tally)
    edges: dict[tuple[Place, Place], _Tally] = defaultdict(_Tally)
    folded: dict[int, set[str]] = defaultdict(set)
    for way, tally in ways.items():
        place = _place(way, named)
        nodes[place] = nodes[place].plus(tally)
        if place[1] is None:
            folded[place[0]].add(way[-1])
        if len(way) > 1:
            edge = (_place(way[:-1], named), place)
            edges[edge] = edges[edge].plus(tally)
    return _graph(nodes, edges, folded, start, usual_rate)


def _tells(pattern: Pattern, start: Sequence[str]) -> bool:
    """True for whole flows without a start; else for sequences that lead to it or go on from it."""
    if not start:
        return pattern.pattern_type == "flow"
    common = min(len(pattern.sequence), len(start))
    way = [step.label for step in pattern.sequence[:common]]
    return pattern.pattern_type == "sequence" and way == list(start[:common])


def _ways(patterns: Sequence[Pattern], *, adds_up: bool) -> dict[Way, _Tally]:
    """Return figures of each pattern and of all its beginnings.

    With `adds_up` sessions that end somewhere are added to those that go on (flows); else a beginning has
    the figures of its own pattern (sequences), and those of what goes on from it only where it has none.
    """
    own: dict[Way, _Tally] = {}
    for pattern in patterns:
        known = pattern.frequency if pattern.success_rate is not None else 0
        way = tuple(step.label for step in pattern.sequence)
        own[way] = _Tally(pattern.frequency, known, (pattern.success_rate or 0.0) * known)
    ways = {way[:length] for way in own for length in range(1, len(way) + 1)}
    found: dict[Way, _Tally] = {}
    going_on: dict[Way, _Tally] = defaultdict(_Tally)
    for way in sorted(ways, key=lambda way: (-len(way), way)):
        after, mine = going_on[way], own.get(way)
        found[way] = after if mine is None else mine.plus(after) if adds_up else mine
        going_on[way[:-1]] = going_on[way[:-1]].plus(found[way])
    return found


def _named(ways: Mapping[Way, _Tally], rows: int) -> set[Place]:
    """Return the most frequent places of each column."""
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for way, tally in ways.items():
        counts[len(way) - 1][way[-1]] += tally.sessions
    return {
        (column, label)
        for column, found in counts.items()
        for label in sorted(found, key=lambda label: (-found[label], label))[:rows]
    }


def _place(way: Way, named: set[Place]) -> Place:
    place = (len(way) - 1, way[-1])
    return place if place in named else (place[0], None)


def _graph(
    nodes: Mapping[Place, _Tally],
    edges: Mapping[tuple[Place, Place], _Tally],
    folded: Mapping[int, set[str]],
    start: Sequence[str],
    usual_rate: float | None,
) -> FlowGraph:
    """Put tallies in the order that a `FlowGraph` has."""
    first = [tally for (column, _), tally in nodes.items() if column == 0]
    usual_rate = _rate(first) if usual_rate is None else usual_rate
    going: dict[Place, int] = defaultdict(int)
    for (source, _), tally in edges.items():
        going[source] += tally.sessions

    def rank(place: Place) -> tuple[int, bool, int, str]:
        column, label = place
        return column, label is None, -nodes[place].sessions, label or ""

    order = sorted(nodes, key=rank)
    number = {place: n for n, place in enumerate(order)}
    made = [
        FlowNode(
            column=column,
            label=label,
            labels=1 if label is not None else len(folded[column]),
            sessions=nodes[column, label].sessions,
            ended=max(nodes[column, label].sessions - going[column, label], 0),
            **fared(round(nodes[column, label].solved), nodes[column, label].known),
        )
        for column, label in order
    ]
    joined = [
        FlowEdge(
            source=number[source],
            target=number[target],
            sessions=tally.sessions,
            **fared(round(tally.solved), tally.known),
        )
        for (source, target), tally in sorted(edges.items(), key=lambda item: item[1].sessions)
    ]
    return FlowGraph(
        nodes=judged(made, usual_rate),
        edges=judged(joined, usual_rate),
        sessions=sum(tally.sessions for tally in first),
        usual_rate=usual_rate,
        start=list(start),
    )


def _rate(tallies: Sequence[_Tally]) -> float | None:
    """Return the share of solved among all; `None` when no outcome is known."""
    known = sum(tally.known for tally in tallies)
    return sum(tally.solved for tally in tallies) / known if known else None
