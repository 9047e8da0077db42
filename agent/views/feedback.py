"""What users think of the answers, as Markdown."""

from collections.abc import Sequence

from agent.views.markup import one_line
from agent.views.words import counted, percent
from learning.feedback import By, FeedbackReport, Group

SHOWN = 10
"""Groups of each kind; the JSON has all."""

TITLES: dict[By, str] = {
    "intent": "Intents",
    "topic": "Topics",
    "release": "Releases",
    "passage": "Passages",
}


def feedback_markdown(report: FeedbackReport) -> str:
    """Return the whole report as one page, the worst first."""
    overall = report.overall
    rating = "no rating" if overall.rating is None else f"mean rating {overall.rating:.1f} of 5"
    facts = [
        counted(report.answers, "answer"),
        counted(report.sessions, "session"),
        f"{counted(report.told, 'answer')} judged by their users",
        rating,
        f"{percent(overall.poor_share)} poor",
    ]
    parts = [
        f"# Feedback on {_code(report.domain)}",
        f"{_span(report)}{' · '.join(facts)}.",
        "## What to change first",
        "\n".join(
            f"{row}. **{one.change.replace('_', ' ')}**, {one.by} {_code(one.name)}: {_safe(one.advice)} "
            f"({_safe(one.why)}; sessions {' '.join(map(_code, one.sessions))})"
            for row, one in enumerate(report.proposals[:SHOWN], 1)
        )
        or "Nothing: no group has enough poor answers.",
        *(
            _table(title, [group for group in report.groups if group.by == by])
            for by, title in TITLES.items()
        ),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _span(report: FeedbackReport) -> str:
    since = f"Since {report.since:%Y-%m-%d}" if report.since else ""
    until = f"until {report.until:%Y-%m-%d}" if report.until else ""
    span = " ".join(filter(None, (since, until)))
    return f"{span[0].upper()}{span[1:]}. " if span else ""


def _table(title: str, groups: Sequence[Group]) -> str:
    if not groups:
        return ""
    rows = ["|" + "|".join(_cells(group)) + "|" for group in groups[:SHOWN]]
    head = "|name|answers|poor|share|rating|liked|signs|sessions|\n|---|---:|---:|---:|---:|---:|---|---|"
    return f"## {title}\n\n{head}\n" + "\n".join(rows)


def _cells(group: Group) -> list[str]:
    signs = [f"{sign.replace('_', ' ')} {count}" for sign, count in group.signs.items()]
    return [
        _code(group.name),
        f"{group.answers:,}",
        f"{group.poor:,}",
        percent(group.poor_share),
        "–" if group.rating is None else f"{group.rating:.1f}",
        f"{group.liked:,}",
        ", ".join(signs),
        " ".join(map(_code, group.sessions[:3])),
    ]


def _code(text: str) -> str:
    """Return a name as code that no table takes for a sign of its own."""
    return f"`{_safe(one_line(text, 80)).replace('`', chr(39))}`"


def _safe(text: str) -> str:
    return one_line(text, 1_000).replace("|", "\\|").replace("<", "&lt;")
