"""What goes where: data to stdout, talk to stderr."""

import sys
from collections.abc import Mapping
from shutil import get_terminal_size
from typing import Any, TypedDict

import typer

SCHEMA = 1
"""Version of the JSON that commands print; under one number, fields are only ever added."""


WIDEST = 120
"""Columns above which lines are hard to read."""


class Look(TypedDict, total=False):
    """How text is drawn; what is left out is as the view has it for pipes and files."""

    width: int
    colour: bool


class ReaderGone(Exception):
    """Whoever read stdout has stopped; there is nothing left to do."""


def write(text: str) -> None:
    """Print data to stdout.

    Raises:
        ReaderGone: nobody reads on.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise ReaderGone from None


def write_json(data: Mapping[str, Any]) -> None:
    """Print one JSON object to stdout; records become objects, paths and times text."""
    import orjson

    plain = orjson.dumps({**data, "schema": SCHEMA}, default=_plain, option=orjson.OPT_INDENT_2)
    write(plain.decode())


def look() -> Look:
    """Return how text for stdout is drawn: as wide as the terminal, in colour unless NO_COLOR is set."""
    if not sys.stdout.isatty():
        return Look()
    return Look(width=min(get_terminal_size().columns, WIDEST), colour=True)


def talk(text: str) -> None:
    """Say something to the person at the keyboard, on stderr."""
    typer.echo(text, err=True)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump else str(value)
