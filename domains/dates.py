"""Finds the days that a message names."""

import calendar
import re
from datetime import date, timedelta

MONTHS = tuple(
    "january february march april may june july august september october november december".split()
)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
BESIDE = {"today": 0, "yesterday": -1, "tomorrow": 1}
COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}

_SPELLED = "|".join([*MONTHS, "sept", *(month[:3] for month in MONTHS if month != "may")])
_MONTH = rf"(?P<{{}}>(?-i:(?!may))(?:{_SPELLED}))\.?"
_YEAR = r"(?:,?\s+(?P<{}>(?:19|20)\d\d))"
DATE = re.compile(
    r"\b(?:(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)"
    r"|(?P<first>\d{1,2})[./](?P<second>\d{1,2})[./](?P<third>(?:19|20)\d\d)"
    rf"|(?P<day1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH.format('name1')}{_YEAR.format('year1')}?"
    rf"|{_MONTH.format('name2')}\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?!\d){_YEAR.format('year2')}?"
    r"|(?P<beside>today|yesterday|tomorrow)"
    rf"|(?P<count>\d{{1,3}}|{'|'.join(COUNTS)})\s+(?P<unit>day|week)s?\s+ago"
    rf"|(?:(?P<which>last|next|on|since|this)\s+)(?P<weekday>{'|'.join(DAYS)}))\b",
    re.IGNORECASE,
)
"""Days as people write them; the name of a month or weekday needs a number or word that makes it a day.

`May` needs its capital too.
"""


def find_dates(text: str, today: date) -> tuple[list[str], str]:
    """Return the days that `text` names (ISO 8601, in order, each once), and the text without them.

    What is told from today, or without a year, is counted from `today`: a day without a year is the nearest
    such day, a weekday the last one, or the next one where it says so. `03/04/2026` may be March or April:
    it stays as it is written.
    """
    found = [name for match in DATE.finditer(text) if (name := _name(match, today))]
    return list(dict.fromkeys(found)), DATE.sub(lambda match: " " if _name(match, today) else match[0], text)


def _name(match: re.Match[str], today: date) -> str | None:
    """Return how the day is named; `None` when there is no such day."""
    try:
        return _day(match, today)
    except (ValueError, OverflowError):
        return None


def _day(match: re.Match[str], today: date) -> str:
    part = match.groupdict()
    if part["year"]:
        return date(int(part["year"]), int(part["month"]), int(part["day"])).isoformat()
    if part["first"]:
        return _numbered(int(part["first"]), int(part["second"]), int(part["third"])) or match[0]
    if part["beside"]:
        return (today + timedelta(BESIDE[part["beside"].lower()])).isoformat()
    if part["unit"]:
        count = COUNTS.get(part["count"].lower()) or int(part["count"])
        return (today - timedelta(count * (7 if part["unit"].lower() == "week" else 1))).isoformat()
    if part["weekday"]:
        return _weekday(DAYS.index(part["weekday"].lower()), part["which"].lower(), today)
    name = (part["name1"] or part["name2"]).lower()
    month = 1 + next(n for n, month in enumerate(MONTHS) if month.startswith(name[:3]))
    return _with_year(month, int(part["day1"] or part["day2"]), part["year1"] or part["year2"], today)


def _numbered(first: int, second: int, year: int) -> str | None:
    """Read day and month in either order, where only one of them is possible."""
    if first <= 12 and second <= 12 and first != second:
        return None
    month, day = (first, second) if second > 12 else (second, first)
    return date(year, month, day).isoformat()


def _weekday(weekday: int, which: str, today: date) -> str:
    if which == "next":
        return (today + timedelta((weekday - today.weekday() - 1) % 7 + 1)).isoformat()
    if which == "this":
        return (today + timedelta(weekday - today.weekday())).isoformat()
    return (today - timedelta((today.weekday() - weekday - 1) % 7 + 1)).isoformat()


def _with_year(month: int, day: int, year: str | None, today: date) -> str:
    if year:
        return date(int(year), month, day).isoformat()
    leap = [near for near in range(today.year - 4, today.year + 5) if calendar.isleap(near)]
    years = leap if (month, day) == (2, 29) else range(today.year - 1, today.year + 2)
    return min((date(near, month, day) for near in years), key=lambda named: abs(named - today)).isoformat()
