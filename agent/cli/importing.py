"""`slipstream import`: logs that people already have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agent.cli.options import Domain, Json, State
from agent.cli.output import look, talk, write, write_json
from agent.cli.work import interruptible, opened_runtime, start_logs

if TYPE_CHECKING:
    from agent.settings import Settings
    from learning.importing.report import ImportReport
    from learning.importing.spool import Spool

LogFormat = Literal["auto", "sessions", "otel", "langfuse", "langsmith"]

Score = Annotated[
    list[str] | None,
    typer.Option("--score", metavar="NAME", help="One more score that tells whether a session was solved."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be imported; write nothing.")]


def import_logs(
    paths: Annotated[list[Path], typer.Argument(metavar="LOG", help="Files or folders; .gz is unpacked.")],
    log_format: Annotated[LogFormat, typer.Option("--format", help="How they are written.")] = "auto",
    domain: Domain = None,
    score: Score = None,
    dry_run: DryRun = False,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Import logs that you already have, to learn from your past.

    Own JSON rows, OpenTelemetry GenAI spans, Langfuse and LangSmith exports; docs/import.md has the
    fields. Secrets and personal data are removed first. A second time adds nothing.

    Example: slipstream import ./traces -d support --dry-run
    """
    from agent.settings import load_settings
    from domains.loader import find_domain
    from learning.importing.reading import read_logs
    from learning.importing.spool import open_spool

    settings = load_settings(domain=domain, state_dir=state)
    find_domain(settings.domain, settings.domains_dir)  # before hours of work, not after
    start_logs(settings)
    named = None if log_format == "auto" else log_format
    with open_spool() as spool:
        with interruptible(show_progress=not as_json) as (_, on_progress):
            report = read_logs(
                paths,
                spool,
                tenant=settings.tenant,
                log_format=named,
                scores=score or (),
                on_progress=on_progress,
            )
        if not dry_run:
            _send(spool, settings, report.turns, quiet=as_json)
    _tell(report, settings, dry_run=dry_run, as_json=as_json)


def _send(spool: "Spool", settings: "Settings", turns: int, *, quiet: bool) -> None:
    from agent.importing import import_sessions

    with opened_runtime(settings, show_progress=not quiet) as (runtime, loop, on_progress):
        sessions = spool.sessions()
        sending = import_sessions(
            runtime, sessions, domain=settings.domain, turns=turns, on_progress=on_progress
        )
        loop.run(sending)


def _tell(report: "ImportReport", settings: "Settings", *, dry_run: bool, as_json: bool) -> None:
    from agent.views.imports import import_text

    if as_json:
        write_json({"domain": settings.domain, "dry_run": dry_run, **report.model_dump(mode="json")})
        return
    write(import_text(report, settings.domain, dry_run=dry_run, **look()))
    if dry_run:
        talk("nothing was written; leave out --dry-run to import")
    else:
        talk(f"next: slipstream learn -d {settings.domain}")
