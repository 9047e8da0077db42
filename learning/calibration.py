"""How sure to be: curves from chance to confidence, and figures of how good a model is on steps held out.

A curve starts as the line of Platt, "Probabilistic outputs for support vector machines" (1999), and is then
bent where the steps ask for it: on logs where many steps are certain and many are noise no line is right.
"""

import numpy as np
from numpy.typing import NDArray

from memory.arrays import SUREST, Curve, Risk

CURVES = 3
"""Suggestions that have a calibration of their own; as many as a turn shows."""

PRIOR_STEPS = 5.0
"""Held-out steps that the curve "leave it as it is" counts for; keeps tiny samples from wild curves."""

ROUNDS = 30
"""Newton steps; the curve has two numbers and stands still after about six."""

POINTS = 8
"""Points of a curve at most; between them it is straight."""

FLATTEST = 0.05
"""Smallest slope: a flatter curve would tell every suggestion the same."""

ECE_BINS = 15

RANKS = 10
"""Suggestions that count for the mean reciprocal rank."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def fit_curves(chances: Floats, target: Ints) -> list[Curve]:
    """Fit a curve for the first suggestion, one for the second, and one for the third and all after it.

    `chances` has a row a step with the chance of each label, `target` the number of the one that came.
    """
    best = np.argsort(-chances, axis=1, kind="stable")[:, :CURVES]
    return [
        _fit(chances[np.arange(len(target)), labels], labels == target)
        for labels in np.ascontiguousarray(best.T)
    ]


def fit_risk(learned: Floats, counted: Floats, failed: Ints, weight: Floats) -> Risk:
    """Fit how much network and contexts count for the chance of failure.

    `failed` is -1 where nobody knows how the session ended, `weight` one over the steps of the session.
    """
    known = np.flatnonzero((failed >= 0) & ~np.isnan(counted))
    if not len(known):
        return Risk(network=0.0, contexts=1.0, shift=0.0)
    odds = [_log_odds(learned[known]), _log_odds(counted[known]), np.ones(len(known))]
    start = np.array([0.5, 0.5, 0.0])
    found = _newton(np.stack(odds, axis=1), failed[known] == 1, weight[known], start)
    return Risk(*(round(float(part), 6) for part in found))


def _fit(chance: Floats, hit: NDArray[np.bool_]) -> Curve:
    """Find the line, then the curve near it, that makes the hits likeliest."""
    odds, weight = _log_odds(chance), np.ones(len(chance))
    ends = np.array([-1.0, 1.0])
    line = _newton(_shares(odds, ends), hit, weight, ends)
    points = np.unique(np.quantile(odds, np.linspace(0, 1, POINTS)).round(6)) if len(odds) else ends
    if len(points) < 2:
        points = ends
    found = _newton(_shares(odds, points), hit, weight, _shares(points, ends) @ line)
    rise = np.maximum(np.diff(found), FLATTEST * np.diff(points))
    return Curve(points.tolist(), np.concatenate([found[:1], found[0] + np.cumsum(rise)]).round(6).tolist())


def _shares(odds: Floats, points: Floats) -> Floats:
    """Return how much each of the `points` counts at each of the `odds`, beyond the ends too (N, P)."""
    after = np.clip(np.searchsorted(points, odds), 1, len(points) - 1)
    part = (odds - points[after - 1]) / (points[after] - points[after - 1])
    shares, rows = np.zeros((len(odds), len(points))), np.arange(len(odds))
    shares[rows, after - 1], shares[rows, after] = 1 - part, part
    return shares


def _newton(features: Floats, hit: NDArray[np.bool_], weight: Floats, start: Floats) -> Floats:
    """Minimise the logistic loss by Newton's method, pulled towards where it starts.

    A step that would make the hits less likely is halved until it does not: far from the end it leaps.
    """
    found = start
    for _ in range(ROUNDS):
        expected = _logistic(features @ found)
        gradient = features.T @ (weight * (expected - hit)) + PRIOR_STEPS * (found - start)
        bend = weight * expected * (1 - expected)
        curvature = (features * bend[:, None]).T @ features + PRIOR_STEPS * np.eye(len(start))
        step = np.linalg.solve(curvature, gradient)
        before = _loss(found, start, features, hit, weight)
        while _loss(found - step, start, features, hit, weight) > before and np.abs(step).max() > 1e-9:
            step /= 2
        found = found - step
    return found


def _loss(curve: Floats, start: Floats, features: Floats, hit: NDArray[np.bool_], weight: Floats) -> float:
    """Return the negative log likelihood of the hits, with that of the prior."""
    odds = features @ curve
    pulled = PRIOR_STEPS / 2 * float(((curve - start) ** 2).sum())
    return float(weight @ (np.logaddexp(0, odds) - odds * hit)) + pulled


def _logistic(odds: Floats) -> Floats:
    """Return `1 / (1 + exp(-odds))` without overflow."""
    found: Floats = (1 + np.tanh(odds / 2)) / 2
    return found


def _log_odds(chance: Floats) -> Floats:
    bounded = np.clip(chance, 1 - SUREST, SUREST)
    odds: Floats = np.log(bounded / (1 - bounded))
    return odds


def calibrated(chances: Floats, curves: list[Curve]) -> Floats:
    """Return the confidence of the first suggestion of each row."""
    said, meant = (np.array(part) for part in curves[0])
    return _logistic(_shares(_log_odds(chances.max(axis=1, initial=0)), said) @ meant)


def measure(chances: Floats, target: Ints, confidence: Floats) -> dict[str, float]:
    """Return hit rates, mean reciprocal rank, and the calibration error of the first suggestion."""
    order = np.argsort(-chances, axis=1, kind="stable")
    hits = order == target[:, None]
    ranks = np.where(hits.any(axis=1), hits.argmax(axis=1), RANKS)
    return {
        "prefixes": float(len(target)),
        "hit_rate_at_1": round(float((ranks < 1).mean()), 4),
        "hit_rate_at_3": round(float((ranks < 3).mean()), 4),
        "mrr_at_10": round(float(np.where(ranks < RANKS, 1 / (ranks + 1.0), 0).mean()), 4),
        "ece_at_1": round(calibration_error(confidence, ranks == 0), 4),
    }


def calibration_error(confidence: Floats, hit: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over bins of equal count (0 to 1)."""
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, min(ECE_BINS, len(order)))
    gaps = [abs(confidence[part].mean() - hit[part].mean()) * len(part) for part in bins]
    return float(sum(gaps) / len(order))
