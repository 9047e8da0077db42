"""What a row of a foreign log says about a turn, and how it is refused when it says nothing usable."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from memory.records import Outcome

ROOT, INNER, DEEP = 0, 1, 2
"""Whose word counts when several rows speak of one turn: of the whole turn, of a part, of a part's part."""

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between these a time is taken for one; others were counted in another unit."""


class RowRefused(Exception):
    """A row cannot be used; the rest of its file can."""

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.field = field
        self.problem = problem
        self.fix = fix


class Fragment(NamedTuple):
    """What one row says about one turn; rows of one turn are merged."""

    turn: str
    """Id of the turn in its log (of the trace); "" when the row speaks of the whole session."""

    at: datetime | None = None
    """When it began, in the zone that the log names."""

    rank: int = ROOT
    session: str | None = None
    user: str | None = None
    query: str | None = None
    response: str | None = None
    label: str | None = None
    """`intent` or `intent/topic`, where the log names it."""

    outcome: Outcome | None = None
    duration_ms: float | None = None


def text_at(row: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of the fields that holds a text or a number, as text; `None` when none does."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def mapping_at(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object in a field; an empty one when there is none."""
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def time_at(row: Mapping[str, Any], *names: str) -> datetime | None:
    """Return the first time among the fields, in its own zone; UTC where it names none.

    Raises:
        RowRefused: it is no ISO 8601 time.
    """
    for name in names:
        value = row.get(name)
        if value in (None, ""):
            continue
        try:
            at = datetime.fromisoformat(str(value).replace(" UTC", "Z"))
        except ValueError:
            at = LATEST
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if not EARLIEST <= at < LATEST:
            raise RowRefused(name, "it is no time", "Give ISO 8601, such as 2026-11-21T09:30:00+01:00.")
        return at
    return None


def unix_time(row: Mapping[str, Any], name: str) -> datetime | None:
    """Return the time in a field that counts nanoseconds since 1970; `None` when it is absent.

    Raises:
        RowRefused: it is no such count, or of another unit.
    """
    value = row.get(name)
    if value in (None, "", 0, "0"):
        return None
    try:
        at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(str(value)) // 1000)
    except (ValueError, OverflowError):
        at = LATEST
    if not EARLIEST <= at < LATEST:
        raise RowRefused(name, "it is no time", "Give nanoseconds since 1970, as OTLP has them.")
    return at


def span_ms(start: datetime | None, end: datetime | None) -> float | None:
    """Return the time between two moments (milliseconds); `None` when one is unknown or they are swapped."""
    if start is None or end is None or end < start:
        return None
    return (end - start) / timedelta(milliseconds=1)


def label_of(intent: str | None, topic: str | None) -> str | None:
    """Return `intent` or `intent/topic`; `None` without an intent."""
    if not intent or not intent.strip():
        return None
    return f"{intent.strip()}/{topic.strip()}" if topic and topic.strip() else intent.strip()
