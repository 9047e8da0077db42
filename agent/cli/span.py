"""A span of time, as reports take it: from a day on, or one week."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from memory.errors import AgentError


class WeekUnreadable(AgentError):
    """A week was named that no calendar has, or together with a day to begin with."""

    code = "agent.week_unreadable"

    def __init__(self, week: str, problem: str) -> None:
        super().__init__(
            f"`{week[:80]}` {problem}.",
            fix="Name one week as `--week 2026-W47`, or a day as `--since 2026-11-16`.",
        )


Since = Annotated[
    datetime | None,
    typer.Option("--since", metavar="DATE", formats=["%Y-%m-%d"], help="From this day on (UTC)."),
]
Week = Annotated[
    str | None,
    typer.Option("--week", metavar="WEEK", help="In this week, as 2026-W47 (UTC)."),
]


def span(since: datetime | None, week: str | None) -> tuple[datetime | None, datetime | None]:
    """Return from when on and until when something counts; `None` where there is no limit."""
    if week is None:
        return (since.replace(tzinfo=UTC) if since else None), None
    if since is not None:
        raise WeekUnreadable(week, "cannot be asked for together with `--since`")
    try:
        begin = datetime.strptime(f"{week}-1", "%G-W%V-%u").replace(tzinfo=UTC)
    except ValueError:
        raise WeekUnreadable(week, "is no week of the calendar") from None
    return begin, begin + timedelta(days=7)
