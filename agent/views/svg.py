"""Pictures as SVG text: no script, no link, nothing to load; they take the colour of the text around them."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
    runs, taken = machine.visits(path), machine.ways(path)
    parts = [_marker("arrow", "currentColor"), _marker("arrow-taken", BLUE), _ends(path)]
    # ways taken are drawn last, so that nothing covers them
    for edge in sorted(machine.EDGES, key=lambda edge: taken[edge.source, edge.target]):
        parts.append(_edge(edge, taken[edge.source, edge.target], bool(path)))
    parts.append(_refused(taken, bool(path)))
    parts += [_node(name, runs[name], bool(path), name in degraded) for name in machine.PLACES]
    said = f"The nodes of a turn; the way taken: {', '.join(path)}" if path else "The nodes of a turn"
    return _picture(machine.WIDTH, machine.HEIGHT, one_line(said, 600), parts)


def _edge(edge: machine.Edge, times: int, has_path: bool) -> str:
    stroke, marker, width = (BLUE, "arrow-taken", 2.4) if times else ("currentColor", "arrow", 1.2)
    faint = ' opacity=".38"' if has_path and not times else ' opacity=".65"' if not times else ""
    way = f"{edge.source} → {edge.target}" + (f": {edge.route}" if edge.route else "")
    count = f" ×{times}" if times > 1 and edge.route else ""
    label = _text(*edge.label, f"{edge.route}{count}", size=11, anchor=edge.anchor, bold=bool(times))
    return (
        f"<g{faint}><title>{escape(way)}</title>"
        f'<path d="{edge.line}" fill="none" stroke="{stroke}" stroke-width="{width}" '
        f'marker-end="url(#slip-{marker})"/>{label if edge.route else ""}</g>'
    )


def _refused(taken: Counter[tuple[str, str]], has_path: bool) -> str:
    opacity = 0.65 if taken["judge", "output_guard"] or not has_path else 0.38
    return f'<g opacity="{opacity}">{_text(*machine.REFUSED, "refuse", size=11, anchor="middle")}</g>'


def _node(name: str, runs: int, has_path: bool, is_broken: bool) -> str:
    place = machine.PLACES[name]
    colour = RED if is_broken else BLUE if runs else "currentColor"
    middle = place.left + machine.BOX_WIDTH // 2
    box = (
        f'<rect x="{place.left}" y="{place.top}" width="{machine.BOX_WIDTH}" height="{machine.BOX_HEIGHT}" '
        f'rx="9" fill="{colour}" fill-opacity="{0.16 if runs else 0.04}" stroke="{colour}" '
        f'stroke-width="{2 if runs else 1.2}" stroke-opacity="{1 if runs else 0.55}"/>'
    )
    label = _text(middle, place.top + 24, name, size=12.5, anchor="middle", bold=runs > 0)
    badge = _badge(place.left + machine.BOX_WIDTH, place.top, runs, colour) if runs > 1 else ""
    times = "" if not has_path else f": ran {runs} ×" if runs else ": did not run"
    note = ", degraded" if is_broken else ""
    faint = ' opacity=".45"' if has_path and not runs else ""
    return f"<g{faint}><title>{name}{times}{note}</title>{box}{label}{badge}</g>"


def _badge(x: int, y: int, runs: int, colour: str) -> str:
    return (
        f'<rect x="{x - 20}" y="{y - 9}" width="28" height="18" rx="9" fill="{colour}"/>'
        f'<text x="{x - 6}" y="{y + 4}" font-size="11" font-weight="700" text-anchor="middle" '
        f'fill="#fff">×{runs}</text>'
    )


def _ends(path: Sequence[str]) -> str:
    colour = BLUE if path else "currentColor"
    (x, y), (end_x, end_y) = machine.START, machine.END
    end_colour = BLUE if "memory_updater" in path else "currentColor"
    return (
        f'<g><title>start of the turn</title><circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>'
        f'<path d="M{x + 5} {y}H60" stroke="{colour}" stroke-width="{2.4 if path else 1.2}" fill="none" '
        f'marker-end="url(#slip-{"arrow-taken" if path else "arrow"})"/></g>'
        f'<g><title>end of the turn</title><path d="M62 {end_y}H{end_x + 6}" stroke="{end_colour}" '
        f'stroke-width="1.6"/><circle cx="{end_x}" cy="{end_y}" r="5.5" fill="none" stroke="{end_colour}" '
        f'stroke-width="1.6"/><circle cx="{end_x}" cy="{end_y}" r="2.6" fill="{end_colour}"/></g>'
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
    parts = [_hatch(), _axis(end_ms, scale, bottom)]
    parts += [_run_row(run, 8 + _ROW * row, scale) for row, run in enumerate(runs)]
    if not runs:
        parts.append(_text(_LEFT + 8, 26, "no node run is recorded", size=12, anchor="start"))
    if len(trace.runs) > MOST_ROWS:
        more = f"… {len(trace.runs) - MOST_ROWS:,} more node runs"
        parts.append(_text(_LEFT, bottom + 40, more, size=12, anchor="start"))
    height = bottom + (48 if len(trace.runs) > MOST_ROWS else 30)
    return _picture(
        _TIMELINE_WIDTH, height, f"Time of each node run; the turn took {time_taken(end_ms)}", parts
    )


def _axis(end_ms: float, scale: float, bottom: int) -> str:
    lines = []
    for tick in _ticks(end_ms):
        x = _LEFT + tick * scale
        label = "0" if tick == 0 else time_taken(tick) if tick >= 1000 else f"{tick:g} ms"
        lines.append(
            f'<path d="M{x:.1f} 2V{bottom}" stroke="currentColor" stroke-opacity=".16"/>'
            + _text(x, bottom + 16, label, size=11, anchor="middle", opacity=0.7)
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
    failed = attempts_told(run)
    note = f". {failed}" if failed else ""
    colour = RED if run.error else BLUE
    after = x + width + 6
    return (
        f"<g><title>{escape(told + note)}</title>"
        + _text(_LEFT - 10, y + 15, name, size=12.5, anchor="end")
        + f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{_BAR}" rx="3" fill="{colour}" '
        f'fill-opacity="{0.35 if is_degraded(run) else 0.75}"/>'
        + _attempts(run, x, y + 3, scale)
        + _text(after, y + 15, time_taken(run.duration_ms), size=11, anchor="start", opacity=0.8)
        + "</g>"
    )


def _attempts(run: NodeRun, x: float, y: int, scale: float) -> str:
    """Draw the attempts of a run that needed more than one, or failed; the others are one bar."""
    if not is_degraded(run):
        return ""
    parts = []
    for attempt in run.attempts:
        width = max(attempt.duration_ms * scale, 2.0)
        fill = 'fill="url(#slip-hatch)" stroke="' + RED if attempt.error else f'fill="{BLUE}" stroke="' + BLUE
        parts.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="3" {fill}"/>')
        x += width
    return "".join(parts)


def _hatch() -> str:
    return (
        '<defs><pattern id="slip-hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><path d="M0 0V6" stroke="{RED}" stroke-width="4"/></pattern></defs>'
    )


# --- guidance ----------------------------------------------------------------------------------

_GUIDANCE_WIDTH, _GUIDANCE_LEFT, _GUIDANCE_BAR = 640, 8, 624


def guidance_svg(guidance: Guidance) -> str:
    """Draw the suggested next steps as bars of their confidence, each with the pattern behind it."""
    rows = guidance.suggestions[:3]
    if not rows:
        return _picture(_GUIDANCE_WIDTH, 32, "Guidance", [_text(8, 21, without_guidance(guidance), size=13)])
    parts = [_suggestion(number, one, 4 + 52 * number) for number, one in enumerate(rows)]
    return _picture(_GUIDANCE_WIDTH, 4 + 52 * len(rows), "Likely next steps", parts)


def _suggestion(number: int, one: Suggestion, y: int) -> str:
    filled = _GUIDANCE_BAR * one.confidence
    facts = f"{one_line(one.pattern_id, 24)} · {suggestion_facts(one)}"
    why = f", after {one_line(one.why, 200)}" if one.why else ""
    right = _GUIDANCE_LEFT + _GUIDANCE_BAR
    return (
        f"<g><title>{escape(f'{one_line(one.label, 200)}: {percent(one.confidence)}{why}')}</title>"
        + _text(_GUIDANCE_LEFT, y + 16, f"{number + 1}. {one_line(one.label, 36)}", size=13.5, bold=True)
        + _text(right - 52, y + 16, facts, size=11.5, anchor="end", opacity=0.75)
        + _text(right, y + 16, percent(one.confidence), size=13.5, anchor="end", bold=True)
        + f'<rect x="{_GUIDANCE_LEFT}" y="{y + 25}" width="{_GUIDANCE_BAR}" height="9" rx="4.5" '
        f'fill="currentColor" fill-opacity=".12"/>'
        f'<rect x="{_GUIDANCE_LEFT}" y="{y + 25}" width="{max(filled, 4):.1f}" height="9" rx="4.5" '
        f'fill="{BLUE}"/></g>'
    )


# --- parts -------------------------------------------------------------------------------------


def _picture(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" fill="currentColor" style="{FONT}">'
        f"<title>{escape(title)}</title>{STYLE}{''.join(parts)}</svg>"
    )


def _marker(name: str, colour: str) -> str:
    return (
        f'<marker id="slip-{name}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1L9 5L0 9z" fill="{colour}"/></marker>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    anchor: str = "start",
    bold: bool = False,
    opacity: float = 1.0,
) -> str:
    weight = ' font-weight="600"' if bold else ""
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" text-anchor="{anchor}"{weight}{faint}>'
        f"{escape(text)}</text>"
    )
