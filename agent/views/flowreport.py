"""What flow analysis found, as Markdown for a page and as text for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from agent.views.markup import one_line
from agent.views.tables import WIDTH, joined, render, table
from agent.views.words import UNKNOWN, counted, percent, plain, time_taken
from learning.findings import BestPath, Finding, FlowReport, Journey, MoreOften, Share, Start

PICTURE = "flows.svg"
"""Name of the picture beside the page."""

FIRST = 8
"""Findings that are told at the top, the ones to act on first."""

NOTHING = "No finding calls for action: what differs may differ by chance."

SHOWN = 5
"""Rows of each table in a terminal; the page has all."""

LABEL = 80
"""Characters of a label; the rest is in the JSON."""


def to_do(report: FlowReport) -> list[Finding]:
    """Return what to act on first: what costs most solved sessions, then what is quickest to gain."""
    costs = sorted(report.dead_ends, key=lambda one: -one.cases * (one.share.rate - one.usual_rate))
    circles = [one for one in report.loops if one.is_costly]
    shorter = [start.shortest for start in report.starts if start.shortest]
    surer = [path for path in report.best_paths if path.is_better]
    kinds: list[Sequence[Finding]] = [costs, report.hand_overs, shorter, surer, circles, report.journeys]
    ranked = [(row, kind, one) for kind, found in enumerate(kinds) for row, one in enumerate(found)]
    ranked.sort(key=lambda place: (place[0], place[1]))
    return [one for _, _, one in ranked[:FIRST]]


def flow_title(report: FlowReport) -> str:
    """Return the heading of picture and page."""
    return f"Flows of {report.domain}, {_days(report)}"


def _days(report: FlowReport) -> str:
    first, last = (datetime.fromtimestamp(at, UTC) for at in (report.first_at, report.last_at))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _facts(report: FlowReport) -> list[str]:
    back = report.returns
    share = percent(back.returning / max(back.users, 1))
    again = (
        "" if back.median_gap_s is None else f"{share} of them come back, after {_time(back.median_gap_s)}"
    )
    return [
        counted(report.sessions, "session"),
        counted(report.users, "user"),
        counted(report.labels, "different step"),
        f"{_share(report.success)} solved, {report.known:,} with a known outcome",
        f"median {report.median_steps:g} steps, {_time(report.median_s)}",
        again,
    ]


def _share(share: Share) -> str:
    return f"{percent(share.rate)} ({percent(share.low)} to {percent(share.high)})"


def _time(seconds: float) -> str:
    """Write a time that may be days."""
    hours = seconds / 3600
    if hours < 2:
        return time_taken(seconds * 1000)
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"


def _chance(p_value: float) -> str:
    return "<1e-99" if p_value < 1e-99 else f"{p_value:.2g}"


# --- Markdown ----------------------------------------------------------------------------------------


def flow_report_markdown(report: FlowReport) -> str:
    """Return the whole report as one page; the picture lies beside it."""
    parts = [
        f"# Flows of {_code(report.domain)}",
        f"{_days(report)}. " + " · ".join(filter(None, _facts(report))) + ".",
        f"![The most frequent ways of sessions, from left to right]({PICTURE})",
        "## What to do first",
        "\n".join(f"{row}. {_safe(one.advice)}" for row, one in enumerate(to_do(report), 1)) or NOTHING,
        _more_often(
            "Dead ends", "Steps after which sessions fail more often than sessions as long.", report.dead_ends
        ),
        _more_often("Hand-overs", "Last steps before a person takes over.", report.hand_overs),
        _starts(report.starts),
        _paths(report.best_paths),
        _more_often("Loops", "Steps that sessions come back to.", report.loops),
        _journeys(report.journeys),
        _how(report),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _code(text: str) -> str:
    """Return a label as code that no table and no page takes for a sign of its own."""
    return f"`{_safe(one_line(text, LABEL)).replace('`', chr(39))}`"


def _safe(text: str) -> str:
    """Return text that may stand in a table, and in a page that knows HTML."""
    return one_line(text, 1_000).replace("|", "\\|").replace("<", "&lt;")


def _flow(steps: Sequence[str]) -> str:
    return " → ".join(map(_code, steps))


def _evidence(finding: Finding) -> str:
    return " ".join(map(_code, finding.evidence[:3])) + (" …" if len(finding.evidence) > 3 else "")


def _section(title: str, about: str, head: str, rows: Sequence[Sequence[str]]) -> str:
    """Return a table under its heading; nothing when it has no rows. `>` before a name means figures."""
    if not rows:
        return ""
    names = [name.strip() for name in head.split("|")]
    rule = "|".join("---:" if name.startswith(">") else "---" for name in names)
    lines = ["|".join(name.lstrip(">") for name in names), rule, *("|".join(row) for row in rows)]
    return f"## {title}\n\n{about}\n\n" + "\n".join(f"|{line}|" for line in lines)


def _more_often(title: str, about: str, found: Sequence[MoreOften]) -> str:
    rows = [
        [
            _flow(one.steps),
            f"{one.hits:,} of {one.cases:,}",
            _share(one.share),
            percent(one.usual_rate),
            _chance(one.p_value),
            f"{one.users:,}",
            _evidence(one),
        ]
        for one in found
    ]
    return _section(title, about, "after|>sessions|>share|>by chance|>p|>users|newest sessions", rows)


def _starts(found: Sequence[Start]) -> str:
    rows = [
        [
            _code(one.step),
            f"{one.sessions:,}",
            _share(one.success),
            f"{one.median_steps:g}",
            _time(one.median_s),
            _flow(one.shortest.steps) if one.shortest else UNKNOWN,
            _time(one.shortest.median_s) if one.shortest else UNKNOWN,
            percent(one.shortest.success.rate) if one.shortest else UNKNOWN,
            f"{one.shortest.sessions:,}" if one.shortest else UNKNOWN,
        ]
        for one in found
    ]
    about = "By first step: the usual way to a solution (medians), and the shortest that is no worse."
    head = "first step|>sessions|>solved|>steps|>time|shortest way|>its time|>its solved|>its sessions"
    return _section("Ways to a solution", about, head, rows)


def _paths(found: Sequence[BestPath]) -> str:
    rows = [
        [
            _code(one.topic),
            _flow(one.steps),
            _share(one.success),
            percent(one.usual_rate),
            "yes" if one.is_better else "not yet",
            f"{one.sessions:,}",
            f"{one.users:,}",
            _evidence(one),
        ]
        for one in found
    ]
    about = (
        "The way through each topic that is surest to end solved; the interval holds for all ways at once."
    )
    head = "topic|surest way|>solved|>usual|surely better|>sessions|>users|newest sessions"
    return _section("Surest ways by topic", about, head, rows)


def _journeys(found: Sequence[Journey]) -> str:
    rows = [
        [
            _code(one.steps[0]),
            _code(one.steps[1]),
            _share(one.share),
            percent(one.usual_rate),
            _time(one.median_gap_s),
            percent(one.unsolved_rate),
            f"{one.users:,}",
        ]
        for one in found
    ]
    about = "What users come back with more often than chance explains."
    return _section(
        "User journeys",
        about,
        "after|come back with|>users|>by chance|>median gap|>first unsolved|>users",
        rows,
    )


def _how(report: FlowReport) -> str:
    return (
        "## How to read this\n\n"
        "Shares carry a 95 % interval. *By chance* is what sessions of the same length give, *p* the "
        "probability of so many at most if nothing were special. Sessions of one user count as one "
        f"where they are alike. Of each table at most {report.false_discovery_rate:.0%} of the rows are "
        "there by chance, on average; none rests on fewer than 5 users. What comes before a failure need not "
        "cause it: open some of the sessions (`slipstream trace show SESSION`) before you change anything."
    )


# --- terminal ----------------------------------------------------------------------------------------


def flow_report_text(report: FlowReport, *, width: int = WIDTH, colour: bool = False) -> str:
    """Return the short form: the figures, what to do first, and the surest rows of each table."""
    parts: list[RenderableType] = [
        Text(flow_title(report), style="bold"),
        Text(plain(joined(_facts(report), width)), style="dim"),
        Text(),
    ]
    for row, one in enumerate(to_do(report), 1):
        parts.append(Text(f"{row}. {plain(one.advice)}"))
    if not to_do(report):
        parts.append(Text(NOTHING))
    for title, found in (("Dead ends", report.dead_ends), ("Hand-overs", report.hand_overs)):
        parts += _more_often_text(title, found)
    parts += _starts_text(report.starts)
    return render(*parts, width=width, colour=colour)


def _more_often_text(title: str, found: Sequence[MoreOften]) -> list[RenderableType]:
    if not found:
        return []
    shown = table("after*", "sessions", "share", "by chance", "users")
    for one in found[:SHOWN]:
        shown.add_row(
            plain(" > ".join(one.steps)),
            f"{one.hits:,} of {one.cases:,}",
            _share(one.share),
            percent(one.usual_rate),
            f"{one.users:,}",
        )
    return [Text(), Text(_heading(title, len(found)), style="bold"), shown]


def _starts_text(found: Sequence[Start]) -> list[RenderableType]:
    if not found:
        return []
    shown = table("first step~", "sessions", "solved", "steps", "time", "shortest way*")
    for one in found[:SHOWN]:
        shown.add_row(
            plain(one.step),
            f"{one.sessions:,}",
            percent(one.success.rate),
            f"{one.median_steps:g}",
            _time(one.median_s),
            plain(" > ".join(one.shortest.steps)) if one.shortest else UNKNOWN,
        )
    return [Text(), Text(_heading("Ways to a solution", len(found)), style="bold"), shown]


def _heading(title: str, count: int) -> str:
    return title if count <= SHOWN else f"{title} ({SHOWN} of {count})"
