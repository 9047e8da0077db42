"""What goes where: data to stdout, talk to stderr."""

from collections.abc import Mapping
from typing import Any

import typer

SCHEMA = 1
"""Version of the JSON that commands print; under one number, fields are only ever added."""


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


def talk(text: str) -> None:
    """Say something to the person at the keyboard, on stderr."""
    typer.echo(text, err=True)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if dump else str(value)
