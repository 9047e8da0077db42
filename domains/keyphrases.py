"""Names what a message is about in its own words."""

import re
from collections import Counter
from collections.abc import Container

from memory.text import STOP_WORDS, WORD, terms

MOST = 5
"""Phrases kept (count)."""

LONGEST = 4
"""Words of a phrase; a longer run says a sentence."""

BREAK = re.compile(r"[^\w\s'’/.-]|[.](?:\s|$)")


def key_phrases(text: str, vague: Container[str]) -> list[str]:
    """Return at most `MOST` phrases, most telling first, as they are written.

    Candidates are the runs of words between stop words and signs; a word weighs by the company it keeps, a
    phrase by its words (RAKE, Rose et al. 2010). `vague` holds the stems of words that name no subject: a
    phrase of these alone is left out.
    """
    runs = [run for piece in BREAK.split(text) for run in _runs(piece)]
    phrases = {" ".join(run).lower(): run for run in runs if any(term not in vague for term in _stems(run))}
    seen = Counter(word.lower() for run in phrases.values() for word in run)
    company = Counter[str]()
    for run in phrases.values():
        for word in run:
            company[word.lower()] += len(run)

    def weight(run: list[str]) -> float:
        return sum(company[word.lower()] / seen[word.lower()] for word in run)

    return [" ".join(run) for run in sorted(phrases.values(), key=lambda run: -weight(run))[:MOST]]


def _runs(piece: str) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for word in WORD.findall(piece):
        if word.lower() in STOP_WORDS:
            runs.append([])
        elif len(runs[-1]) == LONGEST:
            runs.append([word])
        else:
            runs[-1].append(word)
    return [run for run in runs if run]


def _stems(run: list[str]) -> list[str]:
    return terms(" ".join(run))
