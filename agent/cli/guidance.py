"""`slipstream guidance`: what was learned, and what it is worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.files import write_file
from agent.cli.options import Domain, Json, Limit, State
from agent.cli.output import look, talk, write, write_json
from agent.cli.work import in_runtime, opened_runtime
from memory.errors import AgentError

if TYPE_CHECKING:
    from agent.runtime import Runtime
    from agent.settings import Settings
    from memory.records import Pattern, Release

app = typer.Typer(name="guidance", help="See what was learned and whether it helps.", no_args_is_help=True)


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


class ReleaseUnclear(AgentError):
    """No release has this id, or several start with it."""

    code = "agent.release_unclear"
    kind = "not_found"

    def __init__(self, release_id: str, there: list[str], domain: str) -> None:
        super().__init__(
            f"`{release_id[:80]}` names no single release of domain `{domain}`.",
            fix=f"Name one of them: {', '.join(there[:5]) or 'there is none yet'}.",
        )


class NoneBefore(AgentError):
    """There is no release before the one that is live."""

    code = "agent.none_before"
    kind = "not_found"

    def __init__(self, release_id: str, domain: str) -> None:
        super().__init__(
            f"Release `{release_id}` is the first of domain `{domain}`.",
            fix="Learn from more sessions first, or name another release.",
        )


class NotDemoted(AgentError):
    """A pattern was to be put back that is in service, or several ids start like this."""

    code = "agent.not_demoted"
    kind = "not_found"

    def __init__(self, pattern_id: str, found: int, domain: str) -> None:
        super().__init__(
            f"{found or 'No'} patterns out of service in domain `{domain}` start with `{pattern_id[:80]}`.",
            fix=f"See which ones are in `slipstream guidance report -d {domain}`.",
        )


PatternId = Annotated[str, typer.Argument(metavar="ID", help="Id of a pattern, or how it starts.")]
Svg = Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into a file.")]


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
    pattern_id: PatternId,
    domain: Domain = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Show one pattern, with sessions that show it.

    Example: slipstream guidance show p-3f2a --json
    """
    from agent.views.guidance import bucket, pattern_text
    from learning.evidence import sessions_with

    settings = _settings(domain, state)

    async def read(runtime: "Runtime") -> "tuple[Release, Pattern, list[str]]":
        release, patterns = await _live(runtime, settings)
        pattern = _one(patterns, pattern_id, settings.domain)
        labels = [step.label for step in pattern.sequence]
        sessions = await runtime.sessions(settings.domain, _silent)
        return release, pattern, sessions_with(sessions, labels, pattern.pattern_type)

    release, pattern, sessions = in_runtime(settings, read)
    if as_json:
        counts = {"sessions": bucket(pattern.frequency), "users": bucket(pattern.users)}
        write_json(
            {
                "release": release.release_id,
                "pattern": pattern,
                "counts": counts,
                "sessions": sessions,
            }
        )
    else:
        write(pattern_text(pattern, sessions, **look()))


@app.command("flow")
def flow(
    steps: Annotated[
        list[str] | None,
        typer.Argument(metavar="STEP", help="Steps so far, oldest first, or the id of a pattern."),
    ] = None,
    domain: Domain = None,
    state: State = None,
    svg: Svg = None,
    as_json: Json = False,
) -> None:
    """Show what follows a flow, with probabilities.

    Steps are named oldest first, or by the id of a pattern; without any, whole flows are shown.

    Example: slipstream guidance flow troubleshooting/vibration --svg flow.svg
    """
    from agent.views.flowpicture import flow_picture
    from agent.views.guidance import flow_text
    from learning.patternflow import flow_of_patterns

    release, patterns = _learned(domain, state, EVERY)
    start = list(steps or [])
    if len(start) == 1 and start[0].startswith("p-"):
        start = [step.label for step in _one(patterns, start[0], release.domain).sequence]
    found = flow_of_patterns(patterns, start)
    if svg is not None:
        write_file(svg, flow_picture(found, f"Flows of {release.domain}"))
        talk(f"wrote {svg}")
    if as_json:
        write_json({"release": release.release_id, "flow": found})
    else:
        write(flow_text(found, **look()))


