"""Fit the weights of `memory/support.py` on claims with evidence.

python -m benchmarks.train_support --data FILE.jsonl.gz [--check FILE.jsonl.gz] [--write]

Rows have `claim`, `evidence` (sentences) and `supported` (1 or 0). Prints the AUROC of cross-validation
over `--data`, grouped by evidence, and that on every `--check`, which is never fitted on. `--write` stores
the weights. Those in the repository are fitted on the training claims of SciFact alone.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import read_rows
from memory.support import WEIGHTS, features

RIDGE = 10.0
"""Strength of the penalty on standardised weights; 1 to 300 differ by less than 0.01 in AUROC."""

FOLDS = 10
SURE = 0.8
"""Share of held-out claims above `pass_from` that must be supported, and below `fail_below` must not be."""

STEPS = 30
FEWEST = 30
"""Claims (count) beyond a threshold that make its share worth reading."""

Floats = NDArray[np.float64]
Model = tuple[Floats, Floats, Floats]
"""Means, scales, and weights with the bias last."""


def fit(rows: Floats, truth: Floats) -> Model:
    """Fit a ridge logistic regression by Newton's method."""
    means, scales = rows.mean(0), rows.std(0) + 1e-9
    given = np.c_[(rows - means) / scales, np.ones(len(rows))]
    penalty = np.diag([RIDGE] * rows.shape[1] + [0.0])
    weights = np.zeros(given.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-given @ weights))
        curve = (given * (chance * (1 - chance))[:, None]).T @ given + penalty
        weights = weights - np.linalg.solve(curve, given.T @ (chance - truth) + penalty @ weights)
    return means, scales, weights


def predict(model: Model, rows: Floats) -> Floats:
    """Return the probability of each row."""
    means, scales, weights = model
    chance: Floats = 1 / (1 + np.exp(-np.c_[(rows - means) / scales, np.ones(len(rows))] @ weights))
    return chance


def auroc(scores: Floats, truth: Floats) -> float:
    """Return the chance that a supported claim scores above one that is not; ties count half."""
    above = scores[truth == 1][:, None] - scores[truth == 0][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def held_out(rows: Floats, truth: Floats, folds: NDArray[np.int64]) -> Floats:
    """Return the probability of each row by a model that has not seen its fold."""
    scores = np.zeros(len(truth))
    for fold in range(FOLDS):
        scores[folds == fold] = predict(fit(rows[folds != fold], truth[folds != fold]), rows[folds == fold])
    return scores


def thresholds(scores: Floats, truth: Floats) -> tuple[float, float]:
    """Return the lowest score that passes and the highest below which a claim fails."""
    steps = np.round(np.arange(0.01, 1, 0.01), 2)
    passing = [s for s in steps if (scores >= s).sum() >= FEWEST and truth[scores >= s].mean() >= SURE]
    failing = [s for s in steps if (scores < s).sum() >= FEWEST and truth[scores < s].mean() <= 1 - SURE]
    return float(min(passing, default=1.0)), float(max(failing, default=0.0))


def load(path: Path) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return features, truth and fold of each row; claims of the same evidence share a fold."""
    rows: list[dict[str, Any]] = list(read_rows(path))
    given = np.array([features(row["claim"], row["evidence"]) for row in rows])
    digests = [hashlib.sha256(" ".join(row["evidence"]).encode()).digest()[0] % FOLDS for row in rows]
    return given, np.array([float(row["supported"]) for row in rows]), np.array(digests)


def main() -> None:
    """Fit, say how well, and store the weights when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--check", type=Path, action="append", default=[])
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    rows, truth, folds = load(asked.data)
    scores = held_out(rows, truth, folds)
    means, scales, weights = model = fit(rows, truth)
    pass_from, fail_below = thresholds(scores, truth)
    print(json.dumps({"rows": len(truth), "auroc_cross_validated": round(auroc(scores, truth), 4)}))
    for path in asked.check:
        given, known, _ = load(path)
        print(
            json.dumps({"checked": path.parent.name, "auroc": round(auroc(predict(model, given), known), 4)})
        )
    fitted = {
        "means": np.round(means, 6).tolist(),
        "scales": np.round(scales, 6).tolist(),
        "weights": np.round(weights[:-1], 6).tolist(),
        "bias": round(float(weights[-1]), 6),
        "pass_from": pass_from,
        "fail_below": fail_below,
    }
    if asked.write:
        WEIGHTS.write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
