"""The machine as it is drawn: where each node stands and which way each edge runs, placed by hand."""

from typing import Literal, NamedTuple

WIDTH, HEIGHT = 916, 306
"""Size of the drawing (pixels)."""

BOX_WIDTH, BOX_HEIGHT = 130, 38

_COLUMNS = (62, 240, 418, 596, 774)
_ROWS = (14, 106, 198)
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


class Tip(NamedTuple):
    """Where an arrow ends and which way it points."""

    x: int
    y: int
    way: Literal["right", "left", "up", "down"]


class Edge(NamedTuple):
    """A way from one node to another."""

    source: str
    target: str
    route: str
    """What decides for it; "" when there is no other way."""

    line: str
    """Path data up to the arrow."""

    tip: Tip
    label: tuple[int, int]
    """Where the base line of the label begins, has its middle or ends (pixels)."""

    anchor: Literal["start", "middle", "end"] = "middle"


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
    Edge("input_guard", "query_analyzer", "passed", "M192 33H232", Tip(239, 33, "right"), (215, 27)),
    Edge(
        "input_guard",
        "output_guard",
        "blocked",
        "M62 42H44Q28 42 28 58V268Q28 284 44 284H289Q305 284 305 268V244",
        Tip(305, 237, "up"),
        (166, 278),
    ),
    Edge("query_analyzer", "query_transformer", "clear", "M370 33H410", Tip(417, 33, "right"), (393, 27)),
    Edge(
        "query_analyzer",
        "clarifier",
        "unclear",
        "M305 52V101Q305 117 289 117H200",
        Tip(193, 117, "left"),
        (296, 110),
        "end",
    ),
    Edge("clarifier", "memory_updater", "", "M127 144V190", Tip(127, 197, "down"), (127, 170)),
    Edge(
        "query_transformer",
        "clarifier",
        "still unclear",
        "M483 52V117Q483 133 467 133H200",
        Tip(193, 133, "left"),
        (474, 126),
        "end",
    ),
    Edge("query_transformer", "retriever", "clear", "M548 33H588", Tip(595, 33, "right"), (571, 27)),
    Edge("retriever", "task_planner", "tools", "M726 33H766", Tip(773, 33, "right"), (749, 27)),
    Edge("retriever", "generator", "no tools", "M638 52V190", Tip(638, 197, "down"), (631, 114), "end"),
    Edge("task_planner", "tool_runner", "tasks", "M856 52V190", Tip(856, 197, "down"), (849, 172), "end"),
    Edge(
        "task_planner",
        "generator",
        "no tasks",
        "M822 52V109Q822 125 806 125H700Q684 125 684 141V190",
        Tip(684, 197, "down"),
        (750, 119),
    ),
    Edge("tool_runner", "generator", "", "M774 217H734", Tip(727, 217, "left"), (750, 211)),
    Edge("generator", "judge", "", "M596 217H556", Tip(549, 217, "left"), (572, 211)),
    Edge(
        "judge",
        "generator",
        "revise",
        "M483 236V256Q483 272 499 272H645Q661 272 661 256V244",
        Tip(661, 237, "up"),
        (572, 266),
    ),
    Edge("judge", "output_guard", "accept", "M418 217H378", Tip(371, 217, "left"), (394, 211)),
    Edge("output_guard", "memory_updater", "", "M240 217H200", Tip(193, 217, "left"), (216, 211)),
)
"""Every way a turn can take; a test holds them against the graph that runs."""

REFUSED = (394, 232)
"""Where `refuse` stands, which takes the same way as `accept`."""

START, END = (12, 24), (44, 217)
"""Middles of the marks where a turn begins and ends."""