@app.command("diff")
def diff(
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="A release, or how its id starts; the one before B if left out."),
    ] = "",
    after: Annotated[str, typer.Argument(metavar="B", help="Another; the live one when left out.")] = "",
    domain: Domain = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Show what changed between two releases.

    Patterns new and gone, those with another success rate, and the metrics.

    Example: slipstream guidance diff r-1f0c r-88ab
    """
    from agent.views.guidance import diff_text
    from learning.releasediff import ReleaseDiff, compare_releases
    from memory.arrays import open_pattern_index

    settings = _settings(domain, state)

    async def read(runtime: "Runtime") -> ReleaseDiff:
        releases = await runtime.registry(settings.tenant).releases(settings.domain)
        live = await _live_release(runtime, settings)
        second = _release(releases, after, settings.domain) if after else live
        first = _release(releases, before, settings.domain) if before else _older(releases, second)
        pair = [
            await open_pattern_index(settings.state_dir / one.path).patterns(limit=EVERY)
            for one in (first, second)
        ]
        return compare_releases(first, second, *pair)

    found = in_runtime(settings, read)
    if as_json:
        write_json(found.model_dump(mode="json"))
    else:
        write(diff_text(found, **look()))


@app.command("promote")
def promote(
    pattern_id: PatternId,
    domain: Domain = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Put back a pattern that did harm.

    It was taken out of service; only sessions from now on count against it.

    Example: slipstream guidance promote p-3f2a
    """
    from learning.demotion import load_decisions

    settings = _settings(domain, state)

    async def work(runtime: "Runtime") -> str:
        known = load_decisions(settings.state_dir, tenant=settings.tenant, domain=settings.domain)
        found = [one for one in known.demoted if one.startswith(pattern_id)]
        if len(found) != 1:
            raise NotDemoted(pattern_id, len(found), settings.domain)
        runtime.put_back(settings.domain, found[0])
        return found[0]

    done = in_runtime(settings, work)
    if as_json:
        write_json({"promoted": done})
    else:
        write(f"{done} is shown again; only sessions from now on count against it")


@app.command("rollback")
def rollback(
    release_id: Annotated[
        str, typer.Argument(metavar="ID", help="A release, or how its id starts; the one before if left out.")
    ] = "",
    domain: Domain = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Make an earlier release live again.

    It works at once; the next `learn` makes what it learns live.

    Example: slipstream guidance rollback
    """
    settings = _settings(domain, state)

    async def work(runtime: "Runtime") -> "tuple[Release, Release]":
        registry = runtime.registry(settings.tenant)
        releases, live = await registry.releases(settings.domain), await _live_release(runtime, settings)
        target = _release(releases, release_id, settings.domain) if release_id else _older(releases, live)
        await registry.promote(settings.domain, target.release_id)
        return live, target

    live, target = in_runtime(settings, work)
    if as_json:
        write_json({"before": live.release_id, "live": target.release_id})
    else:
        write(f"{target.release_id} is live ({target.patterns:,} patterns); before it was {live.release_id}")


@app.command("report")
def report(
    domain: Domain = None,
    state: State = None,
    svg: Svg = None,
    as_json: Json = False,
) -> None:
    """Say whether guidance helps, and which patterns.

    Compares guided sessions with those held out, in all and by pattern. Look as often
    as you like: the intervals hold all the same.

    Example: slipstream guidance report -d solaris --svg effect.svg
    """
    from agent.views.effectpicture import effect_picture
    from agent.views.guidance import effect_text

    settings = _settings(domain, state)
    with opened_runtime(settings, show_progress=not as_json) as (runtime, loop, on_progress):
        found, known = loop.run(runtime.effect(settings.domain, on_progress))
    if svg is not None:
        write_file(svg, effect_picture(found, known))
        talk(f"wrote {svg}")
    if as_json:
        write_json({"effect": found, "decisions": known})
    else:
        write(effect_text(found, known, **look()))


EVERY = 1_000_000
"""More patterns than a release holds."""


def _silent(stage: str, done: int, total: int, note: str) -> None:
    """Take progress that nobody watches."""


def _settings(domain: str | None, state: object) -> "Settings":
    from agent.settings import load_settings

    return load_settings(domain=domain, state_dir=state)


def _learned(domain: str | None, state: object, limit: int) -> "tuple[Release, list[Pattern]]":
    settings = _settings(domain, state)
    return in_runtime(settings, lambda runtime: _live(runtime, settings, limit))


async def _live(
    runtime: "Runtime", settings: "Settings", limit: int = EVERY
) -> "tuple[Release, list[Pattern]]":
    release = await _live_release(runtime, settings)
    index = await runtime.patterns(settings.domain)
    return release, [] if index is None else await index.patterns(limit=limit)


async def _live_release(runtime: "Runtime", settings: "Settings") -> "Release":
    release = await runtime.registry(settings.tenant).live(settings.domain)
    if release is None:
        raise NothingLearned(settings.domain)
    return release


def _one(patterns: "list[Pattern]", pattern_id: str, domain: str) -> "Pattern":
    found = [one for one in patterns if one.pattern_id.startswith(pattern_id)]
    if len(found) != 1:
        raise PatternUnknown(pattern_id, len(found), domain)
    return found[0]


def _release(releases: "list[Release]", release_id: str, domain: str) -> "Release":
    found = [one for one in releases if one.release_id.startswith(release_id)]
    if len(found) != 1:
        raise ReleaseUnclear(release_id, [one.release_id for one in found or releases], domain)
    return found[0]


def _older(releases: "list[Release]", live: "Release") -> "Release":
    """Return the release that was published before `live`."""
    place = [one.release_id for one in releases].index(live.release_id)
    if place + 1 == len(releases):
        raise NoneBefore(live.release_id, live.domain)
    return releases[place + 1]
