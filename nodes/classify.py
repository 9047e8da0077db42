"""The local classifying skill: logistic regression on sentence embeddings, calibrated, with honest doubt."""

import asyncio
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from domains.model import Domain
from memory.onnx import OnnxEmbedder, embedder_identity
from memory.records import Analysis, Step, parse_step

CLASSIFIER_VERSION = 1
"""Grows when the same examples would give another classifier; the learner then classifies again."""

FOLDS, FOLDS_OF_MANY, MANY = 5, 2, 1_000
"""Folds of the cross-validation that calibrates; two are enough from `MANY` examples on."""

RIDGE = 1e-4
"""Weight of the squared length of the coefficients, against the mean loss of an example.

Of 3e-5 to 3e-3 it did best on ten examples an intent (validation: CLINC150 0.895, BANKING77 0.857).
"""

STEPS = 150
TEMPERATURES = np.geomspace(0.05, 2.0, 40)
DOUBT_QUANTILE = 0.05
"""Share of the domain's own examples that may fall below the score from which a text counts as foreign."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """What was fitted; all of it plain numbers."""

    labels: list[str]
    mean: Matrix
    weights: Matrix
    """Shape (dimension + 1, labels); the last row is the intercept."""

    temperature: float
    foreign_below: float
    """Largest logit (at the temperature) below which a text is unlike any example."""


class LocalClassifier:
    """Names intent and topic by the nearest kinds of example."""

    def __init__(self, head: Head, embedder: Embeddings, identity: str) -> None:
        self.identity = identity
        self._head = head
        self._embedder = embedder
        steps = [parse_step(label) for label in head.labels]
        self._intents = sorted({step.intent for step in steps})
        self._steps = steps
        self._intent_of = np.array([self._intents.index(step.intent) for step in steps])

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        """Return intent and topic of each text; what is unlike all examples gets a low confidence."""
        return await asyncio.to_thread(self._classify, texts)

    def _classify(self, texts: Sequence[str]) -> list[Analysis]:
        unique = list(dict.fromkeys(texts))
        logits = _logits(self._head, _embed(self._embedder, unique))
        known = {text: self._analysis(row) for text, row in zip(unique, logits, strict=True)}
        return [known[text] for text in texts]

    def _analysis(self, logits: Matrix) -> Analysis:
        """Sum the labels' probabilities by intent; damp them as far as the text is unlike all examples."""
        p = _softmax(logits)
        doubt = float(np.exp(min(0.0, float(logits.max()) - self._head.foreign_below)))
        by_intent = np.bincount(self._intent_of, p, minlength=len(self._intents))
        order = np.argsort(-by_intent, kind="stable")
        best = int(order[0])
        within = np.where(self._intent_of == best, p, 0.0)
        step = self._steps[int(within.argmax())]
        second = by_intent[order[1]] if len(order) > 1 else 0.0
        return Analysis(
            intent=step.intent,
            intent_confidence=round(float(by_intent[best]) * doubt, 4),
            topic=step.topic,
            topic_confidence=round(float(within.max() / by_intent[best]) * doubt, 4) if step.topic else 0.0,
            runner_up=self._intents[int(order[1])] if len(order) > 1 else None,
            margin=round(float(by_intent[best] - second), 4),
        )


def fit_classifier(domain: Domain, embedder: Embeddings, cache: Path) -> LocalClassifier:
    """Fit on the domain's examples, or read what was fitted on the same ones before.

    `cache` is a folder; the file in it is named by a digest of examples, embedder and version.
    """
    examples = domain.examples()
    digest = _digest(examples, embedder)
    identity = f"local:{embedder_identity(embedder)}:{digest[:12]}"
    file = cache / f"classifier-{digest[:24]}.npz"
    head = _read(file)
    if head is None:
        head = _fit(examples, embedder)
        _write(file, head)
    return LocalClassifier(head, embedder, identity)


def _digest(examples: list[tuple[str, Step]], embedder: Embeddings) -> str:
    rows = [[text, step.label] for text, step in examples]
    about = [CLASSIFIER_VERSION, embedder_identity(embedder), rows]
    return hashlib.sha256(json.dumps(about, ensure_ascii=False).encode()).hexdigest()


