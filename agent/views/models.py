"""Model versions as text for a terminal."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import RenderableType
from rich.text import Text

from agent.retraining import Retrained
from agent.views.tables import WIDTH, render, table
from learning.models import ModelVersion


class Listed(NamedTuple):
    """A version as it is listed."""

    name: str
    version_id: str
    version: ModelVersion | None
    """`None` when it is broken."""

    state: str
    """`in use`, `taken back`, `broken` or nothing."""


def model_table(found: Sequence[Listed], *, width: int = WIDTH, colour: bool = False) -> str:
    """List versions with when and of what they were made."""
    if not found:
        return "There are no trained models yet."
    rows = table("model", "version", "state", "made", "data")
    for one in found:
        made = f"{one.version.created_at:%Y-%m-%d %H:%M}" if one.version else ""
        rows.add_row(
            one.name, one.version_id, one.state, made, one.version.data_hash[:12] if one.version else ""
        )
    return render(rows, width=width, colour=colour)


def version_text(found: Listed, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show all that is known of a version."""
    version = found.version
    assert version is not None, "a broken version is an error"
    figures = table("figure", "value")
    figures.expand = False
    for name, value in version.metrics.items():
        figures.add_row(name.replace("_", " "), f"{value:g}")
    parts: list[RenderableType] = [
        Text(
            f"{version.name} {version.version_id}" + (f" ({found.state})" if found.state else ""),
            style="bold",
        ),
        Text(f"made {version.created_at:%Y-%m-%d %H:%M} UTC by {version.code_version}"),
        Text(f"data {version.data_hash}"),
        Text(),
        figures,
        Text(),
        *(Text(f"{digest[:16]}  {name}", style="dim") for name, digest in version.files.items()),
    ]
    return render(*parts, width=width, colour=colour)


def retrained_text(done: Retrained, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what a training run brought, beside what is in use."""
    version, comparison = done.version, done.comparison
    rows = done.data.rows
    figures = table("measured on validation", "value", "in use")
    figures.expand = False
    for name, value in comparison.candidate.items():
        live = comparison.live.get(name)
        figures.add_row(name.replace("_", " "), f"{value:g}", "" if live is None else f"{live:g}")
    state = "new" if done.is_new else "the same data had given it before"
    return render(
        Text(f"{version.name} {version.version_id} ({state})", style="bold"),
        Text(f"{rows['train']:,} rows to train on, {rows['validation']:,} to measure on"),
        Text(),
        figures,
        Text(),
        Text(f"{version.version_id} is {'' if done.is_live else 'not '}in use: {done.reason}"),
        width=width,
        colour=colour,
    )
