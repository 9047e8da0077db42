"""Which topics a text touches that a company does not talk about: rules, then a small linear model.

Rules name wordings, and there are more ways to run a competitor down than anybody lists. A logistic
regression over hashed words and their parts, one per rule, decides about the sentences that no rule finds
but that name what the rule is about. `benchmarks/train_guardrails.py` makes `memory/topics.json`.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from memory.injection import BUCKETS, Head, features, read_head
from memory.needles import matches, windows, word_starts
from memory.rivalrules import disparagement
from memory.topicrules import PRODUCT_NAMES, RuleName, TopicRule

SURE_AT = 0.8
"""Probability from which the model's word counts; 1 in 100 of our own harmless sentences reaches that."""

FILE = Path(__file__).with_name("topics.json")

Begins = Mapping[str, Sequence[int]]
Look = Callable[[str], np.ndarray]
"""Returns the buckets of a text's features."""

_LONELY = re.compile(r"(?:(?<=[.!?;] )|(?<=\n)|^)((?:[\w'-]{1,20} ?){1,2})[?!]\s+")
"""A word or two before what is said of them (`Looker? Slow and ugly.`): they belong together."""

_RIVALS = disparagement(()).about

_ALIKE = (
    (
        re.compile(r"\b(?:january|february|march|april|june|july|august|(?:sept|nov|dec)ember|october)\b"),
        "themonth",
    ),
    (re.compile(r"\b20[2-9]\d\b"), "theyear"),
    (re.compile(r"\b\d[\d.,]*"), "thenumber"),
)
"""Words of which one is as good as another to the model."""

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<!\n)\n+")


class Touched(NamedTuple):
    """A rule that a text breaks."""

    rule: RuleName
    score: float
    """How sure (0 to 1); a rule that matches says 1."""


def touched(rules: Iterable[TopicRule], text: str) -> list[Touched]:
    """Return the rules that some sentence of a text that was made plain breaks, in the order given."""
    lines = [line for long in sentences(text) for line in windows(long)]
    cached = cache(features)  # rules share it
    begun = [(line, word_starts(line)) for line in lines]
    scores = [
        Touched(rule.name, max((_score(rule, *line, cached) for line in begun), default=0.0))
        for rule in rules
    ]
    return [found for found in scores if found.score >= SURE_AT]


def sentences(text: str) -> list[str]:
    """Split a text that was made plain."""
    return [line for line in _SENTENCE.split(_LONELY.sub(r"\1 ", text)) if line]


def _score(rule: TopicRule, line: str, begins: Begins, look: Look) -> float:
    is_found = matches(rule.finds, rule.starts, rule.needed, line, begins)
    if not is_found and not matches(rule.about, rule.about_starts, (), line, begins):
        return 0.0
    if rule.spares.search(line):
        return 0.0
    if is_found:
        return 1.0
    head = _heads()[rule.name]
    ids = words(rule, line, look)
    log_odds = head.bias + float(head.weights[ids].sum()) / math.sqrt(max(1, len(ids)))
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, log_odds))))


def words(rule: TopicRule, line: str, look: Look = features) -> np.ndarray:
    """Return the buckets of a sentence's features, with how it begins and whether it asks.

    Which product, competitor, month or number it names is all the same.
    """
    names = rule.about if rule.name == "competitor_disparagement" else _RIVALS
    line = PRODUCT_NAMES.sub("ourproduct", names.sub("therival", line))
    for pattern, word in _ALIKE:
        line = pattern.sub(word, line)
    return look(f"xbegin {line} {'xask' if line.rstrip().endswith('?') else 'xend'}")


@cache
def _heads() -> dict[str, Head]:
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: read_head(numbers, stored["scale"]) for name, numbers in stored["rules"].items()}


__all__ = ["BUCKETS", "Touched", "sentences", "touched", "words"]
