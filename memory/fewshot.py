"""Few-shot text classification: a Gaussian process on sentence vectors and n-grams, calibrated on itself.

Least squares on one-hot labels under the sum of two kernels has a closed form, and so has what it would have
said of each example had it not seen it. How sure to be, and what is foreign, is learned from that.
Sources: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), 6.5 and 8.3 (subset of
regressors), 5.4.2 (leave-one-out); Platt (1999); Liu et al., "Energy-based out-of-distribution detection"
(2020).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.grams import Grams, index_grams, likeness
from memory.records import parse_step

SHARPNESS, GRAM_SHARE, NOISE = 2.0, 0.1, 0.1
"""Kernel `exp(SHARPNESS (cosine - 1)) + GRAM_SHARE likeness`, and the variance of the labels' noise.

Accuracy is flat around them (sharpness 2 to 4, share 0.05 to 0.2, noise 0.03 to 0.3: within 0.4 points) on
CLINC150 and BANKING77 with two embedders, so a domain need not tune them.
"""

LANDMARKS = 2048
"""Most examples that texts are compared with; beyond, they are drawn evenly from all labels."""

TEMPERATURES = np.geomspace(0.01, 2.0, 60)

STRANGE, USUAL, STEEPNESS = 0.02, 0.5, 8.0
"""How near a text must be to the nearest kind of example, as shares of the domain's own examples.

At the nearness that only the share `STRANGE` stays below, half of the confidence is left, at that of the
share `USUAL` nearly all.
"""

GROUPS = 5
"""Parts of the labels; each is taken for foreign in turn, to learn what foreign texts look like."""

OUTSIDE = 0.2
"""Share of messages assumed to be none of the domain's intents."""

PRIOR = 2.0
"""Examples that speak for leaving a confidence as it is; keeps tiny domains from wild curves."""

NEWTON_STEPS, TINY = 30, 1e-9

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Head:
    """What was fitted; all of it plain numbers."""

    labels: list[str]
    mean: Matrix
    points: Matrix
    """Landmarks, centred and of unit length; shape (landmarks, dimension)."""

    weights: Matrix
    """Shape (landmarks, labels)."""

    centres: Matrix
    """Mean direction of each label's examples, of unit length; shape (labels, dimension)."""

    grams: Grams
    """N-grams of the landmarks."""

    temperature: float
    strange: float
    """Cosine to the nearest centre at which a text counts half."""

    usual: float
    """Cosine at which it counts in full."""

    sure: tuple[float, float] = (1.0, 0.0)
    """Slope and shift from the log odds of a share to those of a confidence."""

    outside: tuple[float, float, float] = (0.0, 0.0, -50.0)
    """Log odds of being none of the labels: what energy and nearness count for, and shift."""

    @cached_property
    def intents(self) -> list[str]:
        """Return the intents of the labels, in order."""
        return list(dict.fromkeys(parse_step(label).intent for label in self.labels))

    @cached_property
    def intent_of(self) -> Ints:
        """Return the number of each label's intent."""
        return _numbered(self.labels)


ARRAYS = ("mean", "points", "weights", "centres")


def head_parts(head: Head) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what fits into JSON, and the arrays by name; `head_from` puts them together again."""
    about = {
        name: getattr(head, name) for name in ("labels", "temperature", "strange", "usual", "sure", "outside")
    }
    arrays = {name: getattr(head, name) for name in ARRAYS}
    return about, arrays | {f"grams_{name}": array for name, array in head.grams._asdict().items()}


def head_from(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Head:
    """Return the head of which these are the parts.

    Raises:
        KeyError: a part is missing.
        ValueError: the parts do not fit together.
    """
    grams = Grams(**{name: arrays[f"grams_{name}"] for name in Grams._fields})
    head = Head(
        labels=about["labels"],
        **{name: arrays[name] for name in ARRAYS},
        grams=grams,
        temperature=about["temperature"],
        strange=about["strange"],
        usual=about["usual"],
        sure=tuple(about["sure"]),
        outside=tuple(about["outside"]),
    )
    landmarks, dimension = head.points.shape
    fitting = (
        head.mean.shape == (dimension,)
        and head.weights.shape == (landmarks, len(head.labels))
        and head.centres.shape == (len(head.labels), dimension)
        and grams.starts.shape == (len(grams.keys) + 1,)
        and int(grams.starts[-1]) == len(grams.rows) == len(grams.shares)
    )
    if not fitting:
        raise ValueError("the arrays do not fit together")
    return head


@dataclass(frozen=True)
class Guesses:
    """What is said of some texts."""

    shares: Floats
    """Probability of each label if the text is of the domain; shape (texts, labels)."""

    confidence: Floats
    """Calibrated probability that the most likely intent is right."""

    outside: Floats
    """Probability that the text is none of the labels."""


def _numbered(labels: Sequence[str]) -> Ints:
    """Return the number of each label's intent; labels are sorted, so the numbers ascend."""
    found = [parse_step(label).intent for label in labels]
    number = {intent: n for n, intent in enumerate(dict.fromkeys(found))}
    return np.array([number[intent] for intent in found])


