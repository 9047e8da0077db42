"""`slipstream demo`: the whole idea in a minute."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import State
from agent.cli.output import write
from agent.cli.work import interruptible, start_logs


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

    settings = load_settings(state_dir=state)
    start_logs(settings)
    with interruptible(show_progress=True) as (loop, on_progress):
        loop.run(run_demo(settings, sessions, say=write, on_progress=on_progress))
