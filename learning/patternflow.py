"""The ways that learned patterns show, as the graph that sessions give: what a release alone can tell."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from learning.flowgraph import ROWS, FlowEdge, FlowGraph, FlowNode, fared
from memory.records import Pattern

Place = tuple[int, str | None]
"""Column and label of a node; `None` for the steps of a column that do not stand by themselves."""


@dataclass
class _Tally:
    """Sessions that patterns count; the rate of a pattern is taken to hold for all its sessions."""

    sessions: int = 0
    known: int = 0
    solved: float = 0.0

    def add(self, pattern: Pattern) -> None:
        self.sessions += pattern.frequency
        if pattern.success_rate is not None:
            self.known += pattern.frequency
            self.solved += pattern.success_rate * pattern.frequency


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
    found = [one for one in patterns if _tells(one, start)]
    nodes: dict[Place, _Tally] = defaultdict(_Tally)
    edges: dict[tuple[Place, Place], _Tally] = defaultdict(_Tally)
    labels = [[step.label for step in one.sequence] for one in found]
    named = _named(zip(labels, found, strict=True), rows, is_whole=not start)
    for way, pattern in zip(labels, found, strict=True):
        places = [(column, label if (column, label) in named else None) for column, label in enumerate(way)]
        first = 0 if not start else len(way) - 1
        for column in range(first, len(way)):
            nodes[places[column]].add(pattern)
            if column:
                edges[places[column - 1], places[column]].add(pattern)
    return _graph(nodes, edges, _folded(labels, named), start, usual_rate)


def _tells(pattern: Pattern, start: Sequence[str]) -> bool:
    """True for whole flows without a start; else for sequences that lead to it or go on from it."""
    if not start:
        return pattern.pattern_type == "flow"
    common = min(len(pattern.sequence), len(start))
    way = [step.label for step in pattern.sequence[:common]]
    return pattern.pattern_type == "sequence" and way == list(start[:common])


def _named(ways: Iterable[tuple[list[str], Pattern]], rows: int, *, is_whole: bool) -> set[Place]:
    """Return the most frequent places of each column."""
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for way, pattern in ways:
        for column, label in enumerate(way):
            if is_whole or column == len(way) - 1:
                counts[column][label] += pattern.frequency
    return {
        (column, label)
        for column, found in counts.items()
        for label in sorted(found, key=lambda label: (-found[label], label))[:rows]
    }


def _folded(ways: Sequence[Sequence[str]], named: set[Place]) -> dict[int, set[str]]:
    """Return the labels of each column that stand with others."""
    folded: dict[int, set[str]] = defaultdict(set)
    for way in ways:
        for column, label in enumerate(way):
            if (column, label) not in named:
                folded[column].add(label)
    return folded


def _graph(
    nodes: dict[Place, _Tally],
    edges: dict[tuple[Place, Place], _Tally],
    folded: dict[int, set[str]],
    start: Sequence[str],
    usual_rate: float | None,
) -> FlowGraph:
    """Put tallies in the order that a `FlowGraph` has."""
    first = [tally for (column, _), tally in nodes.items() if column == 0]
    known = sum(tally.known for tally in first)
    if usual_rate is None and known:
        usual_rate = sum(tally.solved for tally in first) / known
    going: dict[Place, int] = defaultdict(int)
    for (source, _), tally in edges.items():
        going[source] += tally.sessions

    def rank(place: Place) -> tuple[int, bool, int, str]:
        column, label = place
        return column, label is None, -nodes[place].sessions, label or ""

    order = sorted(nodes, key=rank)
    number = {place: n for n, place in enumerate(order)}
    return FlowGraph(
        nodes=[
            FlowNode(
                column=column,
                label=label,
                labels=1 if label is not None else len(folded[column]),
                sessions=nodes[column, label].sessions,
                ended=max(nodes[column, label].sessions - going[column, label], 0),
                **fared(round(nodes[column, label].solved), nodes[column, label].known, usual_rate),
            )
            for column, label in order
        ],
        edges=[
            FlowEdge(
                source=number[source],
                target=number[target],
                sessions=tally.sessions,
                **fared(round(tally.solved), tally.known, usual_rate),
            )
            for (source, target), tally in sorted(edges.items(), key=lambda item: item[1].sessions)
            if source in number and target in number
        ],
        sessions=sum(tally.sessions for tally in first),
        usual_rate=usual_rate,
        start=list(start),
    )
