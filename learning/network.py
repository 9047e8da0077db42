"""Trains the next-step network: label and failure from the clues of a session so far.

One hidden layer over a sum of sparse clue vectors (row-wise Adagrad; Duchi et al. 2011), a residual layer and
the output (Adam; Kingma and Ba 2015), dropout on clues and units (Srivastava et al. 2014).
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from learning.clues import StepClues
from learning.compiled import compiled
from memory.network import Network

HIDDEN = 192
BATCH = 256
CLUE_RATE = 0.07
LAYER_RATE = 2e-3
RISE = 0.05
"""Learning rates at their highest; they rise over this share of a training and fall as a cosine."""

CLUE_DROPOUT = 0.25
UNIT_DROPOUT = 0.4
FAILURE_WEIGHT = 0.3
"""What a failure told right or wrong weighs against the next label."""

THREADS = 2
UNITS = HIDDEN // THREADS
"""Hidden units of each thread: none writes what another reads, so the result does not depend on them. A
constant, since a loop of known length is compiled to a fraction of the instructions."""

Column = NDArray[Any]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Targets(NamedTuple):
    """What came after each step."""

    label: Ints
    """Number of the label."""

    failed: Ints
    """1, 0, or -1 where nobody knows how the session ended."""

    failed_weight: Floats
    """One over the steps of the session, so that long sessions do not lead; mean 1."""


class Layers(NamedTuple):
    """What Adam moves; also its means of gradients and of their squares."""

    bias: Floats
    middle: Floats
    middle_bias: Floats
    out: Floats
    out_bias: Floats


class Trained(NamedTuple):
    """A network as it was trained, in float32."""

    vectors: Floats
    """(threads, F, units of a thread)"""

    layers: Layers


class Pass(NamedTuple):
    """What going forward leaves for going back."""

    hidden: Floats
    open1: Floats
    """Share of each unit that passed, 0 where it was shut or dropped."""

    both: Floats
    open2: Floats
    error: Floats
    """Gradient of the loss in the output scores."""


class Clued(NamedTuple):
    """One batch of rows with the clues that were not dropped."""

    clues: StepClues
    rows: Ints
    kept: NDArray[np.bool_]


def train(
    clues: StepClues, targets: Targets, rows: Ints, features: int, labels: int, *, visits: int, seed: int
) -> Trained:
    """Train until about `visits` of some rows were looked at; the same arguments give the same network."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((THREADS, features, UNITS), np.float32) * np.float32(0.05)
    moved = np.zeros((THREADS, features), np.float32)
    layers = _fresh(labels, rng)
    means, squares = (Layers(*(np.zeros_like(layer) for layer in layers)) for _ in range(2))
    count = math.ceil(visits / BATCH)
    with ThreadPoolExecutor(THREADS) as pool, threadpool_limits(1, "blas"):
        for number, batch in enumerate(_batches(rows, count, rng)):
            pace = min(1.0, (number + 1) / (RISE * count)) * (1 + math.cos(math.pi * number / count)) / 2
            kept = rng.random((_widest(clues, batch), len(batch)), np.float32) >= CLUE_DROPOUT
            clued = Clued(clues, batch, kept)
            summed = _summed(vectors, clued, pool) / np.float32(1 - CLUE_DROPOUT)
            went = _forward(layers, summed, targets, batch, rng)
            back, gradients = _backward(layers, went)
            _adam(layers, gradients, means, squares, number + 1, LAYER_RATE * pace)
            back *= np.float32(len(batch) / (1 - CLUE_DROPOUT))
            _move_all(vectors, moved, clued, back, np.float32(CLUE_RATE * pace), pool)
    return Trained(vectors, layers)


