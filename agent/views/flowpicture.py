"""The picture of learned flows: steps from left to right, wide by sessions, coloured by success."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.views.lettering import text_width, wrapped
from agent.views.markup import escape, one_line
from agent.views.svg import BLUE, RED, svg_frame, svg_text
from agent.views.words import counted, percent
from learning.flowgraph import FlowEdge, FlowGraph, FlowNode, Standing

MARGIN, HEAD, LEGEND = 16, 56, 64
BOX_WIDTH, GAP = 168, 84
"""Width of a step's box, and of the room for ways between two columns (pixels)."""

SPACE = 14
"""Between two boxes of a column (pixels)."""

PADDING = 9
LABEL_SIZE, FIGURE_SIZE, LABEL_LINES = 12.5, 11.0, 3
BOLD = 1.08
"""How much wider bold letters are."""

LINE = 16
FLOW_HEIGHT = 340
"""Height that the sessions of the fullest column would take if their boxes had no labels (pixels)."""

THINNEST = 1.2
SWEEPS = 8
"""Times that columns are put in the order of their neighbours; then hardly a way changes its side."""

GREY = "#8b949e"
COLOURS: dict[Standing, str] = {"less": RED, "usual": GREY, "more": BLUE, "unknown": GREY}
OPACITIES: dict[Standing, float] = {"less": 0.6, "usual": 0.38, "more": 0.6, "unknown": 0.16}
"""Of the ways, which cross each other; what is not known stands back."""

MEANINGS: dict[Standing, str] = {
    "less": "solved less often",
    "usual": "about as often",
    "more": "solved more often",
    "unknown": "hardly any outcome known",
}


@dataclass(frozen=True)
class _Box:
    """Where a node is drawn."""

    left: float
    top: float
    height: float
    lines: list[str]

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def flow_picture(flow: FlowGraph, title: str = "") -> str:
    """Draw the ways that sessions take; a bold colour says that they end better or worse than usual."""
    columns = _columns(flow)
    boxes, bottom = _placed(flow, columns)
    width = 2 * MARGIN + max(len(columns), 3) * (BOX_WIDTH + GAP) - GAP
    said = title or "Flows"
    parts = [
        svg_text(MARGIN, 24, one_line(said, 70), size=15, bold=True),
        svg_text(MARGIN, 43, _facts(flow), size=FIGURE_SIZE + 0.5, opacity=0.8),
        *_ways(flow, boxes),
        *(_step(node, boxes[place], flow) for place, node in enumerate(flow.nodes)),
    ]
    if not flow.nodes:
        parts.append(svg_text(MARGIN, HEAD + 24, "no session to show", size=LABEL_SIZE))
    parts.append(_legend(flow, bottom + 20))
    return svg_frame(width, round(bottom) + LEGEND, one_line(f"{said}. {_facts(flow)}", 600), parts)


def _facts(flow: FlowGraph) -> str:
    usual = "" if flow.usual_rate is None else f" · {percent(flow.usual_rate)} solved"
    return f"{counted(flow.sessions, 'session')}{usual}"


# --- where things are --------------------------------------------------------------------------------


def _columns(flow: FlowGraph) -> list[list[int]]:
    """Return the nodes of each column from top to bottom, near those that they have most to do with."""
    columns: list[list[int]] = [[] for _ in range(1 + max((node.column for node in flow.nodes), default=-1))]
    for place, node in enumerate(flow.nodes):
        columns[node.column].append(place)
    rank = {place: float(row) for column in columns for row, place in enumerate(column)}
    before: dict[int, list[FlowEdge]] = {place: [] for place in rank}
    after: dict[int, list[FlowEdge]] = {place: [] for place in rank}
    for edge in flow.edges:
        before[edge.target].append(edge)
        after[edge.source].append(edge)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in columns if forward else columns[::-1]:
            pulls = {
                place: _pull([(one.source, one) for one in before[place]], rank, rank[place])
                if forward
                else _pull([(one.target, one) for one in after[place]], rank, rank[place])
                for place in column
            }
            # what stands for many stays at the bottom, where it is looked for last
            column.sort(key=lambda place: (flow.nodes[place].label is None, pulls[place]))
            rank |= {place: float(row) for row, place in enumerate(column)}
    return columns


def _pull(neighbours: Iterable[tuple[int, FlowEdge]], rank: dict[int, float], own: float) -> float:
    """Return the mean rank of neighbours, weighted by sessions; a node without any stays where it is."""
    weighted = [(rank[place] * edge.sessions, edge.sessions) for place, edge in neighbours]
    total = sum(weight for _, weight in weighted)
    return sum(value for value, _ in weighted) / total if total else own


def _scale(flow: FlowGraph) -> float:
    """Return the height of a session (pixels)."""
    sums: dict[int, int] = {}
    for node in flow.nodes:
        sums[node.column] = sums.get(node.column, 0) + node.sessions
    return FLOW_HEIGHT / max([*sums.values(), 1])


def _placed(flow: FlowGraph, columns: Sequence[Sequence[int]]) -> tuple[dict[int, _Box], float]:
    """Return the box of each node, and where the lowest ends; columns are centred on each other."""
    scale = _scale(flow)
    lines = [
        wrapped(_name(node), LABEL_SIZE * BOLD, BOX_WIDTH - 2 * PADDING, LABEL_LINES) for node in flow.nodes
    ]
    heights = [
        max(LINE * (len(lines[place]) + 1) + PADDING, node.sessions * scale)
        for place, node in enumerate(flow.nodes)
    ]
    full = [sum(heights[place] + SPACE for place in column) - SPACE for column in columns]
    tallest = max(full, default=40.0)
    boxes: dict[int, _Box] = {}
    for number, column in enumerate(columns):
        top = HEAD + (tallest - full[number]) / 2
        for place in column:
            left = MARGIN + number * (BOX_WIDTH + GAP)
            boxes[place] = _Box(left, top, heights[place], lines[place])
            top += heights[place] + SPACE
    return boxes, HEAD + tallest


