"""Text of a given width: lines, and tables whose figures are never cut off."""

from collections.abc import Iterable
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

from agent.views.words import plain

WIDTH = 96
"""Characters a line may have; fits a terminal beside an editor."""

TEXT_WIDTH = 16
"""Least characters of the column that takes the rest of the line."""

LABEL_WIDTH = 36
"""Most characters of a label beside it; recorded logs bring long ones."""

SEPARATOR = " · "

FIGURES = frozenset(
    {
        "likely",
        "sessions",
        "users",
        "solved",
        "sure",
        "examples",
        "time",
        "start",
        "mean time",
        "value",
        "share",
    }
    | {"by chance", "steps"}
)
"""Names of columns that hold figures, set to the right."""


def render(*parts: RenderableType, width: int = WIDTH, colour: bool = False) -> str:
    """Draw `parts` below each other as text, without trailing blanks.

    A table that needs more than `width` gets it: a long line can be read, a figure cut in half cannot.
    """
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        color_system="standard" if colour else None,
        force_terminal=colour,
        force_jupyter=False,  # in a notebook it would show the text itself, and return none
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for part in parts:
        console.width = _needed(part, console, width) if isinstance(part, Table) else width
        console.print(part)
    text = out.getvalue() if colour else plain(out.getvalue())
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def joined(facts: Iterable[str], width: int = WIDTH) -> str:
    """Join facts by ` · `; a line ends between two of them, never between a figure and its unit."""
    lines: list[str] = []
    for fact in filter(None, facts):
        if lines and len(lines[-1]) + len(SEPARATOR) + len(fact) <= width:
            lines[-1] += SEPARATOR + fact
        else:
            lines.append(fact)
    return "\n".join(lines)


def table(*columns: str) -> Table:
    """Make a table; the column with `*` after its name holds text and gets the rest of the line.

    One with `~` holds labels, which may be clipped; all others are never cut off.
    """
    made = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        name = column.rstrip("*~")
        if column.endswith("*"):
            made.add_column(name, ratio=1, min_width=TEXT_WIDTH, overflow="ellipsis")
        elif column.endswith("~"):
            made.add_column(name, no_wrap=True, max_width=LABEL_WIDTH, overflow="ellipsis")
        else:
            made.add_column(name, no_wrap=True, justify="right" if name in FIGURES else "left")
    return made


def _needed(shown: Table, console: Console, width: int) -> int:
    """Return `width`, or more where the figures and labels of a table need it."""
    for column in shown.columns:
        if column.no_wrap and column.ratio is None:
            longest = max(console.measure(cell).maximum for cell in (column.header, *column.cells))
            column.min_width = min(max(longest, column.min_width or 0), column.max_width or longest)
    wide = console.options.update(max_width=10 * width)
    return max(width, console.measure(shown, options=wide).minimum)