def by_intent(shares: Floats, intent_of: Ints) -> Floats:
    """Sum the labels' shares by intent; labels are sorted, so those of an intent stand together."""
    summed: Floats = np.add.reduceat(shares, np.searchsorted(intent_of, np.arange(intent_of[-1] + 1)), axis=1)
    return summed


def guess(head: Head, vectors: Matrix, texts: Sequence[str]) -> Guesses:
    """Say what each text is; `vectors` are its unit vectors, shape (texts, dimension)."""
    kernel = _kernel(head.points, head.grams, _unit(vectors - head.mean), texts)
    scores = (kernel @ head.weights).astype(np.float64)
    nearness = (vectors @ head.centres.T).max(axis=1, initial=-1.0)
    shares = _softmax(scores / head.temperature)
    best = by_intent(shares, head.intent_of).max(axis=1, initial=0.0)
    belonging = _belonging(nearness, head.strange, head.usual)
    slope, shift = head.sure
    confidence = _chance(slope * _log_odds(best) + shift + np.log(belonging))
    confidence = np.minimum(confidence, 2 * belonging)  # examples that are all easy teach too much trust
    known = 1 - _chance(_evidence(scores, nearness, head.temperature) @ np.array(head.outside))
    return Guesses(shares, confidence, 1 - known * belonging)


# --- fitting ----------------------------------------------------------------------------------------


def fit(texts: Sequence[str], vectors: Matrix, y: Ints, labels: list[str], judged: NDArray[np.bool_]) -> Head:
    """Fit on examples whose label is `labels[y]`; how sure to be is learned from the `judged` ones alone."""
    mean = vectors.mean(axis=0)
    centred = _unit(vectors - mean)
    chosen = _landmarks(y, len(labels))
    grams = index_grams([texts[n] for n in chosen])
    kernel = _kernel(centred[chosen], grams, centred, texts).astype(np.float64)
    root = np.linalg.cholesky(kernel[chosen] + 1e-6 * np.eye(len(chosen)))
    features = np.linalg.solve(root, kernel.T).T
    solved, scores = _leave_one_out(features, _targets(y, len(labels)))
    nearness = _own_nearness(vectors, y, len(labels))
    temperature = _temperature(scores[judged], y[judged])
    strange, usual = (float(edge) for edge in np.quantile(nearness[judged], [STRANGE, USUAL]))
    own = _softmax(scores[judged] / temperature)
    return Head(
        labels=labels,
        mean=mean,
        points=centred[chosen],
        weights=np.linalg.solve(root.T, solved).astype(np.float32),
        centres=_centres(vectors, y, len(labels)),
        grams=grams,
        temperature=temperature,
        strange=strange,
        usual=usual,
        sure=_sure(own, y[judged], labels, _belonging(nearness[judged], strange, usual)),
        outside=_outside(features, vectors, y, judged, _evidence(scores, nearness, temperature), temperature),
    )


def _landmarks(y: Ints, classes: int) -> Ints:
    """Return which examples texts are compared with: all, or evenly many of each label."""
    if len(y) <= LANDMARKS:
        return np.arange(len(y))
    turn = np.zeros(len(y), int)
    for label in range(classes):
        members = np.flatnonzero(y == label)
        turn[members] = np.arange(len(members))
    return np.sort(np.lexsort((np.arange(len(y)), turn))[:LANDMARKS])


