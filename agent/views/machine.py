"""The machine as it is drawn: where each node stands and which way each edge runs, placed by hand."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

WIDTH, HEIGHT = 900, 322
"""Size of the drawing (pixels)."""

BOX_WIDTH, BOX_HEIGHT = 122, 38

_COLUMNS = (62, 235, 408, 581, 754)
_ROWS = (28, 120, 212)
"""Left edges of the columns and top edges of the rows (pixels)."""


class Place(NamedTuple):
    """Where a node stands, in columns and rows."""

    column: int
    row: int

    @property
    def left(self) -> int:
        return _COLUMNS[self.column]

    @property
    def top(self) -> int:
        return _ROWS[self.row]


class Edge(NamedTuple):
    """A way from one node to another."""

    source: str
    target: str
    route: str
    """What decides for it; "" when there is no other way."""

    line: str
    """Path data; the arrow is at its end."""

    label: tuple[int, int]
    """Middle of the label's base line (pixels)."""

    anchor: str = "middle"


PLACES: dict[str, Place] = {
    "input_guard": Place(0, 0),
    "query_analyzer": Place(1, 0),
    "query_transformer": Place(2, 0),
    "retriever": Place(3, 0),
    "task_planner": Place(4, 0),
    "clarifier": Place(0, 1),
    "tool_runner": Place(4, 2),
    "generator": Place(3, 2),
    "judge": Place(2, 2),
    "output_guard": Place(1, 2),
    "memory_updater": Place(0, 2),
}
"""The nodes; the way of a usual turn goes along the top and back along the bottom."""

EDGES: tuple[Edge, ...] = (
    Edge("input_guard", "query_analyzer", "passed", "M184 47H233", (208, 41)),
    Edge(
        "input_guard",
        "output_guard",
        "blocked",
        "M62 56H44Q28 56 28 72V280Q28 296 44 296H280Q296 296 296 280V252",
        (148, 290),
    ),
    Edge("query_analyzer", "query_transformer", "clear", "M357 47H406", (381, 41)),
    Edge("query_analyzer", "clarifier", "unclear", "M296 66V123Q296 139 280 139H186", (290, 132), "end"),
    Edge("clarifier", "memory_updater", "", "M123 158V210", (123, 184)),
    Edge("query_transformer", "retriever", "", "M530 47H579", (554, 41)),
    Edge("retriever", "task_planner", "tools", "M703 47H752", (727, 41)),
    Edge("retriever", "generator", "no tools", "M624 66V210", (618, 128), "end"),
    Edge("task_planner", "tool_runner", "tasks", "M832 66V210", (826, 186), "end"),
    Edge(
        "task_planner",
        "generator",
        "no tasks",
        "M790 66V123Q790 139 774 139H676Q660 139 660 155V210",
        (724, 133),
    ),
    Edge("tool_runner", "generator", "", "M754 231H705", (729, 225)),
    Edge("generator", "judge", "", "M581 231H532", (556, 225)),
    Edge("judge", "generator", "revise", "M469 250V268Q469 284 485 284H626Q642 284 642 268V252", (556, 278)),
    Edge("judge", "output_guard", "accept", "M408 231H359", (383, 225)),
    Edge("output_guard", "memory_updater", "", "M235 231H186", (210, 225)),
)
"""Every way a turn can take; a test holds them against the graph that runs."""

REFUSED = (383, 247)
"""Where `refuse` stands, which takes the same way as `accept`."""

START, END = (10, 38), (44, 231)
"""Middles of the marks where a turn begins and ends."""


def visits(path: Sequence[str]) -> Counter[str]:
    """Count how often each node ran."""
    return Counter(path)


def ways(path: Sequence[str]) -> Counter[tuple[str, str]]:
    """Count how often each edge was taken."""
    return Counter(pairwise(path))
