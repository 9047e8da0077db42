"""`slipstream flows`: what the sessions show that a person should act on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.files import write_file
from agent.cli.options import Domain, Json, State
from agent.cli.output import look, talk, write, write_json
from agent.cli.span import Since, Week, span
from agent.cli.work import opened_runtime

if TYPE_CHECKING:  # --help must not pay for learning
    from learning.findings import FlowReport

app = typer.Typer(name="flows", help="See where sessions go well and where they fail.", no_args_is_help=True)


Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Where the report goes (default: reports/flows in the state)."
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the whole report as Markdown.")]


@app.command("report")
def report(
    domain: Domain = None,
    state: State = None,
    since: Since = None,
    week: Week = None,
    out: Out = None,
    markdown: Markdown = False,
    as_json: Json = False,
) -> None:
    """Find dead ends, shortcuts, loops and journeys, and draw the flows.

    Writes report.md, report.json and flows.svg, each whole or not at all; running it
    again writes them again. Each finding names its sessions and what to do about it.

    Example: slipstream flows report -d solaris --week 2026-W47
    """
    from agent.settings import load_settings
    from agent.views.flowreport import flow_report_markdown, flow_report_text

    begin, end = span(since, week)
    settings = load_settings(domain=domain, state_dir=state)
    with opened_runtime(settings, show_progress=not as_json) as (runtime, loop, on_progress):
        found = loop.run(runtime.flow_report(settings.domain, on_progress, since=begin, until=end))
    folder = out or settings.state_dir / "reports" / "flows" / settings.domain
    _write(found, folder)
    if as_json:
        write_json(found.model_dump(mode="json"))
    elif markdown:
        write(flow_report_markdown(found).rstrip("\n"))
    else:
        write(flow_report_text(found, **look()))
    talk(f"report.md, report.json and flows.svg are in {folder}")


def _write(found: "FlowReport", folder: Path) -> None:
    """Write the three files, the one that programs read last.

    Raises:
        FileUnwritable: the folder cannot be made or written.
    """
    from agent.cli.files import FileUnwritable
    from agent.views.flowpicture import flow_picture
    from agent.views.flowreport import PICTURE, flow_report_markdown, flow_title

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnwritable(folder, error.strerror or type(error).__name__) from None
    write_file(folder / PICTURE, flow_picture(found.flow, flow_title(found)))
    write_file(folder / "report.md", flow_report_markdown(found))
    write_file(folder / "report.json", found.model_dump_json(indent=2) + "\n")