def _leave_one_out(features: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Return the ridge coefficients, and the scores of each example from a fit without it."""
    inverse = np.linalg.inv(features.T @ features + NOISE * np.eye(features.shape[1]))
    solved = inverse @ (features.T @ targets)
    leverage = np.einsum("ij,ij->i", features @ inverse, features)[:, None]
    without: Floats = (features @ solved - leverage * targets) / np.maximum(1 - leverage, 1e-9)
    return solved, without


def _targets(y: Ints, classes: int) -> Floats:
    targets: Floats = np.eye(classes)[y] - 1 / classes
    return targets


def _temperature(scores: Floats, y: Ints) -> float:
    """Return the temperature with the least negative log likelihood on held-out scores."""

    def loss(temperature: float) -> float:
        p = _softmax(scores / temperature)[np.arange(len(y)), y]
        return float(-np.log(np.maximum(p, 1e-12)).mean())

    return float(min(TEMPERATURES, key=loss))


def _sure(shares: Floats, y: Ints, labels: list[str], belonging: Floats) -> tuple[float, float]:
    """Learn how often the best intent is right, by its share, from examples that were left out."""
    intent_of = _numbered(labels)
    summed = by_intent(shares, intent_of)
    right = summed.argmax(axis=1) == intent_of[y]
    odds = np.column_stack([_log_odds(summed.max(axis=1)), np.ones(len(right))])
    slope, shift = _newton(odds, right, start=np.array([1.0, 0.0]), offset=np.log(belonging))
    return max(float(slope), 0.05), float(shift)


def _outside(
    features: Floats,
    vectors: Matrix,
    y: Ints,
    judged: NDArray[np.bool_],
    inside: Floats,
    temperature: float,
) -> tuple[float, float, float]:
    """Learn what foreign texts look like from labels that are left out whole; nothing with too few."""
    classes = int(y.max()) + 1
    if classes < GROUPS:
        return 0.0, 0.0, -50.0
    group = np.random.default_rng(0).permutation(classes) % GROUPS
    foreign = np.zeros_like(inside)
    for turn in range(GROUPS):
        out = group[y] == turn
        kept, left = np.unique(y[~out], return_inverse=True)
        known = features[~out]
        system = known.T @ known + NOISE * np.eye(known.shape[1])
        scores = features[out] @ np.linalg.solve(system, known.T @ _targets(left, len(kept)))
        nearness = (vectors[out] @ _centres(vectors[~out], left, len(kept)).T).max(axis=1)
        foreign[out] = _evidence(scores, nearness, temperature)
    rows = np.vstack([inside[judged], foreign[judged]])
    is_foreign = np.arange(len(rows)) >= judged.sum()
    weight = np.where(is_foreign, OUTSIDE, 1 - OUTSIDE) * 2
    energy, near, shift = _newton(rows, is_foreign, start=np.zeros(3), weight=weight)
    return float(energy), float(near), float(shift)


def _own_nearness(vectors: Matrix, y: Ints, classes: int) -> Floats:
    """Return the cosine of each example to the nearest centre, its own computed without it."""
    total = np.zeros((classes, vectors.shape[1]), np.float64)
    np.add.at(total, y, vectors)
    near = vectors @ _unit(total).T
    near[np.arange(len(y)), y] = np.einsum("ij,ij->i", vectors, _unit(total[y] - vectors))
    nearest: Floats = near.max(axis=1)
    return nearest


def _centres(vectors: Matrix, y: Ints, classes: int) -> Matrix:
    total = np.zeros((classes, vectors.shape[1]), np.float64)
    np.add.at(total, y, vectors)
    return _unit(total).astype(np.float32)


# --- numbers ----------------------------------------------------------------------------------------


def _kernel(points: Matrix, grams: Grams, centred: Matrix, texts: Sequence[str]) -> NDArray[Any]:
    """Compare texts with landmarks; shape (texts, landmarks)."""
    # for a single text BLAS takes longer to wake its threads on a busy machine than to multiply
    cosine = np.einsum("ij,kj->ik", centred, points) if len(centred) == 1 else centred @ points.T
    near = np.exp(SHARPNESS * (cosine - 1))
    compared: NDArray[Any] = near + GRAM_SHARE * likeness(grams, texts, len(points))
    return compared


def _evidence(scores: Floats, nearness: Floats, temperature: float) -> Floats:
    """Return what tells foreign texts: energy, nearness and 1; shape (texts, 3)."""
    scaled = scores / temperature
    most = scaled.max(axis=1, keepdims=True)
    energy = temperature * (np.log(np.exp(scaled - most).sum(axis=1)) + most[:, 0])
    return np.column_stack([energy, nearness, np.ones(len(scores))])


def _belonging(nearness: Floats, strange: float, usual: float) -> Floats:
    """Return how far texts are of the domain's kind (0 to 1), by their nearest centre."""
    return _chance((nearness - strange) * STEEPNESS / max(usual - strange, 1e-6))


def _newton(
    x: Floats,
    target: NDArray[np.bool_],
    *,
    start: Floats,
    weight: Floats | float = 1.0,
    offset: Floats | float = 0.0,
) -> Floats:
    """Fit a logistic regression by Newton's method, drawn to `start` with the weight of `PRIOR` examples."""

    def loss(at: Floats) -> float:
        odds = np.where(target, 1, -1) * (x @ at + offset)
        return float((weight * np.logaddexp(0, -odds)).sum() + PRIOR / 2 * ((at - start) ** 2).sum())

    found, least = start, loss(start)
    for _ in range(NEWTON_STEPS):
        p = _chance(x @ found + offset)
        gradient = x.T @ (weight * (p - target)) + PRIOR * (found - start)
        curvature = x.T @ (x * (weight * p * (1 - p))[:, None]) + PRIOR * np.eye(len(start))
        step = np.linalg.solve(curvature, gradient)
        while (reached := loss(found - step)) > least and np.abs(step).max() > TINY:
            step = step / 2
        if np.abs(step).max() <= TINY:
            break
        found, least = found - step, reached
    return found


def _chance(log_odds: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -50, 50)))
    return chance


def _log_odds(chance: Floats) -> Floats:
    kept = np.clip(chance, 1e-9, 1 - 1e-6)
    odds: Floats = np.log(kept / (1 - kept))
    return odds


def _softmax(scores: Floats) -> Floats:
    exponent = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probability: Floats = exponent / exponent.sum(axis=-1, keepdims=True)
    return probability


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    unit: NDArray[Any] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
