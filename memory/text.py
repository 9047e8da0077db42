"""Words and sentences: what writer, judge and analyzer take text for."""

import re
import zlib
from functools import lru_cache

import snowballstemmer

WORD = re.compile(r"[A-Za-z0-9]+(?:[-.'/_][A-Za-z0-9]+)*")
"""A word; codes such as `A-101`, `LO-3.2` or `s3:GetObject` stay whole or nearly so."""

_ANY_WORD = re.compile(r"\w+")
WORDS_AT_MOST = 48
"""Words of a step's text that the learner looks at; what was said last says most."""

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""What a compound is made of: `IAMPolicy` is `IAM` and `Policy`."""

_STEP = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(\"'`])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|approx|no|fig|sec|min|max|vs|etc)\.|\b[A-Z]\.)$", re.IGNORECASE
)

_STOP_WORDS = """
    a about after again all also am an and any are as at be because been before being between both but
    by can could did do does doing done down during each else ever few for from get gets give go goes
    going gone got had has have having he her here hers him his how i if in into is it its itself just
    let like may me might mine more most much must my need needs no not of off on once one only or other
    our ours out over own please put s same say see shall she should show so some still such t tell than
    that the their theirs them then there these they thing things this those through to too under until
    up us use used using very want was way we well were what when where which while who whom whose why
    will with without would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that carry no subject."""

_STEMMER = snowballstemmer.stemmer("english")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the English stem in lower case; words with a digit in them are codes and stay as they are."""
    word = word.lower()
    return word if any(char.isdigit() for char in word) else str(_STEMMER.stemWord(word))


def terms(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order, repeats included.

    `PutObject` and `point-in-time` count as a whole and as their parts; a code with a digit stays whole.
    """
    words = (word for word in WORD.findall(text) if word.lower() not in STOP_WORDS)
    return [stem(part) for word in words for part in _parts(word)]


def word_keys(text: str) -> list[int]:
    """Return a number (CRC-32) for each of the last `WORDS_AT_MOST` words, in order, in whatever script.

    Learner and pattern index know words by these numbers, so that no text is stored with a release.
    """
    return [_word_key(word) for word in _ANY_WORD.findall(text.lower())[-WORDS_AT_MOST:]]


@lru_cache(maxsize=100_000)
def _word_key(word: str) -> int:
    return zlib.crc32(word.encode())


def _parts(word: str) -> list[str]:
    if any(char.isdigit() for char in word):
        return [word]
    parts = _PART.findall(word)
    if len(parts) == 1:
        return parts
    return [word, *(part for part in parts if part.lower() not in STOP_WORDS)]


def sentences(text: str) -> list[str]:
    """Split into sentences; steps of a list and lines of a table stand alone."""
    found: list[str] = []
    for block in text.splitlines():
        line = block.strip()
        if not line:
            continue
        if _STEP.match(line) or line.startswith("|"):
            found.append(line)
            continue
        for piece in _SENTENCE_END.split(line):
            if found and _ABBREVIATION.search(found[-1]) and not _STEP.match(found[-1]):
                found[-1] = f"{found[-1]} {piece}"
            else:
                found.append(piece)
    return found


def is_step(sentence: str) -> bool:
    """True for an item of a numbered or dotted list."""
    return bool(_STEP.match(sentence))


def clip(text: str, limit: int) -> str:
    """Shorten to at most `limit` characters, at a word where there is one, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut) + "…"
