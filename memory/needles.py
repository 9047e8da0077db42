"""What keeps rules cheap on any text: what it must hold for a rule to be tried, how far a rule looks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

SHORTEST = 3
"""Shorter pieces stand in nearly every text, so that asking for them saves nothing (characters)."""

_WORD = re.compile(r"\w+")
_BOUNDED = {r"\S+": r"\S{1,40}+", r"\s+": r"\s{1,20}+", r"\W+": r"\W{1,20}", r"\s*": r"\s{0,20}+"}
"""What may run on through a whole text, and the same with an end (characters)."""

START = 3
"""Characters of a start: more hardly tell more."""

FEW = 12
"""Places where trying a pattern costs less than asking whether the text holds what it needs."""

Needles = tuple[tuple[str, ...], ...]
"""Of each inner tuple one piece must be in the text."""

WINDOW = 3000
"""Longest text that rules and model look at in one go; messages and passages are hardly ever longer
(characters).
"""

OVERLAP = 500
"""What a window has in common with the next, so that no attack is cut in two (characters)."""

Starts = frozenset[str]
"""Every match begins with one of them, at the beginning of a word."""

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


def starts(pattern: str) -> Starts | None:
    """Return the first characters of its matches; `None` unless they surely are the first of a word."""
    parser: Any = re._parser  # type: ignore[attr-defined]  # the parse tree has no public name
    tree = parser.parse(pattern)
    found = {start for start, _ in _begin(tree)}
    at_word = str(tree[0][1]) == "AT_BOUNDARY"
    is_sure = at_word and all(len(start) == START and start[0].isalnum() for start in found)
    return frozenset(found) if is_sure else None


def word_starts(text: str) -> dict[str, list[int]]:
    """Return where the words begin (offsets), by their first characters and what follows short ones."""
    found: dict[str, list[int]] = defaultdict(list)
    for match in _WORD.finditer(text):
        at = match.start()
        found[text[at : at + START]].append(at)
    return found


def matches(
    pattern: re.Pattern[str],
    begins: Starts | None,
    needed: Needles,
    text: str,
    words: Mapping[str, Sequence[int]],
) -> bool:
    """Tell whether a pattern matches somewhere; it is tried only where it can, by `word_starts(text)`."""
    if begins is None:
        return may_match(needed, text) and pattern.search(text) is not None
    places = [at for start in begins if start in words for at in words[start]]
    if len(places) > FEW and not may_match(needed, text):
        return False
    return any(map(partial(pattern.match, text), places))


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


def _begin(sequence: Iterable[tuple[Any, Any]]) -> set[tuple[str, bool]]:
    """Return how the matches of a sequence begin, and whether what follows it may go on with that."""
    found = {("", True)}
    for kind, value in sequence:
        step = _begin_one(str(kind), value)
        found = {
            ((start + more)[:START], may_go_on and len(start + more) < START)
            for start, is_open in found
            for more, may_go_on in (step if is_open else {("", False)})
        }
        if not any(is_open for _, is_open in found):
            break
    return found


def _begin_one(name: str, value: Any) -> set[tuple[str, bool]]:
    if name in ("AT", "ASSERT", "ASSERT_NOT"):
        return {("", True)}
    if name == "LITERAL":
        return {(chr(value), True)}
    if name == "IN" and all(str(kind) == "LITERAL" for kind, _ in value):
        return {(chr(char), True) for _, char in value}
    if name == "SUBPATTERN":
        return _begin(value[-1])
    if name == "BRANCH":
        return set().union(*(_begin(way) for way in value[1]))
    if name in _REPEATS:
        least, most, repeated = value
        begun = {(start, is_open and most == 1) for start, is_open in _begin(repeated)}
        return begun if least else {*begun, ("", True)}
    return {("", False)}


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
