"""Pictures as SVG text: no script, no link, nothing to load; they take the colour of the text around them."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from math import floor, log10

from agent.views import machine
from agent.views.markup import (
    attempts_told,
    escape,
    is_degraded,
    one_line,
    suggestion_facts,
)
from agent.views.words import (
    percent,
    time_taken,
    without_guidance,
)
from graph.trace import NodeRun, Trace
from memory.records import Guidance, Suggestion

BLUE, RED = "#2f81f7", "#e5484d"
"""Strong enough on white and on black, so that one picture serves both."""

UNTAKEN = 0.62
"""Opacity of what a turn did not touch; the least at which small text keeps a contrast of 4.5 on white."""

MOST_ROWS = 60
"""Node runs drawn; a turn has far fewer, a broken log may have any number."""

FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',Arial,sans-serif"

# `svg:root` is this picture only when it stands alone: inside a page the page sets the colour
STYLE = (
    "<style>svg:root{color-scheme:light dark;color:#1f2328}"
    "@media (prefers-color-scheme:dark){svg:root{color:#e6edf3}}</style>"
)


def graph_svg(path: Sequence[str] = (), *, degraded: Collection[str] = ()) -> str:
    """Draw the machine; with a `path` (names of nodes in order) the way taken is bold, repeats are counted.

    Nodes in `degraded` are marked.
    """
    runs, taken = Counter(path), Counter(pairwise(path))
    # ways taken are drawn last, so that nothing covers them
    edges = sorted(machine.EDGES, key=lambda edge: taken[edge.source, edge.target])
    parts = [
        _ends(path),
        *(_edge(edge, taken[edge.source, edge.target], bool(path)) for edge in edges),
        *(_node(name, runs[name], bool(path), name in degraded) for name in machine.PLACES),
    ]
    said = f"The nodes of a turn; the way taken: {', '.join(path)}" if path else "The nodes of a turn"
    return svg_frame(machine.WIDTH, machine.HEIGHT, one_line(said, 600), parts)


def _edge(edge: machine.Edge, times: int, has_path: bool) -> str:
    route = "accept or refuse" if edge.route == "accept" else edge.route
    way = f"{edge.source} → {edge.target}" + (f": {route}" if route else "")
    count = f" ×{times}" if times > 1 else ""
    labels = svg_text(*edge.label, f"{edge.route}{count}", size=11, anchor=edge.anchor) if edge.route else ""
    if edge.route == "accept":
        labels += svg_text(*machine.REFUSED, "refuse", size=11, anchor="middle")
    colour = BLUE if times else "currentColor"
    opacity = 1 if times else UNTAKEN if has_path else 0.7
    return (
        f'<g opacity="{opacity}"><title>{escape(way + count)}</title>'
        f"{_arrow(edge.line, edge.tip, colour, 2.4 if times else 1.2)}{labels}</g>"
    )


def _arrow(line: str, tip: machine.Tip, colour: str, width: float) -> str:
    """Draw a line with a head; without `<marker>`, whose ids would clash where a page holds many pictures."""
    x, y, way = tip
    back, half = (-9 if way in ("right", "down") else 9), 4.5
    head = f"{x + back} {y - half}V{y + half}" if way in ("left", "right") else f"{x - half} {y + back}h9"
    return (
        f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        f'<path d="M{x} {y}L{head}z" fill="{colour}"/>'
    )


def _node(name: str, runs: int, has_path: bool, is_broken: bool) -> str:
    place = machine.PLACES[name]
    colour = RED if is_broken else BLUE if runs else "currentColor"
    box = (
        f'<rect x="{place.left}" y="{place.top}" width="{machine.BOX_WIDTH}" height="{machine.BOX_HEIGHT}" '
        f'rx="9" fill="{colour}" fill-opacity="{0.14 if runs else 0.04}" stroke="{colour}" '
        f'stroke-width="{2 if runs else 1.2}" stroke-opacity="{1 if runs else 0.6}"/>'
    )
    label = svg_text(place.left + machine.BOX_WIDTH // 2, place.top + 23.5, name, size=12.5, anchor="middle")
    badge = _badge(place.left + machine.BOX_WIDTH, place.top, runs, colour) if runs > 1 else ""
    ran = "" if not has_path else f": ran {runs} ×" if runs else ": did not run"
    note = ", degraded" if is_broken else ""
    opacity = UNTAKEN if has_path and not runs else 1
    return f'<g opacity="{opacity}"><title>{name}{ran}{note}</title>{box}{label}{badge}</g>'


def _badge(x: int, y: int, runs: int, colour: str) -> str:
    return (
        f'<rect x="{x - 20}" y="{y - 9}" width="28" height="18" rx="9" fill="{colour}"/>'
        f'<text x="{x - 6}" y="{y + 4}" font-size="11" font-weight="700" text-anchor="middle" '
        f'fill="#fff">×{runs}</text>'
    )


def _ends(path: Sequence[str]) -> str:
    """Draw where a turn begins and where it ends."""
    (x, y), (end_x, end_y) = machine.START, machine.END
    start = BLUE if path else "currentColor"
    end = BLUE if "memory_updater" in path else "currentColor"
    first = machine.Tip(61, y, "right")
    return (
        f'<g opacity="{1 if path else 0.7}"><title>start of the turn</title>'
        f'<circle cx="{x}" cy="{y}" r="5.5" fill="{start}"/>'
        f"{_arrow(f'M{x} {y}H54', first, start, 2.4 if path else 1.2)}</g>"
        f'<g opacity="{0.7 if end == "currentColor" else 1}" fill="none" stroke="{end}" stroke-width="1.6">'
        f'<title>end of the turn</title><path d="M62 {end_y}H{end_x + 6}"/>'
        f'<circle cx="{end_x}" cy="{end_y}" r="6"/>'
        f'<circle cx="{end_x}" cy="{end_y}" r="2.2" fill="{end}"/></g>'
    )


# --- timeline ----------------------------------------------------------------------------------

_LEFT, _RIGHT, _BAR, _ROW = 150, 88, 16, 26
_TIMELINE_WIDTH = 900


def timeline_svg(trace: Trace) -> str:
    """Draw each node run as a bar over the time of the turn, with its attempts; failed ones are hatched."""
    runs = trace.runs[:MOST_ROWS]
    end_ms = max([trace.duration_ms or 0.0, *(run.start_ms + run.duration_ms for run in runs)], default=0.0)
    scale = (_TIMELINE_WIDTH - _LEFT - _RIGHT) / (end_ms or 1.0)
    bottom = 8 + _ROW * max(len(runs), 1)
    parts = [_axis(end_ms, scale, bottom)]
    parts += [_run_row(run, 8 + _ROW * row, scale) for row, run in enumerate(runs)]
    if not runs:
        parts.append(svg_text(_LEFT + 8, 26, "no node run is recorded", size=12, anchor="start"))
    if len(trace.runs) > MOST_ROWS:
        more = f"… {len(trace.runs) - MOST_ROWS:,} more node runs"
        parts.append(svg_text(_LEFT, bottom + 40, more, size=12, anchor="start"))
    height = bottom + (48 if len(trace.runs) > MOST_ROWS else 30)
    return svg_frame(
        _TIMELINE_WIDTH, height, f"Time of each node run; the turn took {time_taken(end_ms)}", parts
    )


def _axis(end_ms: float, scale: float, bottom: int) -> str:
    lines = []
    for tick in _ticks(end_ms):
        x = _LEFT + tick * scale
        label = "0" if tick == 0 else time_taken(tick) if tick >= 1000 else f"{tick:g} ms"
        lines.append(
            f'<path d="M{x:.1f} 2V{bottom}" stroke="currentColor" stroke-opacity=".16"/>'
            + svg_text(x, bottom + 16, label, size=11, anchor="middle", opacity=0.7)
        )
    base = (
        f'<path d="M{_LEFT} {bottom}H{_TIMELINE_WIDTH - _RIGHT}" stroke="currentColor" stroke-opacity=".4"/>'
    )
    return "".join(lines) + base


def _ticks(end_ms: float) -> list[float]:
    """Return three to six round values from 0 to the end."""
    if end_ms <= 0:
        return [0.0]
    rough = end_ms / 4
    power = 10 ** floor(log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * 0.8)
    return [round(step * number, 9) for number in range(int(end_ms / step) + 1)]


def _run_row(run: NodeRun, y: int, scale: float) -> str:
    x, width = _LEFT + run.start_ms * scale, max(run.duration_ms * scale, 2.0)
    name = one_line(run.node, 20) + (f" {run.run}" if run.run > 1 else "")
    told = f"{name}: {time_taken(run.duration_ms)}, from {time_taken(run.start_ms)}"
    if is_degraded(run):
        told, bar = f"{told}. {attempts_told(run)}", _attempts(run, x, y + 3, scale)
    else:
        bar = (
            f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{BLUE}" '
            f'fill-opacity=".75"/>'
        )
    return (
        f"<g><title>{escape(told)}</title>{bar}"
        + svg_text(_LEFT - 10, y + 15, name, size=12.5, anchor="end")
        + svg_text(x + width + 6, y + 15, time_taken(run.duration_ms), size=11, opacity=0.8)
        + "</g>"
    )


def _attempts(run: NodeRun, x: float, y: int, scale: float) -> str:
    """Draw the attempts of a run of which one failed; the others are one bar."""
    parts = []
    for attempt in run.attempts:
        width = max(attempt.duration_ms * scale, 2.0)
        colour = RED if attempt.error else BLUE
        lines = _hatch(x, y, width) if attempt.error else ""
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{colour}" '
            f'fill-opacity="{0.12 if attempt.error else 0.75}" stroke="{colour}"/>{lines}'
        )
        x += width
    return "".join(parts)


def _hatch(x: float, y: int, width: float) -> str:
    """Return slanted lines over a bar; drawn one by one, because an SVG pattern needs an id."""
    lines = []
    for offset in range(0, int(width) + _BAR, 6):
        # from the lower edge up to the right, cut where the bar begins and ends
        low, high = max(offset - _BAR, 0), min(offset, width)
        if low < high:
            lines.append(f"M{x + low:.1f} {y + offset - low:.1f}L{x + high:.1f} {y + offset - high:.1f}")
    return f'<path d="{"".join(lines)}" stroke="{RED}" stroke-width="1.6"/>'


# --- guidance ----------------------------------------------------------------------------------

_GUIDANCE_WIDTH, _GUIDANCE_LEFT, _GUIDANCE_BAR, _GUIDANCE_ROW = 640, 8, 624, 66


def guidance_svg(guidance: Guidance) -> str:
    """Draw the suggested next steps as bars of their confidence, each with the pattern behind it."""
    rows = [] if guidance.arm == "holdout" else guidance.suggestions[:3]
    if not rows:
        return svg_frame(
            _GUIDANCE_WIDTH,
            32,
            "Guidance",
            [svg_text(8, 21, f"No suggestion: {without_guidance(guidance)}", size=13)],
        )
    parts = [_suggestion(number, one, 4 + _GUIDANCE_ROW * number) for number, one in enumerate(rows)]
    return svg_frame(_GUIDANCE_WIDTH, 4 + _GUIDANCE_ROW * len(rows), "Likely next steps", parts)


def _suggestion(number: int, one: Suggestion, y: int) -> str:
    filled = _GUIDANCE_BAR * one.confidence
    facts = f"{one_line(one.pattern_id, 24)} · {suggestion_facts(one)}"
    why = f", after {one_line(one.why, 200)}" if one.why else ""
    right = _GUIDANCE_LEFT + _GUIDANCE_BAR
    return (
        f"<g><title>{escape(f'{one_line(one.label, 200)}: {percent(one.confidence)}{why}')}</title>"
        + svg_text(_GUIDANCE_LEFT, y + 16, f"{number + 1}. {one_line(one.label, 38)}", size=13.5, bold=True)
        + svg_text(_GUIDANCE_LEFT, y + 51, facts, size=11.5, opacity=0.75)
        + svg_text(right, y + 16, percent(one.confidence), size=13.5, anchor="end", bold=True)
        + f'<rect x="{_GUIDANCE_LEFT}" y="{y + 25}" width="{_GUIDANCE_BAR}" height="9" rx="4.5" '
        f'fill="currentColor" fill-opacity=".12"/>'
        f'<rect x="{_GUIDANCE_LEFT}" y="{y + 25}" width="{max(filled, 4):.1f}" height="9" rx="4.5" '
        f'fill="{BLUE}"/></g>'
    )


# --- parts -------------------------------------------------------------------------------------


def svg_frame(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """Return a whole picture of `parts`; `title` is what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" fill="currentColor" style="{FONT}">'
        f"<title>{escape(title)}</title>{STYLE}{''.join(parts)}</svg>"
    )


def svg_text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    anchor: str = "start",
    bold: bool = False,
    opacity: float = 1.0,
) -> str:
    """Return one line of text, made safe; `y` is its base line, `size` is in pixels."""
    weight = ' font-weight="600"' if bold else ""
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}"{weight}{faint}>'
        f"{escape(text)}</text>"
    )
