"""What a redaction rule is."""

import re
from collections.abc import Callable
from typing import NamedTuple

REDACTOR_VERSION = 2
"""Stored with each event; grows with the rules."""

Check = Callable[[str], bool]


class Rule(NamedTuple):
    """Finds one kind of value and names what stands in its place.

    Patterns run in linear time: repeats are bounded or possessive, and a run is entered at its start only.
    They begin with the character that a value begins with (boundaries are looked up behind it), because that
    lets `re` skip all other characters at once.
    """

    label: str
    """Goes between `<` and `>`."""

    pattern: re.Pattern[str]
    """Group `value` is replaced, the whole match where there is none."""

    hints: tuple[str, ...] = ("",)
    """One of these must occur in the text in lower case, or the pattern is not tried; `""` always does."""

    check: Check | None = None
    """Confirms the value: a checksum, a range, an entropy."""

    before: re.Pattern[str] | None = None
    """What must stand right before the value, within `REACH` characters."""

    length: int = 0
    """Some word of the text must be as long as this (characters), or the pattern is not tried."""


REACH = 40
"""How far before a value the words that name it are looked for (characters)."""


def make_rule(
    label: str,
    pattern: str,
    check: Check | None = None,
    *,
    hints: str = "",
    before: str | None = None,
    length: int = 0,
) -> Rule:
    """Compile a rule; hints are parted by `|`, `before` is in any case and ends where the value begins."""
    named = re.compile(f"(?i)(?:{before})$") if before else None
    return Rule(label, re.compile(pattern), tuple(hints.split("|")), check, named, length)


class Found(NamedTuple):
    """A value that must go."""

    start: int
    """Offset of its first character."""

    end: int
    """Offset behind its last character."""

    label: str
    """Its kind, like `EMAIL`."""
