"""`slipstream forget`: erase a person."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.failures import UsageWrong
from agent.cli.options import Json, State
from agent.cli.output import talk, write, write_json

if TYPE_CHECKING:
    from agent.forgetting import Forgotten
    from agent.runtime import Runtime
    from agent.settings import Settings


def forget(
    user: Annotated[str, typer.Option("-u", "--user", metavar="ID", help="Who, as the client names them.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Erase a person: profile, session memory, traces and lake.

    What was learned where they were is erased too and learned again without them, so that
    patterns that then rest on too few people disappear. To run it again is safe.

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
    if done.releases:
        _learn_again(settings, done.domains)


def _learn_again(settings: "Settings", domains: Sequence[str]) -> None:
    from agent.cli.work import in_runtime
    from learning.pipeline import NothingToLearn

    async def learn(runtime: "Runtime") -> None:
        for domain in domains:
            try:
                report = await runtime.learn(domain, lambda *_: None)
            except NothingToLearn:
                talk(f"Nothing is left to learn from in `{domain}`: it goes on without patterns.")
            else:
                talk(f"Learned `{domain}` again: {report.patterns:,} patterns of {report.users:,} people.")

    in_runtime(settings, learn)


def _told(done: "Forgotten") -> str:
    lines = {
        "sessions": done.sessions,
        "checkpoints": done.checkpoints,
        "waiting events": done.waiting,
        "lake rows": done.lake_rows,
        "lake files": done.lake_files,
        "profiles": done.profiles,
        "releases": done.releases,
        "learned files": done.learned_files,
    }
    return "\n".join(f"{name:<16}{count:>6}" for name, count in lines.items())
