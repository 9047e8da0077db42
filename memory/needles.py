"""What a text must hold for a regular expression to match: asked first, because most hold none of it."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

SHORTEST = 3
"""Shorter pieces stand in nearly every text, so that asking for them saves nothing (characters)."""

Needles = tuple[tuple[str, ...], ...]
"""Of each inner tuple one piece must be in the text."""

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def needles(pattern: str) -> Needles:
    """Return what every match of `pattern` (lower case, no flags) contains; empty when nothing is sure."""
    parser: Any = re._parser  # type: ignore[attr-defined]  # the parse tree has no public name
    return tuple(tuple(sorted(pieces, key=len)) for pieces in _sure(parser.parse(pattern)))


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
