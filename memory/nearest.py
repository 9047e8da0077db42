"""Searching passages by meaning: the vectors nearest to that of a question."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 20_000
"""Passages (count) up to which all are compared: about 2 ms, one thread."""

AXES = 96
"""Principal axes of a sketch, read in a fifth of the time of 384 numbers a passage."""

REFINED = 1_000
"""Passages nearest by their sketch that are compared exactly.

Among 100,000 (10,000 of AWS documentation, and nine noisy copies of each) they hold 0.996 of the nearest 10
and 0.986 of the nearest 100; with 64 axes 0.992 and 0.950.
"""

SAMPLE = 20_000
"""Passages (count) from which the axes are taken."""

Vectors = NDArray[np.float32]


class Near(NamedTuple):
    """What is near a question."""

    cosines: dict[int, float]
    """Of the nearest passages, and of those asked for, by number."""

    mean: float
    """Mean cosine of all passages."""


class NearestSearch:
    """Vectors of unit length, shape (passages, dimension), and a sketch of them where there are many.

    The sketch holds each vector on the principal axes, shape (passages, axes). All of it is read for each
    question, and what is found is compared again exactly: no graph or clusters to build or to tune.
    """

    def __init__(self, vectors: Vectors, mean: Vectors, axes: Vectors, sketch: Vectors | None) -> None:
        self.vectors = vectors
        self._mean = mean
        self._axes = axes
        self._sketch = sketch

    def search(self, vector: Vectors, count: int, also: Iterable[int] = ()) -> Near:
        """Compare the vector of a question, shape (dimension,), with the `count` nearest ones and `also`."""
        asked = np.fromiter(also, np.intp)
        if self._sketch is None:
            cosines = self.vectors @ vector
            chosen = np.concatenate([_highest(cosines, count), asked])
            found = cosines[chosen]
        else:
            close = _highest(self._sketch @ (self._axes @ vector), max(REFINED, count))
            cosines = self.vectors[close] @ vector
            best = _highest(cosines, count)
            chosen = np.concatenate([close[best], asked])
            found = np.concatenate([cosines[best], self.vectors[asked] @ vector])
        cosine_of = dict(zip(chosen.tolist(), found.tolist(), strict=True))
        return Near(cosine_of, float(self._mean @ vector))


def _highest(scores: Vectors, count: int) -> NDArray[np.intp]:
    return np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))


def in_memory(vectors: Vectors) -> NearestSearch:
    """Return the exact search over a few vectors."""
    return NearestSearch(vectors, vectors.mean(0), np.zeros((0, vectors.shape[1]), np.float32), None)


def write_nearest(folder: Path, vectors: Vectors) -> None:
    """Write the vectors and, where there are many, their sketch."""
    np.save(folder / "vectors.npy", vectors)
    mean = vectors.mean(0, dtype=np.float32) if len(vectors) else np.zeros(vectors.shape[1], np.float32)
    axes = np.zeros((0, vectors.shape[1]), np.float32)
    if len(vectors) > EXACT_UP_TO:
        axes = _principal_axes(vectors[:: max(1, len(vectors) // SAMPLE)])
        np.save(folder / "sketch.npy", (vectors - mean) @ axes.T)
    np.save(folder / "axes.npy", np.vstack([mean, axes]))


def _principal_axes(sample: Vectors) -> Vectors:
    """Return the directions in which the vectors differ most: shape (axes, dimension)."""
    _, directions = np.linalg.eigh(np.cov(sample, rowvar=False))
    return np.ascontiguousarray(directions[:, ::-1][:, :AXES].T, np.float32)


def open_nearest(folder: Path) -> NearestSearch:
    """Open what `write_nearest` wrote; the files are mapped, not read.

    Raises:
        OSError, EOFError, ValueError: a file is missing or damaged.
    """
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    mean, *axes = np.load(folder / "axes.npy")
    sketch = np.load(folder / "sketch.npy", mmap_mode="r") if axes else None
    if len(mean) != vectors.shape[1] or (sketch is not None and len(sketch) != len(vectors)):
        raise ValueError("vectors and axes do not belong together")
    return NearestSearch(vectors, mean, np.array(axes, np.float32), sketch)
