"""How well evidence supports a claim: a small linear model over words, numbers and names; a screen, no proof.

It sees what was added to the evidence (figures, names, terms) and is near chance on denials and paraphrase,
so nothing learns from it. `benchmarks/train_support.py` fits the weights in `support.json`.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from memory.records import Grade
from memory.text import WORD, terms

WEIGHTS = Path(__file__).with_suffix(".json")
WINDOW = 3
"""Neighbouring sentences that may support a claim together (count)."""

MOST_COUNTED = 4
"""Figures or names that the evidence lacks are counted up to here; one is nearly as bad as ten."""

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'-]+")
"""A capitalised word that does not begin a sentence."""

PART = re.compile(r"[-.'/_]")

FEATURES = (
    "words_held",
    "words_held_nearby",
    "words_held_by_two",
    "pairs_held",
    "words_lacking",
    "numbers_held",
    "numbers_lacking",
    "names_held",
    "names_lacking",
    "claim_words",
    "evidence_words",
)
"""What the model looks at, in the order of its weights."""


class Weights(NamedTuple):
    """A logistic regression on standardised features."""

    means: list[float]
    scales: list[float]
    weights: list[float]
    bias: float
    pass_from: float
    """Score from which a claim counts as supported."""

    fail_below: float


def support(claim: str, evidence: Sequence[str]) -> float:
    """Return the probability (0 to 1) that the sentences of `evidence` say all of `claim`.

    It is calibrated at the share of supported claims that the model was fitted on.
    """
    fitted = _load()
    rows = zip(features(claim, evidence), fitted.means, fitted.scales, fitted.weights, strict=True)
    logit = fitted.bias + sum(weight * (value - mean) / scale for value, mean, scale, weight in rows)
    return 1 / (1 + math.exp(-logit))


def grade(score: float) -> Grade:
    """Return `pass` or `fail` where four of five such claims of the training data were, or were not."""
    fitted = _load()
    if score >= fitted.pass_from:
        return "pass"
    return "fail" if score < fitted.fail_below else "unknown"


def features(claim: str, evidence: Sequence[str]) -> list[float]:
    """Return the `FEATURES` of a claim; the words of the claim weigh by how few sentences have them."""
    asked = terms(claim)
    wanted = set(asked)
    held = [terms(sentence) for sentence in evidence]
    sets = [wanted & set(sentence) for sentence in held]
    seen = Counter(word for sentence in sets for word in sentence)
    weights = {word: math.log(1 + (len(held) + 1) / (seen[word] + 0.5)) for word in wanted}
    total = sum(weights.values()) or 1.0

    def share(words: set[str]) -> float:
        return sum(sorted(weights[word] for word in words)) / total

    near = [set[str]().union(*sets[n : n + WINDOW]) for n in range(max(1, len(sets) - WINDOW + 1))]
    pairs = set(pairwise(asked))
    known = {pair for sentence in held for pair in pairwise(sentence)}
    return [
        share(set(seen)),
        max(map(share, near)),
        _by_two(sets, share),
        len(pairs & known) / max(len(pairs), 1),
        math.log1p(len(wanted - set(seen))),
        *_found(numbers_of(claim), numbers_of("\n".join(evidence))),
        *_found(names_of(claim), words_of("\n".join(evidence))),
        math.log1p(len(asked)),
        math.log1p(sum(map(len, held))),
    ]


def numbers_of(text: str) -> set[str]:
    """Return the figures of a text."""
    return set(NUMBER.findall(text))


def names_of(text: str) -> set[str]:
    """Return the capitalised words inside sentences, in lower case."""
    return {name.lower() for name in NAME.findall(text)}


def words_of(text: str) -> set[str]:
    """Return all words in lower case, compounds as a whole and in parts."""
    words = [word.lower() for word in WORD.findall(text)]
    return {*words, *(part for word in words for part in PART.split(word))}


def _by_two(sets: list[set[str]], share: Callable[[set[str]], float]) -> float:
    """Return what the best sentence and the one that adds most to it hold together."""
    first = max(sets, key=share, default=set())
    return max((share(first | other) for other in sets), default=0.0)


def _found(wanted: set[str], there: set[str]) -> tuple[float, float]:
    """Return the share of what is wanted that is there, and how many are not."""
    lacking = len(wanted - there)
    return (1 - lacking / len(wanted) if wanted else 1.0), float(min(lacking, MOST_COUNTED))


@cache
def _load() -> Weights:
    return Weights(**json.loads(WEIGHTS.read_text(encoding="utf-8")))