def _name(node: FlowNode) -> str:
    return node.label if node.label is not None else counted(node.labels, "other step")


# --- what is drawn -----------------------------------------------------------------------------------


def _ways(flow: FlowGraph, boxes: dict[int, _Box]) -> list[str]:
    """Return the edges, the widest first, so that none hides a narrow one."""
    scale = _scale(flow)
    leave = _stacked(flow.edges, boxes, scale, is_source=True)
    arrive = _stacked(flow.edges, boxes, scale, is_source=False)
    drawn = []
    for number in sorted(range(len(flow.edges)), key=lambda number: -flow.edges[number].sessions):
        edge = flow.edges[number]
        x = boxes[edge.source].left + BOX_WIDTH
        drawn.append(_way(flow, edge, (x, leave[number]), (boxes[edge.target].left, arrive[number]), scale))
    return drawn


def _stacked(
    edges: Sequence[FlowEdge], boxes: dict[int, _Box], scale: float, *, is_source: bool
) -> dict[int, float]:
    """Return the height at which each edge leaves or reaches its box, in the order of where they lead."""

    def ends(edge: FlowEdge) -> tuple[int, int]:
        return (edge.source, edge.target) if is_source else (edge.target, edge.source)

    order = sorted(range(len(edges)), key=lambda number: boxes[ends(edges[number])[1]].middle)
    widths: dict[int, float] = {}
    for edge in edges:
        own = ends(edge)[0]
        widths[own] = widths.get(own, 0.0) + edge.sessions * scale
    at = {own: boxes[own].middle - width / 2 for own, width in widths.items()}
    found: dict[int, float] = {}
    for number in order:
        own, width = ends(edges[number])[0], edges[number].sessions * scale
        found[number] = at[own] + width / 2
        at[own] += width
    return found


def _way(
    flow: FlowGraph, edge: FlowEdge, begin: tuple[float, float], end: tuple[float, float], scale: float
) -> str:
    (x, y), (end_x, end_y) = begin, end
    half, turn = max(edge.sessions * scale, THINNEST) / 2, (begin[0] + end[0]) / 2
    band = (
        f"M{x:.1f} {y - half:.1f}C{turn:.1f} {y - half:.1f} {turn:.1f} {end_y - half:.1f} "
        f"{end_x:.1f} {end_y - half:.1f}V{end_y + half:.1f}"
        f"C{turn:.1f} {end_y + half:.1f} {turn:.1f} {y + half:.1f} {x:.1f} {y + half:.1f}z"
    )
    told = (
        f"{_name(flow.nodes[edge.source])} → {_name(flow.nodes[edge.target])}: "
        f"{counted(edge.sessions, 'session')}, {_solved(edge.success_rate)}"
    )
    return (
        f"<g><title>{escape(one_line(told, 600))}</title>"
        f'<path d="{band}" fill="{COLOURS[edge.standing]}" fill-opacity="{OPACITIES[edge.standing]}"/></g>'
    )


def _solved(rate: float | None) -> str:
    return "outcomes unknown" if rate is None else f"{percent(rate)} solved"


def _step(node: FlowNode, box: _Box, flow: FlowGraph) -> str:
    colour = COLOURS[node.standing]
    sessions = counted(node.sessions, "session")
    told = f"{_name(node)}: {sessions}, {_solved(node.success_rate)}, {node.ended:,} end here"
    text_top = box.middle - LINE * (len(box.lines) + 1) / 2
    labels = "".join(
        svg_text(box.left + PADDING, text_top + LINE * row + 12.5, line, size=LABEL_SIZE, bold=True)
        for row, line in enumerate(box.lines)
    )
    rate = "" if node.success_rate is None else f" · {percent(node.success_rate)} solved"
    figures = svg_text(
        box.left + PADDING,
        text_top + LINE * len(box.lines) + 12,
        f"{node.sessions:,}{rate}",
        size=FIGURE_SIZE,
    )
    dashed = ' stroke-dasharray="4 3"' if node.label is None else ""
    return (
        f"<g><title>{escape(one_line(told, 2_200))}</title>"
        f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{BOX_WIDTH}" height="{box.height:.1f}" rx="9" '
        f'fill="{colour}" fill-opacity="0.14" stroke="{colour}" stroke-width="1.6"{dashed}/>'
        f"{labels}{figures}</g>"
    )


def _legend(flow: FlowGraph, y: float) -> str:
    """Return what the colours and widths mean; only what the picture shows."""
    shown = {node.standing for node in flow.nodes} | {edge.standing for edge in flow.edges}
    usual = "" if flow.usual_rate is None else f" than the usual {percent(flow.usual_rate)}"
    parts, x = [], float(MARGIN)
    for standing, meaning in MEANINGS.items():
        if standing not in shown:
            continue
        text = meaning + (usual if standing in ("less", "more") else "")
        parts.append(
            f'<rect x="{x:.1f}" y="{y + 1:.1f}" width="22" height="11" rx="3" fill="{COLOURS[standing]}" '
            f'fill-opacity="{OPACITIES[standing]}" stroke="{COLOURS[standing]}"/>'
            + svg_text(x + 29, y + 11, text, size=FIGURE_SIZE)
        )
        x += 29 + text_width(text, FIGURE_SIZE) + 14
    last = "Width: sessions. Colour: only what chance does not explain. Repeats in a row count once."
    parts.append(svg_text(MARGIN, y + 30, last, size=FIGURE_SIZE, opacity=0.8))
    return "".join(parts)
