"""The days that a message names."""

from datetime import date

import pytest

from domains.dates import find_dates

SATURDAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("It tripped on 2026-03-14.", ["2026-03-14"]),
        ("14 March 2026 and March 15th, 2026", ["2026-03-14", "2026-03-15"]),
        ("the 3rd of Dec", ["2026-12-03"]),
        ("since Jan 5 it drips", ["2027-01-05"]),
        ("since July 5 it drips", ["2026-07-05"]),
        ("Changed 14.03.2026, again 03/25/2026", ["2026-03-14", "2026-03-25"]),
        ("May 5 or 5 sept.", ["2027-05-05", "2026-09-05"]),
        ("03/04/2026 or 04/04/2026", ["03/04/2026", "2026-04-04"]),
        ("today, Yesterday and tomorrow", ["2026-11-21", "2026-11-20", "2026-11-22"]),
        ("three days ago, 2 weeks ago, a week ago", ["2026-11-18", "2026-11-07", "2026-11-14"]),
        ("since Monday", ["2026-11-16"]),
        ("last Saturday, next Saturday, this Friday", ["2026-11-14", "2026-11-28", "2026-11-20"]),
        ("yesterday, I mean yesterday", ["2026-11-20"]),
    ],
)
def test_days_are_found_however_they_are_written(text: str, days: list[str]) -> None:
    assert find_dates(text, SATURDAY)[0] == days


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "31.04.2026",
        "it may 5 times",
        "decrease 20 or margin 5",
        "It may 2000",
        "friday prayers",
        "part 12-03-2026-7",
        "",
    ],
)
def test_what_is_no_day_is_not_taken_for_one(text: str) -> None:
    assert find_dates(text, SATURDAY)[0] == []


def test_the_text_comes_back_without_its_days() -> None:
    _, rest = find_dates("5 bar 2 days ago, not on 31.04.2026", SATURDAY)

    assert rest.split() == ["5", "bar", ",", "not", "on", "31.04.2026"]


def test_the_29th_of_february_needs_a_year_that_has_one() -> None:
    assert find_dates("February 29, 2028", SATURDAY)[0] == ["2028-02-29"]
    assert find_dates("on February 29", SATURDAY)[0] == ["2028-02-29"]
