"""The picture of calibration: what was promised against what came true."""

from collections.abc import Iterator, Sequence

from agent.views.svg import BLUE, svg_frame, svg_text
from agent.views.words import counted, percent
from learning.reliability import Promise, calibration_gap

SIDE = 300
"""Of the square in which the points lie (pixels)."""

LEFT, TOP, RIGHT, BOTTOM = 56, 44, 28, 56
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
SIZE = 12.0
LARGEST = 9.0
"""Radius of the point of the largest group (pixels)."""


def reliability_picture(groups: Sequence[Promise], *, title: str = "Calibration") -> str:
    """Draw confidence against share; what lies on the dashed line keeps its promise; bars: 95 %."""
    gap = calibration_gap(groups)
    total = sum(group.count for group in groups)
    facts = counted(total, "suggestion") + ("" if gap is None else f", off by {gap:.3f} on average")
    parts = [
        svg_text(LEFT, 18, title, size=14, bold=True),
        svg_text(LEFT, 35, facts, size=SIZE, opacity=0.8),
        *_axes(),
        *(part for group in groups for part in _point(group, max(one.count for one in groups))),
    ]
    told = "; ".join(f"{percent(one.confidence)} came true {percent(one.rate)}" for one in groups)
    return svg_frame(LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, f"{title}: {facts}. {told}", parts)


def _axes() -> Iterator[str]:
    line = 'stroke="currentColor" stroke-width="1"'
    yield f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" {line} opacity="0.4"/>'
    yield (
        f'<line x1="{_x(0):g}" y1="{_y(0):g}" x2="{_x(1):g}" y2="{_y(1):g}" {line} '
        'stroke-dasharray="5 5" opacity="0.6"/>'
    )
    for tick in TICKS:
        yield svg_text(_x(tick), TOP + SIDE + 18, percent(tick), size=SIZE, anchor="middle")
        yield svg_text(LEFT - 8, _y(tick) + 4, percent(tick), size=SIZE, anchor="end")
    yield svg_text(LEFT + SIDE / 2, TOP + SIDE + 42, "confidence of a suggestion", size=SIZE, anchor="middle")
    yield svg_text(LEFT + 8, TOP + 18, "share that came true", size=SIZE)


def _point(group: Promise, largest: int) -> Iterator[str]:
    x, radius = _x(group.confidence), max(3.0, LARGEST * (group.count / largest) ** 0.5)
    yield (
        f'<line x1="{x:g}" y1="{_y(group.low):g}" x2="{x:g}" y2="{_y(group.high):g}" '
        f'stroke="{BLUE}" stroke-width="2" opacity="0.5"/>'
    )
    yield f'<circle cx="{x:g}" cy="{_y(group.rate):g}" r="{radius:g}" fill="{BLUE}"/>'


def _x(share: float) -> float:
    return round(LEFT + SIDE * share, 1)


def _y(share: float) -> float:
    return round(TOP + SIDE * (1 - share), 1)
