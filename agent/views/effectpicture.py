"""The picture of what guidance is worth: lift in solved sessions, in all and by pattern, with intervals."""

from collections.abc import Iterator

from agent.views.guidance import points, verdict
from agent.views.markup import escape, one_line
from agent.views.svg import BLUE, RED, svg_frame, svg_text
from agent.views.words import counted
from learning.demotion import Decisions
from learning.effect import Comparison, EffectReport, PatternEffect

GREY = "#8b949e"
WIDTH, LEFT, RIGHT, TOP, ROW = 900, 300, 130, 78, 34
SHOWN = 16
"""Patterns that are drawn: the most harmful ones and the best."""

SIZE = 12.0


def effect_picture(found: EffectReport, known: Decisions) -> str:
    """Draw each effect as a point with its interval; left of the line is harm, right of it is good."""
    rows = _rows(found, known)
    reach = max([0.1, *(abs(one) for _, part, _ in rows for one in (part.low, part.high) if one is not None)])
    reach = min(1.0, -(-reach // 0.1) * 0.1)
    bottom = TOP + ROW * len(rows)
    facts = f"{counted(found.guided_sessions, 'guided session')}, {found.holdout_sessions:,} held out"
    title = one_line(f"Guidance in {found.domain}: {verdict(found.solved)}", 90)
    parts = [
        svg_text(16, 26, title, size=15, bold=True),
        svg_text(
            16, 46, f"{facts}. Lift in solved sessions, points; 95 % however often one looks", size=SIZE
        ),
        *_axis(reach, bottom),
        *(part for row, one in enumerate(rows) for part in _row(one, TOP + ROW * row + ROW / 2, reach)),
    ]
    return svg_frame(WIDTH, bottom + 44, f"{title}. {facts}", parts)


Row = tuple[str, Comparison, str]
"""Name, effect, and what is said behind it."""


def _rows(found: EffectReport, known: Decisions) -> list[Row]:
    worst = found.patterns[: SHOWN // 2]
    best = sorted(found.patterns[SHOWN // 2 :], key=lambda one: one.solved.low or -1.0)[-SHOWN // 2 :]
    rows: list[Row] = [("all sessions", found.solved, "")]
    return rows + [
        (f"{one.label} · {one.pattern_id}", one.solved, _said(one, known)) for one in [*worst, *best]
    ]


def _said(one: PatternEffect, known: Decisions) -> str:
    if one.pattern_id in known.demoted:
        return "out of service"
    return "" if one.is_comparable else "arms not alike"


def _x(share: float, reach: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * (share + reach) / (2 * reach), 1)


def _axis(reach: float, bottom: float) -> Iterator[str]:
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        x = _x(tick * reach, reach)
        strong = 'opacity="0.7"' if tick == 0 else 'opacity="0.2"'
        yield f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{bottom}" stroke="currentColor" {strong}/>'
        label = "0" if tick == 0 else points(tick * reach)
        yield svg_text(x, bottom + 18, label, size=11, anchor="middle", opacity=0.8)
    yield svg_text(_x(-reach, reach), bottom + 36, "← harm", size=11, opacity=0.8)
    yield svg_text(_x(reach, reach), bottom + 36, "good →", size=11, anchor="end", opacity=0.8)


def _row(row: Row, y: float, reach: float) -> Iterator[str]:
    name, effect, said = row
    yield svg_text(LEFT - 16, y + 4, one_line(name, 42), size=SIZE, anchor="end", bold=name == "all sessions")
    if effect.lift is None or effect.low is None or effect.high is None:
        yield svg_text(LEFT + 8, y + 4, "nothing to compare with yet", size=SIZE, opacity=0.8)
        return
    colour = RED if effect.high < 0 else BLUE if effect.low > 0 else GREY
    low, high = _x(max(effect.low, -reach), reach), _x(min(effect.high, reach), reach)
    middle = _x(min(max(effect.lift, -reach), reach), reach)
    told = f"{name}: {points(effect.lift)} [{points(effect.low)} … {points(effect.high)}] {said}"
    yield (
        f"<g><title>{escape(one_line(told, 300))}</title>"
        f'<line x1="{low}" y1="{y:g}" x2="{high}" y2="{y:g}" stroke="{colour}" stroke-width="5" '
        f'stroke-linecap="round" opacity="0.45"/><circle cx="{middle}" cy="{y:g}" r="6" fill="{colour}"/></g>'
    )
    yield svg_text(WIDTH - RIGHT + 14, y + 4, f"{points(effect.lift)} {said}".strip(), size=SIZE)
