"""Sections cut into passages: at paragraphs where possible, never inside a step of a list."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from memory.text import sentences

PASSAGE_WORDS = 220
"""Longest passage (words); embedders read little more."""

STEP_WORDS = 2 * PASSAGE_WORDS
"""Longest step of a list that is kept whole (words); half a step misleads, a page is no step."""

_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*•+])\s+")
_FENCE = re.compile(r"^\s*(?:```|~~~)")


class Section(NamedTuple):
    """A piece of a document under one heading."""

    heading: str
    text: str


def cut(text: str) -> Iterator[str]:
    """Yield passages of at most `PASSAGE_WORDS` words; only a single step may be longer.

    Paragraphs stay whole where they fit; a list stays with the sentence that leads to it.
    """
    pieces = (piece for block in _blocks(text) for piece in _pieces(block))
    return _packed(pieces, between="\n\n")


def _packed(pieces: Iterator[str], *, between: str) -> Iterator[str]:
    """Join neighbours as long as they fit into one passage."""
    kept: list[str] = []
    words = 0
    for piece in pieces:
        length = _words(piece)
        if kept and words + length > PASSAGE_WORDS:
            yield between.join(kept)
            kept, words = [], 0
        kept.append(piece)
        words += length
    if kept:
        yield between.join(kept)


def _blocks(text: str) -> list[str]:
    """Return the paragraphs of a text; a list joins its lead, and what is indented below it the list."""
    blocks: list[str] = []
    for block in _paragraphs(text):
        before = blocks[-1] if blocks else ""
        fits = _words(before) + _words(block) <= PASSAGE_WORDS
        leads = before.endswith(":") and _words(before) <= PASSAGE_WORDS // 2
        is_part = block[0].isspace() and any(map(_ITEM.match, before.splitlines()))
        if before and (is_part or (_ITEM.match(block) and (fits or leads))):
            blocks[-1] += f"\n{block}"
        else:
            blocks.append(block)
    return blocks


def _paragraphs(text: str) -> Iterator[str]:
    """Yield what blank lines part; those inside a fence part nothing."""
    kept: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        fenced ^= _FENCE.match(line) is not None
        if line.strip() or (fenced and kept):
            kept.append(line.rstrip())
        elif kept:
            yield "\n".join(kept)
            kept = []
    if kept:  # a fence that nobody closed
        yield "\n".join(kept).rstrip()


def _pieces(block: str) -> Iterator[str]:
    """Cut a block that is too long: between its steps, else its lines, else its sentences or words."""
    if _words(block) <= PASSAGE_WORDS:
        yield block
        return
    steps = _steps(block)
    if steps:
        yield from _packed(_cut_longer(steps, STEP_WORDS, _cut_lines), between="\n")
    else:
        yield from _cut_lines(block)


def _cut_longer(pieces: list[str], most: int, cut_one: Callable[[str], Iterator[str]]) -> Iterator[str]:
    for piece in pieces:
        if _words(piece) > most:
            yield from cut_one(piece)
        else:
            yield piece


def _cut_lines(block: str) -> Iterator[str]:
    return _packed(_cut_longer(block.splitlines(), PASSAGE_WORDS, _cut_line), between="\n")


def _cut_line(line: str) -> Iterator[str]:
    return _packed(_cut_longer(sentences(line), PASSAGE_WORDS, _cut_words), between=" ")


def _cut_words(sentence: str) -> Iterator[str]:
    words = sentence.split()
    for start in range(0, len(words), PASSAGE_WORDS):
        yield " ".join(words[start : start + PASSAGE_WORDS])


def _steps(block: str) -> list[str]:
    """Return the outermost items of a list with all that belongs to them; none when there is no list.

    A lead of some words goes with the first item.
    """
    lines = block.splitlines()
    indents = {n: len(line) - len(line.lstrip()) for n, line in enumerate(lines) if _ITEM.match(line)}
    if not indents:
        return []
    outer = min(indents.values())
    starts = [n for n, indent in indents.items() if indent == outer]
    if _words("\n".join(lines[: starts[0]])) > PASSAGE_WORDS // 2:
        starts.insert(0, 0)
    else:
        starts[0] = 0
    return ["\n".join(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]


def _words(text: str) -> int:
    return len(text.split())
