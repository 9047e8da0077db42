"""The next-step network of a release: summed clue vectors, one residual layer, chances of label and failure.

Small enough for plain numpy; `learning.network` trains it.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory.clues import Clues

Column = NDArray[Any]
Floats = NDArray[np.float32]


class Network(NamedTuple):
    """Weights, H hidden units, L labels."""

    vectors: Column
    """One row a feature of `memory.clues.layout`, (F, H), float16."""

    bias: Column
    """(H,)"""

    middle: Column
    """(H, H)"""

    middle_bias: Column
    out: Column
    """(H, L + 1): the labels, then failure."""

    out_bias: Column
    words: Column
    """Known words, sorted `memory.text.word_keys` (uint32); a word's place is its number."""


class Forecast(NamedTuple):
    """What a network says."""

    scores: Floats
    """Log chance of each label (L,), but for a number that all of them share."""

    failure: float
    """Probability (0 to 1) that the session ends unsolved."""


def forecast(network: Network, clues: Clues) -> Forecast:
    """Return what the clues say."""
    vectors = network.vectors.take(clues.features, axis=0).astype(np.float32)
    hidden = np.array(clues.weights, np.float32) @ vectors
    hidden += network.bias
    np.maximum(hidden, 0, out=hidden)
    inner = hidden @ network.middle
    inner += network.middle_bias
    hidden += np.maximum(inner, 0, out=inner)
    scores = hidden @ network.out
    scores += network.out_bias
    return Forecast(scores[:-1], (1 + math.tanh(float(scores[-1]) / 2)) / 2)


def word_numbers(network: Network, keys: list[int]) -> list[int]:
    """Return the numbers of the known ones among some words, in order."""
    if not keys or not len(network.words):
        return []
    wanted = np.array(keys, np.uint32)
    places = np.minimum(np.searchsorted(network.words, wanted), len(network.words) - 1)
    found: list[int] = places[network.words[places] == wanted].tolist()
    return found
