"""How alike texts are in their words and letters: TF-IDF cosine over n-grams, no text kept.

Words (one and two in a row) and letters within words (three to five in a row) count half each; n-grams are
known by their CRC-32. Sources: Salton and Buckley, "Term-weighting approaches in automatic text retrieval"
(1988); the weights are scikit-learn's `TfidfVectorizer(sublinear_tf=True)`.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"\w\w+")
LETTERS = (3, 4, 5)
CHARACTERS_AT_MOST = 2_000
"""Characters that are looked at; more tell nothing about what a short message wants."""

Matrix = NDArray[np.float32]


class Grams(NamedTuple):
    """N-grams of some texts, each with the texts that it is in (an inverted index)."""

    keys: NDArray[np.uint32]
    """CRC-32 of each n-gram, ascending; the lowest bit tells words (1) from letters (0)."""

    idf: Matrix
    starts: NDArray[np.int64]
    """Where the postings of each n-gram begin; one more than there are n-grams."""

    rows: NDArray[np.int32]
    shares: Matrix
    """Weight of the n-gram in the text of that row; the squares of a text's sum to 1."""


def index_grams(texts: Sequence[str]) -> Grams:
    """Return the index of `texts`; a text without n-grams is like no other."""
    counted = [Counter(_keys(text)) for text in texts]
    found = Counter(key for counts in counted for key in counts)
    keys = np.array(sorted(found), np.uint32)
    inside = np.array([found[int(key)] for key in keys], np.float64)
    idf = (np.log((1 + len(texts)) / (1 + inside)) + 1).astype(np.float32)
    rows, places, shares = [], [], []
    for number, counts in enumerate(counted):
        place, share = _weigh(counts, keys, idf)
        rows.append(np.full(len(place), number, np.int32))
        places.append(place)
        shares.append(share)
    at = np.concatenate([np.zeros(0, np.int64), *places])
    order = np.argsort(at, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(keys)))]).astype(np.int64)
    row = np.concatenate([np.zeros(0, np.int32), *rows])[order]
    return Grams(keys, idf, starts, row, np.concatenate([np.zeros(0, np.float32), *shares])[order])


def likeness(grams: Grams, texts: Sequence[str], size: int) -> Matrix:
    """Return the likeness (0 to 1) of each text to each of the `size` indexed ones: shape (texts, size)."""
    found = np.zeros((len(texts), size), np.float32)
    for text, row in zip(texts, found, strict=True):
        place, share = _weigh(Counter(_keys(text)), grams.keys, grams.idf)
        lengths = grams.starts[place + 1] - grams.starts[place]
        ends = np.cumsum(lengths)
        at = np.arange(int(ends[-1]) if len(ends) else 0)
        at += np.repeat(grams.starts[place] - (ends - lengths), lengths)
        row += np.bincount(grams.rows[at], grams.shares[at] * np.repeat(share, lengths), size).astype(
            np.float32
        )
    return found


def _keys(text: str) -> Iterator[int]:
    """Yield the key of each n-gram of `text`, repeats included."""
    text = text[:CHARACTERS_AT_MOST].lower()
    words = WORD.findall(text)
    for gram in [*words, *(f"{one} {two}" for one, two in pairwise(words))]:
        yield zlib.crc32(gram.encode("utf-8", "replace")) | 1
    for word in text.split():
        padded = f" {word} "
        for size in LETTERS:
            for start in range(max(1, len(padded) - size + 1)):
                yield zlib.crc32(padded[start : start + size].encode("utf-8", "replace")) & ~1


def _weigh(counts: Counter[int], keys: NDArray[np.uint32], idf: Matrix) -> tuple[NDArray[np.int64], Matrix]:
    """Return where the known n-grams are in `keys`, ascending, and how much each counts."""
    own = np.array(sorted(counts), np.uint32)
    place = np.searchsorted(keys, own).astype(np.int64)
    known = place < len(keys)
    known[known] = keys[place[known]] == own[known]
    place, own = place[known], own[known]
    share = (1 + np.log(np.array([counts[int(key)] for key in own], np.float64))) * idf[place]
    for kind in (0, 1):
        of_kind = (own & 1) == kind
        share[of_kind] /= max(np.linalg.norm(share[of_kind]), 1e-12) * np.sqrt(2)
    return place, share.astype(np.float32)
