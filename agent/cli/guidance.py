"""`slipstream guidance`: what was learned."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import Domain, Json, Limit, State
from agent.cli.output import look, write, write_json
from agent.cli.work import in_runtime
from memory.errors import AgentError

if TYPE_CHECKING:
    from agent.runtime import Runtime
    from memory.records import Pattern, Release

app = typer.Typer(name="guidance", help="See what was learned.", no_args_is_help=True)


class PatternUnknown(AgentError):
    """No pattern of the live release has this id, or several start with it."""

    code = "agent.pattern_unknown"
    kind = "not_found"

    def __init__(self, pattern_id: str, found: int, domain: str) -> None:
        super().__init__(
            f"{found or 'No'} patterns of domain `{domain}` have an id that starts with `{pattern_id[:80]}`.",
            fix=f"Copy more of it from `slipstream guidance list -d {domain}`.",
        )


class NothingLearned(AgentError):
    """The domain has no live release yet."""

    code = "agent.nothing_learned"
    kind = "not_found"

    def __init__(self, domain: str) -> None:
        super().__init__(
            f"Nothing has been learned for domain `{domain}` yet.",
            fix=f"Run `slipstream learn -d {domain}` once there are sessions, or `slipstream demo`.",
        )


@app.command("list")
def list_patterns(
    domain: Domain = None, state: State = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """List the patterns of the live release, most frequent first.

    Example: slipstream guidance list -d solaris -n 5
    """
    from agent.views.text import pattern_table

    release, found = _learned(domain, state, limit)
    if as_json:
        write_json({"release": release, "patterns": found})
    else:
        write(pattern_table(found, **look()))


@app.command("show")
def show(
    pattern_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a pattern, or how it starts.")],
    domain: Domain = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Show one pattern with all its figures.

    Example: slipstream guidance show p-3f2a --json
    """
    from agent.views.text import pattern_table

    release, patterns = _learned(domain, state, EVERY)
    found = [one for one in patterns if one.pattern_id.startswith(pattern_id)]
    if len(found) != 1:
        raise PatternUnknown(pattern_id, len(found), release.domain)
    if as_json:
        write_json({"release": release.release_id, "pattern": found[0]})
    else:
        write(pattern_table(found, **look()))


EVERY = 1_000_000
"""More patterns than a release holds."""


def _learned(domain: str | None, state: object, limit: int) -> "tuple[Release, list[Pattern]]":
    from agent.settings import load_settings

    settings = load_settings(domain=domain, state_dir=state)

    async def read(runtime: "Runtime") -> "tuple[Release, list[Pattern]]":
        release = await runtime.registry(settings.tenant).live(settings.domain)
        index = await runtime.patterns(settings.domain)
        if release is None or index is None:
            raise NothingLearned(settings.domain)
        return release, await index.patterns(limit=limit)

    return in_runtime(settings, read)
