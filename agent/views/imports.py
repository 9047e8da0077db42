"""What an import found, as text."""

from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from agent.views.tables import WIDTH, joined, render
from agent.views.words import counted, plain
from learning.importing.report import ImportReport


def import_text(
    report: ImportReport, domain: str, *, dry_run: bool, width: int = WIDTH, colour: bool = False
) -> str:
    """Show what logs held, what was left out and why, and how to mend it."""
    verb = "would be imported" if dry_run else "imported"
    found = [
        counted(report.sessions, "session"),
        counted(report.turns, "turn"),
        counted(report.users, "user"),
        counted(report.outcomes, "outcome") + " known",
        counted(report.labels, "label") + " found",
    ]
    parts: list[RenderableType] = [
        Text(f"{', '.join(found[:2])} {verb} into {domain}", style="bold"),
        Text(joined([*found[2:], _period(report)], width)),
        Text(joined(_sources(report), width), style="dim"),
    ]
    if report.labels < report.turns:
        parts.append(
            Text(f"{counted(report.turns - report.labels, 'turn')} will be named by `slipstream learn`")
        )
    if report.sessions == report.turns:
        parts.append(
            Text("every session has one turn, so that nothing follows anything: are sessions named?")
        )
    left_out = [
        counted(report.refused, "row") + " refused" if report.refused else "",
        counted(report.wordless, "turn") + " without words" if report.wordless else "",
        counted(report.repeated, "session") + " there before" if report.repeated else "",
    ]
    if any(left_out):
        parts += [Text(), Text("left out: " + joined(left_out, width), style="yellow")]
    for refusal in report.refusals:
        parts.append(Text(f"  {refusal.where}: {plain(refusal.text)}\n    fix: {refusal.fix}"))
    return render(*parts, width=width, colour=colour)


def _period(report: ImportReport) -> str:
    if report.first is None or report.last is None:
        return ""
    days = [f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" for moment in (report.first, report.last)]
    return " to ".join(dict.fromkeys(days))


def _sources(report: ImportReport) -> list[str]:
    kinds = [f"{counted(count, 'file')} of {name}" for name, count in sorted(report.formats.items())]
    return [counted(report.rows, "row"), *kinds]
