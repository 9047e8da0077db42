"""`slipstream forget`: erase a person."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.failures import UsageWrong
from agent.cli.options import Json, State
from agent.cli.output import talk, write, write_json

if TYPE_CHECKING:
    from agent.forgetting import Forgotten


def forget(
    user: Annotated[str, typer.Option("-u", "--user", metavar="ID", help="Who, as the client names them.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Erase a person: profile, session memory, traces and lake.

    Patterns that then rest on too few people disappear with the next `slipstream learn`.
    To run it again is safe.

    Example: slipstream forget --user ann --yes
    """
    import asyncio
    from dataclasses import asdict

    from agent.forgetting import forget as erase
    from agent.settings import load_settings

    settings = load_settings(state_dir=state)
    if not user.strip():
        raise UsageWrong("There is no user.", fix="Name one: slipstream forget --user ID")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageWrong("Nobody is there to confirm it.", fix="Add `--yes`.")
        typer.confirm(f"Erase all that is kept of `{user}`?", abort=True, err=True)
    done = asyncio.run(erase(settings, user))
    if as_json:
        write_json(asdict(done))
    else:
        write(_told(done))
        talk("Run `slipstream learn` so that what was learned from few people goes too.")


def _told(done: "Forgotten") -> str:
    lines = {
        "sessions": done.sessions,
        "checkpoints": done.checkpoints,
        "waiting events": done.waiting,
        "lake rows": done.lake_rows,
        "lake files": done.lake_files,
        "profiles": done.profiles,
    }
    return "\n".join(f"{name:<16}{count:>6}" for name, count in lines.items())
