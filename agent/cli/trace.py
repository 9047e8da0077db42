"""`slipstream trace`: what happened in a turn."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.files import write_file
from agent.cli.options import Domain, Json, Limit, State
from agent.cli.output import look, talk, write, write_json
from agent.cli.work import in_runtime
from memory.errors import AgentError

if TYPE_CHECKING:
    from agent.runtime import Runtime
    from agent.settings import Settings
    from graph.trace import Trace

app = typer.Typer(name="trace", help="Look at what happened in a turn.", no_args_is_help=True)

SEARCHED = 1_000
"""Turns among which an id is looked up, newest first."""


class TraceUnknown(AgentError):
    """No turn has this id, or several start with it."""

    code = "agent.trace_unknown"
    kind = "not_found"

    def __init__(self, turn_id: str, found: int, domain: str) -> None:
        what = f"{found or 'No'} turns of domain `{domain}`"
        super().__init__(
            f"{what} have an id that starts with `{turn_id[:80]}`." if turn_id else f"{what} are recorded.",
            fix=f"Copy more of it from `slipstream trace list -d {domain}`."
            if found
            else f"Ask something first, or see `slipstream trace list -d {domain}`.",
        )


@app.command("list")
def list_traces(domain: Domain = None, state: State = None, limit: Limit = 20, as_json: Json = False) -> None:
    """List the last turns of a domain, newest first.

    Example: slipstream trace list -n 5
    """
    from agent.settings import load_settings
    from agent.views.text import trace_list_text

    settings = load_settings(domain=domain, state_dir=state)
    found = in_runtime(settings, lambda runtime: runtime.traces(settings.domain, limit=limit))
    if as_json:
        write_json({"traces": found})
    else:
        write(trace_list_text(found, **look()))


@app.command("show")
def show(
    turn_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a turn, or how it starts; the last one when left out.")
    ] = "",
    domain: Domain = None,
    state: State = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the whole session as one file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the node runs of a turn, and why it suggested what it did, down to sessions.

    Example: slipstream trace show --html trace.html
    """
    from agent.settings import load_settings

    settings = load_settings(domain=domain, state_dir=state)
    traces, chosen, seen_in = in_runtime(settings, lambda runtime: _find(runtime, settings, turn_id))
    if html is not None:
        from agent.views.html import trace_html

        write_file(html, trace_html(traces, title=f"Session {chosen.session_id}"))
        talk(f"wrote {html}")
    if as_json:
        write_json({"trace": chosen, "seen_in": seen_in})
    elif html is None:
        from agent.views.guidance import why_text
        from agent.views.text import timeline_text

        write(timeline_text(chosen, **look()))
        if chosen.guidance.suggestions:
            write("\n" + why_text(chosen.guidance.suggestions, seen_in, **look()))


async def _find(
    runtime: "Runtime", settings: "Settings", turn_id: str
) -> "tuple[list[Trace], Trace, dict[str, list[str]]]":
    """Return the traces of a session, the one that was asked for, and sessions by its patterns."""
    from graph.trace import make_traces

    turns = await runtime.traces(settings.domain, limit=SEARCHED if turn_id else 1)
    found = [one for one in turns if one.request_id.startswith(turn_id)]
    if len(found) != 1:
        raise TraceUnknown(turn_id, len(found), settings.domain)
    traces = make_traces(await runtime.events(found[0].session_id, settings.tenant))
    chosen = next(trace for trace in traces if trace.turn == found[0].turn)
    return traces, chosen, await runtime.seen_in(settings.domain, chosen.guidance.suggestions)