def _batches(rows: Ints, count: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Yield batches of shuffled rows, going through all of them before any comes again."""
    waiting = rows[:0]
    for _ in range(count):
        while len(waiting) < BATCH:
            waiting = np.concatenate([waiting, rng.permutation(rows)])
        yield waiting[:BATCH]
        waiting = waiting[BATCH:]


def _summed(vectors: Floats, clued: Clued, pool: ThreadPoolExecutor) -> Floats:
    """Return the sum of the clue vectors of each row (B, H)."""
    parts = np.zeros((THREADS, len(clued.rows), UNITS), np.float32)
    jobs = [
        pool.submit(_sum, part, *clued.clues, clued.rows, clued.kept, into)
        for part, into in zip(vectors, parts, strict=True)
    ]
    for job in jobs:
        job.result()
    return np.concatenate(parts, axis=1)


def _move_all(
    vectors: Floats, moved: Floats, clued: Clued, back: Floats, rate: np.float32, pool: ThreadPoolExecutor
) -> None:
    """Move the clue vectors in place."""
    gradients = np.split(back, THREADS, axis=1)
    jobs = [
        pool.submit(
            _move, part, far, *clued.clues, clued.rows, clued.kept, np.ascontiguousarray(gradient), rate
        )
        for part, far, gradient in zip(vectors, moved, gradients, strict=True)
    ]
    for job in jobs:
        job.result()


def _fresh(labels: int, rng: np.random.Generator) -> Layers:
    """Draw the layers a training begins with."""
    zeros = np.zeros(HIDDEN, np.float32)
    middle = rng.standard_normal((HIDDEN, HIDDEN), np.float32) * np.float32(0.5 / math.sqrt(HIDDEN))
    out = rng.standard_normal((HIDDEN, labels + 1), np.float32) / np.float32(math.sqrt(HIDDEN))
    return Layers(zeros, middle, zeros.copy(), out, np.zeros(labels + 1, np.float32))


def _widest(clues: StepClues, batch: Ints) -> int:
    return int((clues.starts[batch + 1] - clues.starts[batch]).max(initial=0))


def _forward(layers: Layers, summed: Floats, targets: Targets, batch: Ints, rng: np.random.Generator) -> Pass:
    """Go from summed clue vectors to the gradient of the loss in the scores."""
    hidden: Floats = summed + layers.bias
    open1: Floats = (hidden > 0) * _dropout(hidden.shape, rng)
    hidden = hidden * open1
    inner: Floats = hidden @ layers.middle + layers.middle_bias
    open2: Floats = (inner > 0) * _dropout(hidden.shape, rng)
    both: Floats = hidden + inner * open2
    scores: Floats = both @ layers.out + layers.out_bias
    error = np.empty_like(scores)
    error[:, :-1] = _softmax(scores[:, :-1])
    error[np.arange(len(batch)), targets.label[batch]] -= 1
    failed = targets.failed[batch]
    missed = _logistic(scores[:, -1]) - failed
    error[:, -1] = np.where(failed >= 0, missed * targets.failed_weight[batch], 0) * np.float32(
        FAILURE_WEIGHT
    )
    error /= np.float32(len(batch))
    return Pass(hidden, open1, both, open2, error)


def _softmax(scores: Floats) -> Floats:
    odds: Floats = np.exp(scores - scores.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def _logistic(scores: Floats) -> Floats:
    chance: Floats = np.tanh(scores / 2)
    chance += 1
    chance /= 2
    return chance


def _dropout(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    kept: Floats = (rng.random(shape, np.float32) >= UNIT_DROPOUT).astype(np.float32)
    kept /= np.float32(1 - UNIT_DROPOUT)
    return kept


def _backward(layers: Layers, went: Pass) -> tuple[Floats, Layers]:
    """Return the gradients in the summed clue vectors and in the layers."""
    back: Floats = went.error @ layers.out.T
    inner: Floats = back * went.open2
    below: Floats = (back + inner @ layers.middle.T) * went.open1
    return below, Layers(
        bias=below.sum(axis=0),
        middle=went.hidden.T @ inner,
        middle_bias=inner.sum(axis=0),
        out=went.both.T @ went.error,
        out_bias=went.error.sum(axis=0),
    )


def _adam(layers: Layers, gradients: Layers, means: Layers, squares: Layers, step: int, rate: float) -> None:
    """Move the layers in place."""
    for layer, gradient, mean, square in zip(layers, gradients, means, squares, strict=True):
        mean += np.float32(0.1) * (gradient - mean)
        square += np.float32(0.001) * (gradient * gradient - square)
        root = np.sqrt(square / np.float32(1 - 0.999**step)) + np.float32(1e-8)
        layer -= np.float32(rate / (1 - 0.9**step)) * mean / root


@compiled
def _sum(
    vectors: Column,
    features: Column,
    weights: Column,
    starts: Column,
    batch: Column,
    kept: Column,
    summed: Column,
) -> None:
    """Add the clue vectors of each row, in the units of one thread."""
    for n in range(len(batch)):
        first = starts[batch[n]]
        for at in range(first, starts[batch[n] + 1]):
            if kept[at - first, n]:
                clue, weight = features[at], weights[at]
                for unit in range(UNITS):
                    summed[n, unit] += weight * vectors[clue, unit]


@compiled
def _move(
    vectors: Column,
    moved: Column,
    features: Column,
    weights: Column,
    starts: Column,
    batch: Column,
    kept: Column,
    gradients: Column,
    rate: np.float32,
) -> None:
    """Move the clue vectors against their gradients, each by how much it has moved before."""
    for n in range(len(batch)):
        length = np.float32(0)
        for unit in range(UNITS):
            length += gradients[n, unit] * gradients[n, unit]
        length /= np.float32(UNITS)
        first = starts[batch[n]]
        for at in range(first, starts[batch[n] + 1]):
            if kept[at - first, n]:
                clue, weight = features[at], weights[at]
                moved[clue] += weight * weight * length
                step = rate * weight / np.sqrt(moved[clue] + np.float32(1e-8))
                for unit in range(UNITS):
                    vectors[clue, unit] -= step * gradients[n, unit]


def finish(members: Sequence[Trained], words: NDArray[np.uint32]) -> Network:
    """Return what a release serves: one network whose scores are the mean of those of its members."""
    layers = [member.layers for member in members]
    size = HIDDEN * len(members)
    middle = np.zeros((size, size), np.float32)
    for number, layer in enumerate(layers):
        own = slice(number * HIDDEN, (number + 1) * HIDDEN)
        middle[own, own] = layer.middle
    parts = [part.astype(np.float16) for member in members for part in member.vectors]
    return Network(
        vectors=np.concatenate(parts, axis=1),
        bias=np.concatenate([layer.bias for layer in layers]),
        middle=middle,
        middle_bias=np.concatenate([layer.middle_bias for layer in layers]),
        out=np.concatenate([layer.out for layer in layers]) / np.float32(len(members)),
        out_bias=np.mean([layer.out_bias for layer in layers], axis=0),
        words=words,
    )


def scores(members: Sequence[Trained], clues: StepClues, rows: Ints) -> tuple[Floats, Floats]:
    """Return scores of labels (R, L), log chances but for a number a row, and chances of failure (R,)."""
    found = np.zeros((len(rows), len(members[0].layers.out_bias)), np.float32)
    with ThreadPoolExecutor(THREADS) as pool:
        for vectors, layers in members:
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                kept = np.ones((_widest(clues, batch), len(batch)), bool)
                hidden = np.maximum(_summed(vectors, Clued(clues, batch, kept), pool) + layers.bias, 0)
                hidden += np.maximum(hidden @ layers.middle + layers.middle_bias, 0)
                found[start : start + BATCH] += hidden @ layers.out + layers.out_bias
    found /= np.float32(len(members))
    return found[:, :-1], _logistic(found[:, -1])
