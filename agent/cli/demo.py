"""`slipstream demo`: the whole idea in a minute."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import State


def demo(
    sessions: Annotated[
        Path | None,
        typer.Option("--sessions", metavar="FILE", help="Recorded sessions (.jsonl or .jsonl.gz)."),
    ] = None,
    state: State = None,
) -> None:
    """Show the whole idea: replay sessions, learn, answer guided.

    Without --sessions it uses sample sessions that it writes itself.

    Example: slipstream demo --sessions recorded.jsonl.gz
    """
    from agent.demo import run_demo
    from agent.settings import load_settings

    asyncio.run(run_demo(load_settings(state_dir=state), sessions))
