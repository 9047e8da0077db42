"""`slipstream events`: what waits to be delivered, and what could not be."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import Json, Limit, State
from agent.cli.output import talk, write, write_json
from agent.cli.work import in_runtime

if TYPE_CHECKING:
    from memory.outbox import SqliteOutbox

app = typer.Typer(name="events", help="See what waits to be delivered.", no_args_is_help=True)


@app.command("status")
def status(
    state: State = None,
    limit: Limit = 20,
    as_json: Json = False,
    is_check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when there is a dead letter or a failed delivery.")
    ] = False,
) -> None:
    """Show what waits for whom, and why.

    That is what waits for the lake and the bus and why the last delivery failed, dead letters with
    their reason, and what was dropped because too much waited.

    Example: slipstream events status --json | jq '.dead_letters[].reason'
    """
    from agent.settings import load_settings
    from memory.outbox import open_outbox

    settings = load_settings(state_dir=state)
    path = settings.state_dir / "outbox.sqlite"
    if not path.is_file():
        if as_json:
            write_json({"queues": [], "dead_letters": [], "dropped": {}, "used_bytes": 0})
        talk(f"there is no journal below {settings.state_dir} yet")
        return
    with open_outbox(path) as outbox:
        (_write_status_json if as_json else _write_status)(outbox, limit)
        is_wrong = any(queue.dead or queue.trouble for queue in outbox.status())
    raise typer.Exit(1 if is_check and is_wrong else 0)


@app.command("redrive")
def redrive(state: State = None, as_json: Json = False) -> None:
    """Send every dead letter once more.

    That helps when what refused it has been repaired. Nothing is lost when it is refused again.

    Example: slipstream events redrive
    """
    from agent.settings import load_settings
    from memory.outbox import open_outbox

    settings = load_settings(state_dir=state)
    found = in_runtime(settings, lambda runtime: runtime.redrive())
    with open_outbox(settings.state_dir / "outbox.sqlite") as outbox:
        left = outbox.dead()
    if as_json:
        write_json({"redriven": found, "dead": left})
    else:
        write(f"{found:,} dead letters sent again, {left:,} are dead still")


def _write_status_json(outbox: "SqliteOutbox", limit: int) -> None:
    write_json(
        {
            "queues": [queue._asdict() for queue in outbox.status()],
            "dead_letters": [letter._asdict() for letter in outbox.dead_letters(limit=limit)],
            "dropped": outbox.dropped(),
            "used_bytes": outbox.used_bytes(),
        }
    )


def _write_status(outbox: "SqliteOutbox", limit: int) -> None:
    write(f"{'queue':<6} {'waiting':>9} {'dead':>6}  last failure")
    for queue in outbox.status():
        trouble = queue.trouble or "-"
        write(f"{queue.queue:<6} {queue.waiting:>9,} {queue.dead:>6,}  {trouble}")
    write(f"journal: {outbox.used_bytes() / 1e6:,.1f} MB")
    for kind, count in outbox.dropped().items():
        write(f"dropped: {count:,} {kind}")
    for letter in outbox.dead_letters(limit=limit):
        write(f"dead: {letter.queue} {letter.event_id} {letter.kind} of {letter.session_id}: {letter.reason}")
