"""`slipstream learn`: the offline half."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import Domain, Json, State
from agent.cli.output import look, talk, write, write_json
from agent.cli.work import opened_runtime

if TYPE_CHECKING:  # --help must not pay for learning
    from learning.reports import PassedOver

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be learned; write nothing.")]
IfDue = Annotated[
    bool,
    typer.Option("--if-due", help="Learn only when there are enough new intents (SLIPSTREAM_LEARN_AFTER)."),
]


def learn(
    domain: Domain = None,
    state: State = None,
    dry_run: DryRun = False,
    if_due: IfDue = False,
    as_json: Json = False,
) -> None:
    """Learn from all recorded sessions; the result goes live.

    Running it again on the same sessions gives the same release. It may be interrupted
    at any time: the live release stays, and the next run goes on from there.

    Example: slipstream learn -d solaris --dry-run
    """
    from agent.settings import load_settings
    from agent.views.learned import learn_text, preview_text

    settings = load_settings(domain=domain, state_dir=state)
    with opened_runtime(settings, show_progress=not as_json) as (runtime, loop, on_progress):
        if dry_run:
            found = loop.run(runtime.preview_learning(settings.domain, on_progress))
        else:
            report = loop.run(runtime.learn(settings.domain, on_progress, only_if_due=if_due))
    done: PassedOver = found if dry_run else report
    for file in done.broken_files:
        talk(f"warning: `{file}` in the lake cannot be read and was passed over; its sessions are missing")
    if as_json:
        write_json(done.model_dump(mode="json"))
    else:
        write(preview_text(found, **look()) if dry_run else learn_text(report, **look()))
