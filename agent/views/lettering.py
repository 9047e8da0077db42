"""How wide text will be where nobody can measure it: lines broken so that they fit any usual font."""

import re
import unicodedata

from agent.views.markup import one_line

NARROW, USUAL, BROAD, FULL = 0.39, 0.67, 0.86, 1.08
"""Widths of letters in sizes of the font; on the wide side, as DejaVu Sans is among the fonts used."""

_NARROW = frozenset("iljtfrI.,:;'|!()[]{}/\\ `-")
_FULL = frozenset("mMW@%—…")
_BROAD = frozenset("w&")
_PART = re.compile(r"(?<=/)")
_BREAK = re.compile(r"(?<=[\s/_:.\-])")
"""After these a long label may go on in the next line."""


def text_width(text: str, size: float) -> float:
    """Return how wide `text` is at most, in the unit of `size`."""
    return size * sum(map(_em, text))


def _em(letter: str) -> float:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    if letter in _FULL or unicodedata.east_asian_width(letter) in ("W", "F"):
        return FULL
    if letter in _NARROW:
        return NARROW
    return BROAD if letter in _BROAD or letter.isupper() else USUAL


def wrapped(text: str, size: float, width: float, lines: int) -> list[str]:
    """Return `text` in lines that fit `width`, at most so many; one too long for them ends in `…`.

    A line ends after a slash where that does not need more lines than there are, else after any blank or
    mark that joins words, else wherever it must.
    """
    whole = one_line(text, 2_000)
    if text_width(whole, size) <= width:
        return [whole]
    found = [line for part in _PART.split(whole) for line in _broken(part, size, width)]
    if len(found) > lines:
        found = _broken(whole, size, width)
    if len(found) <= lines:
        return found
    last = found[lines - 1]
    while last and text_width(last + "…", size) > width:
        last = last[:-1]
    return [*found[: lines - 1], last.rstrip() + "…"]


def _broken(text: str, size: float, width: float) -> list[str]:
    """Return `text` in as many lines as it takes."""
    found = [""]
    for word in _BREAK.split(text):
        if found[-1] and text_width((found[-1] + word).rstrip(), size) > width:
            found.append("")
        found[-1] += word
        while text_width(found[-1].rstrip(), size) > width and len(found[-1]) > 1:
            fits = _fitting(found[-1], size, width)
            found[-1:] = [found[-1][:fits], found[-1][fits:]]
    return [line.strip() for line in found if line.strip()]


def _fitting(text: str, size: float, width: float) -> int:
    """Return how many letters fit, at least one; a letter keeps the marks that belong to it."""
    used = 0.0
    for place, letter in enumerate(text):
        used += size * _em(letter)
        if used > width:
            return max(place, 1)
    return len(text)
