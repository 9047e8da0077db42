"""How likely a text gives orders to the assistant: rules, then a small linear model that is plain numbers.

The model is a logistic regression over hashed words, word pairs and parts of words (Weinberger et al. 2009,
"Feature hashing for large scale multitask learning"); the rules' weights stand before it as prior log-odds,
so that it learns only what they leave open. `benchmarks/train_injection.py` makes `memory/injection.json`.
"""

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from memory.disguise import Reading, read
from memory.framerules import DOCUMENT_RULES
from memory.injectionrules import INJECTION_RULES, signs
from memory.injectionwords import InjectionRule
from memory.needles import windows

BUCKETS = 1 << 14
"""Hashed features (count); fewer make words collide, more only make the file larger."""

PART = 4
"""Length of a part of a word (characters)."""

LOOKED_AT = 1200
"""Characters of a text that the model looks at, half from each end; the rules look at all."""

SENTENCES = 500
"""Sentences of a document that are looked at one by one; of a longer one some are taken together (count)."""

CONCEALED = 5.0
"""What hidden letters add to the log-odds: nobody hides a harmless question."""

Channel = Literal["user", "document"]

_TOKEN = re.compile(r"[^\W_]+(?:'[a-z]+)?|[^\w\s]")
_SENTENCE_ENDS = re.compile(r"(?<=[.!?;>])\s+|(?<!\n)\n+")
FILE = Path(__file__).with_name("injection.json")


class Suspicion(NamedTuple):
    """How likely a text is an attack, and why."""

    score: float
    """Probability (0 to 1), calibrated on the texts that the model was trained on."""

    signs: tuple[str, ...]
    """Names of the rules that matched, in alphabetical order."""


class Head(NamedTuple):
    """The numbers of one channel."""

    weights: np.ndarray
    """Shape (BUCKETS,), float32."""

    signs: dict[str, float]
    """What is added to the weight of a rule."""

    bias: float


RULES: dict[Channel, Sequence[InjectionRule]] = {
    "user": INJECTION_RULES,
    "document": (*INJECTION_RULES, *DOCUMENT_RULES),
}


def suspect(text: str, channel: Channel = "user") -> Suspicion:
    """Return how likely `text` is an attack; its worst window or, in a document, sentence counts."""
    return suspect_reading(read(text), channel)


def suspect_reading(reading: Reading, channel: Channel = "user") -> Suspicion:
    """Return how likely a text that was made plain is an attack."""
    head = _heads()[channel]
    parts = pieces(reading.text) if channel == "document" else windows(reading.text)
    found = [(_log_odds(part, head, channel), part) for part in parts]
    (log_odds, names), _ = max(found, key=lambda item: item[0][0])
    if reading.concealed:
        log_odds, names = log_odds + CONCEALED, (*names, "concealed")
    return Suspicion(1 / (1 + math.exp(-max(-40.0, min(40.0, log_odds)))), tuple(sorted(names)))


def _log_odds(text: str, head: Head, channel: Channel) -> tuple[float, tuple[str, ...]]:
    found = signs(text, RULES[channel])
    rules = sum(rule.weight + head.signs.get(rule.name, 0.0) for rule in found)
    ids = features(text)
    learned = float(head.weights[ids].sum()) / math.sqrt(len(ids)) if len(ids) else 0.0
    return head.bias + rules + learned, tuple(rule.name for rule in found)


def pieces(text: str) -> list[str]:
    """Split a document into sentences; each one is also seen with the next, because orders may run on."""
    lines = [line for long in _SENTENCE_ENDS.split(text) if long.strip() for line in windows(long)]
    if len(lines) > SENTENCES:
        at_once = math.ceil(len(lines) / SENTENCES)
        lines = [" ".join(lines[at : at + at_once]) for at in range(0, len(lines), at_once)]
    pairs = [f"{first} {second}" for first, second in pairwise(lines)]
    return [*lines, *pairs] or [""]


def features(text: str) -> np.ndarray:
    """Return the buckets of the features in a text that was made plain, sorted, each once."""
    if len(text) > LOOKED_AT:
        text = f"{text[: LOOKED_AT // 2]} {text[-LOOKED_AT // 2 :]}"
    words = _TOKEN.findall(text)
    found: set[int] = set()
    last = 0
    for word in words:
        ids = _word_ids(word[:24])
        found.update(ids)
        found.add((last * 31 + ids[0] * 17 + 7) % BUCKETS)
        last = ids[0]
    return np.fromiter(found, np.int64, len(found))


@lru_cache(maxsize=50_000)
def _word_ids(word: str) -> tuple[int, ...]:
    """Return the buckets of a word and of its parts, the word first."""
    shown = f"<{word}>"
    parts = {shown[at : at + PART] for at in range(len(shown) - PART + 1)} if len(word) > PART else set()
    return tuple(zlib.crc32(part.encode()) % BUCKETS for part in (shown, *sorted(parts)))


@cache
def _heads() -> dict[Channel, Head]:
    """Read the numbers; the first text waits a millisecond for them."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    heads: dict[Channel, Head] = {}
    for channel in RULES:
        heads[channel] = read_head(stored[channel], stored["scale"])
    return heads


def read_head(numbers: Mapping[str, Any], scale: float) -> Head:
    """Return a model from its stored numbers; weights are whole numbers, `scale` of them are one."""
    weights = np.zeros(BUCKETS, dtype=np.float32)
    weights[numbers["buckets"]] = np.asarray(numbers["weights"], dtype=np.float32) / scale
    return Head(weights, numbers["signs"], numbers["bias"])


__all__ = ["Reading", "Suspicion", "features", "pieces", "suspect"]