def _fit(examples: list[tuple[str, Step]], embedder: Embeddings) -> Head:
    labels = sorted({step.label for _, step in examples})
    number = {label: n for n, label in enumerate(labels)}
    y = np.array([number[step.label] for _, step in examples])
    x = _embed(embedder, [text for text, _ in examples])
    mean = x.mean(axis=0)
    held_out = _held_out_logits(x, y, len(labels))
    temperature = _temperature(held_out, y)
    return Head(
        labels=labels,
        mean=mean,
        weights=_regress(_with_one(x - mean), y, len(labels)),
        temperature=temperature,
        foreign_below=float(np.quantile(held_out.max(axis=1) / temperature, DOUBT_QUANTILE)),
    )


def _held_out_logits(x: Matrix, y: NDArray[np.int64], classes: int) -> Matrix:
    """Return the logits of each example from a fit without it; folds take turns within each class."""
    place = np.zeros(len(y), int)
    folds = FOLDS if len(y) < MANY else FOLDS_OF_MANY
    for label in range(classes):
        members = np.flatnonzero(y == label)
        place[members] = np.arange(len(members)) % folds
    logits = np.zeros((len(y), classes), np.float32)
    for fold in range(folds):
        out, rest = place == fold, place != fold
        if not out.any() or not rest.any():
            continue
        mean = x[rest].mean(axis=0)
        weights = _regress(_with_one(x[rest] - mean), y[rest], classes)
        logits[out] = _with_one(x[out] - mean) @ weights
    return logits


def _regress(x: Matrix, y: NDArray[np.int64], classes: int) -> Matrix:
    """Minimise the ridge-penalised cross entropy (convex) by Nesterov's accelerated gradient."""
    n = len(y)
    target = np.zeros((n, classes), np.float32)
    target[np.arange(n), y] = 1
    penalty = np.full((x.shape[1], 1), RIDGE, np.float32)
    penalty[-1] = 0
    step = np.float32(1 / (0.5 * np.linalg.norm(x, 2) ** 2 / n + RIDGE))
    weights: Matrix = np.zeros((x.shape[1], classes), np.float32)
    ahead = weights
    for t in range(1, STEPS + 1):
        gradient: Matrix = x.T @ (_softmax(x @ ahead) - target) / n + penalty * ahead
        moved: Matrix = ahead - step * gradient
        ahead = (moved + np.float32((t - 1) / (t + 2)) * (moved - weights)).astype(np.float32)
        weights = moved
    return weights


def _temperature(logits: Matrix, y: NDArray[np.int64]) -> float:
    """Return the temperature with the least negative log likelihood on held-out logits."""

    def loss(temperature: float) -> float:
        p = _softmax(logits / temperature)[np.arange(len(y)), y]
        return float(-np.log(np.maximum(p, 1e-12)).mean())

    return float(min(TEMPERATURES, key=loss))


def _logits(head: Head, x: Matrix) -> Matrix:
    return _with_one(x - head.mean) @ head.weights / head.temperature


def _with_one(x: Matrix) -> Matrix:
    return np.hstack([x, np.ones((len(x), 1), np.float32)])


def _softmax(logits: Matrix) -> Matrix:
    exponent = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probability: Matrix = exponent / exponent.sum(axis=-1, keepdims=True)
    return probability


def _embed(embedder: Embeddings, texts: Sequence[str]) -> Matrix:
    if not isinstance(embedder, OnnxEmbedder):
        return np.asarray(embedder.embed_documents(list(texts)), np.float32)
    if len(texts) == 1:
        return np.asarray([embedder.query(texts[0])], np.float32)
    return np.asarray(embedder.embed(texts), np.float32)


def _read(file: Path) -> Head | None:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            return Head(
                labels=json.loads(str(stored["labels"])),
                mean=stored["mean"],
                weights=stored["weights"],
                temperature=float(stored["temperature"]),
                foreign_below=float(stored["foreign_below"]),
            )
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error):  # not there, or damaged
        return None


def _write(file: Path, head: Head) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new.npz")
    np.savez(
        beside,
        labels=np.array(json.dumps(head.labels)),
        mean=head.mean,
        weights=head.weights,
        temperature=head.temperature,
        foreign_below=head.foreign_below,
    )
    beside.replace(file)
