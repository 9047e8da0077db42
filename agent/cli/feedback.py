"""`slipstream feedback`: say whether an answer helped, and see what all users say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.failures import UsageWrong
from agent.cli.files import write_file
from agent.cli.options import Domain, Json, State
from agent.cli.output import talk, write, write_json
from agent.cli.run import Session, last_session
from agent.cli.span import Since, Week, span
from agent.cli.work import in_runtime, opened_runtime

if TYPE_CHECKING:
    from agent.runtime import Runtime

app = typer.Typer(name="feedback", help="Say whether an answer helped.", invoke_without_command=True)


@app.callback()
def feedback(
    context: typer.Context,
    session: Session = None,
    rating: Annotated[
        int | None, typer.Option("-r", "--rating", min=1, max=5, help="1 (useless) to 5 (just right).")
    ] = None,
    resolved: Annotated[
        bool | None, typer.Option("--resolved/--unresolved", help="Whether the problem is solved.")
    ] = None,
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Anything else.")] = "",
    domain: Domain = None,
    state: State = None,
) -> None:
    """Say whether the answers of a session helped.

    Without --session it is your last one. Patterns learn from it.

    Example: slipstream feedback --resolved --rating 5
    """
    from uuid import uuid4

    from agent.settings import load_settings

    if context.invoked_subcommand:
        return
    if rating is None and resolved is None and not comment:
        raise UsageWrong("There is nothing to record.", fix="Give `--rating`, `--resolved` or `--comment`.")
    settings = load_settings(domain=domain, state_dir=state)

    async def record(runtime: "Runtime") -> str:
        session_id = session or await last_session(runtime, settings)
        await runtime.feedback(
            tenant=settings.tenant,
            user=settings.user,
            session_id=session_id,
            request_id=uuid4().hex,
            rating=rating,
            resolved=resolved,
            comment=comment,
        )
        return session_id

    talk(f"recorded for session {in_runtime(settings, record)}")


@app.command("report")
def report(
    domain: Domain = None,
    state: State = None,
    since: Since = None,
    week: Week = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the Markdown to this file too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what users think of the answers, and what to change first.

    By intent, topic, release and passage, the worst first. Ratings and words count before
    what users did: ask again in other words, come back within a day, give up, ask for a
    person. Each proposal names its sessions.

    Example: slipstream feedback report -d solaris --week 2026-W47
    """
    from agent.settings import load_settings
    from agent.views.feedback import feedback_markdown

    settings = load_settings(domain=domain, state_dir=state)
    begin, end = span(since, week)
    with opened_runtime(settings, show_progress=not as_json) as (runtime, loop, on_progress):
        found = loop.run(runtime.feedback_report(settings.domain, on_progress, since=begin, until=end))
    if out is not None:
        write_file(out, feedback_markdown(found))
    if as_json:
        write_json(found.model_dump(mode="json"))
    else:
        write(feedback_markdown(found).rstrip("\n"))
