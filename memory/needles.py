"""What keeps rules cheap on any text: what it must hold for a rule to be tried, how far a rule looks."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

SHORTEST = 3
"""Shorter pieces stand in nearly every text, so that asking for them saves nothing (characters)."""

_BOUNDED = {r"\S+": r"\S{1,40}+", r"\s+": r"\s{1,20}+", r"\W+": r"\W{1,20}", r"\s*": r"\s{0,20}+"}
"""What may run on through a whole text, and the same with an end (characters)."""

Needles = tuple[tuple[str, ...], ...]
"""Of each inner tuple one piece must be in the text."""

WINDOW = 3000
"""Longest text that rules and model look at in one go; messages and passages are hardly ever longer
(characters).
"""

OVERLAP = 500
"""What a window has in common with the next, so that no attack is cut in two (characters)."""

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def needles(pattern: str) -> Needles:
    """Return what every match of `pattern` (lower case, no flags) contains; empty when nothing is sure."""
    parser: Any = re._parser  # type: ignore[attr-defined]  # the parse tree has no public name
    return tuple(tuple(sorted(pieces, key=len)) for pieces in _sure(parser.parse(pattern)))


def bounded(pattern: str) -> str:
    """Bound the words and blanks that `pattern` passes over; else a long run costs its length squared."""
    for endless, short in _BOUNDED.items():
        pattern = pattern.replace(endless, short)
    return pattern


def windows(text: str) -> list[str]:
    """Cut a long text into overlapping windows: what a rule costs cannot grow faster than the text."""
    return [text[at : at + WINDOW] for at in range(0, max(1, len(text) - OVERLAP), WINDOW - OVERLAP)]


def may_match(needed: Needles, text: str) -> bool:
    """Tell whether `text` holds what is needed."""
    for pieces in needed:  # loops, because `any` and `all` cost as much as what they ask
        for piece in pieces:
            if piece in text:
                break
        else:
            return False
    return True


def _sure(sequence: Iterable[tuple[Any, Any]]) -> list[set[str]]:
    """Return sets of pieces of which one each is in every match of a sequence."""
    found: list[set[str]] = []
    run = ""
    for kind, value in sequence:
        name = str(kind)
        if name == "LITERAL":
            run += chr(value)
            continue
        found, run = _with(found, run), ""
        if name == "SUBPATTERN":
            found += _sure(value[-1])
        elif name in _REPEATS and value[0] > 0:
            found += _sure(value[2])
        elif name == "BRANCH":
            best = [_best(_sure(way)) for way in value[1]]
            found += [set().union(*best)] if all(best) else []
    return _with(found, run)


def _with(found: list[set[str]], run: str) -> list[set[str]]:
    return [*found, {run}] if len(run) >= SHORTEST else found


def _best(sets: Sequence[set[str]]) -> set[str]:
    """Return the set that the fewest texts will hold: the fewest and longest pieces."""
    return min(sets, key=lambda pieces: (len(pieces), -min(map(len, pieces))), default=set())
