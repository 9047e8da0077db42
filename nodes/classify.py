"""The local classifying skill: few-shot, on sentence embeddings and words, calibrated, with honest doubt."""

import asyncio
import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from langchain_core.embeddings import Embeddings

from domains.model import Domain
from memory.fewshot import Floats, Head, Matrix, by_intent, fit, guess, head_from, head_parts
from memory.onnx import OnnxEmbedder, embedder_identity
from memory.records import Analysis, Step, parse_step

CLASSIFIER_VERSION = 3
"""Grows when the same examples would give another classifier; the learner then classifies again."""


class LocalClassifier:
    """Names intent and topic by the examples that a text is like."""

    def __init__(self, head: Head, embedder: Embeddings, identity: str) -> None:
        self.identity = identity
        self._head = head
        self._embedder = embedder
        self._steps = [parse_step(label) for label in head.labels]

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        """Return intent and topic of each text; what is unlike all examples gets a low confidence."""
        return await asyncio.to_thread(self._classify, texts)

    def _classify(self, texts: Sequence[str]) -> list[Analysis]:
        unique = list(dict.fromkeys(texts))
        found = guess(self._head, _embed(self._embedder, unique), unique)
        known = {
            text: self._analysis(shares, float(sure), float(outside))
            for text, shares, sure, outside in zip(
                unique, found.shares, found.confidence, found.outside, strict=True
            )
        }
        return [known[text] for text in texts]

    def _analysis(self, shares: Floats, confidence: float, outside: float) -> Analysis:
        """Split the confidence in the intent: the topic gets its part, and the runner-up in proportion."""
        summed = by_intent(shares[None], self._head.intent_of)[0]
        order = np.argsort(-summed, kind="stable")
        best = int(order[0])
        within = np.where(self._head.intent_of == best, shares, 0.0)
        step = self._steps[int(within.argmax())]
        second = float(summed[order[1]]) if len(order) > 1 else 0.0
        return Analysis(
            intent=step.intent,
            intent_confidence=_share(confidence),
            topic=step.topic,
            topic_confidence=_share(confidence * within.max() / summed[best]) if step.topic else 0.0,
            runner_up=self._head.intents[int(order[1])] if len(order) > 1 else None,
            margin=_share(confidence * (1 - second / summed[best])),
            outside=_share(outside),
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
        head = fit_head(examples, embedder)
        _write(file, head)
    return LocalClassifier(head, embedder, identity)


def _digest(examples: list[tuple[str, Step]], embedder: Embeddings) -> str:
    rows = [[text, step.label] for text, step in examples]
    about = [CLASSIFIER_VERSION, embedder_identity(embedder), rows]
    return hashlib.sha256(json.dumps(about, ensure_ascii=False).encode()).hexdigest()


def fit_head(
    examples: Sequence[tuple[str, Step]], embedder: Embeddings, *, certain: Sequence[bool] | None = None
) -> Head:
    """Fit on examples of at least one label, which need not be in order; its name is one more example of it.

    `certain` says whose labels people gave (all of them if left out): how sure to be is learned from these
    alone. Labels that a classifier was sure of are the easy ones, and would teach it too much confidence.
    """
    labels = sorted({step.label for _, step in examples})
    texts = [*(text for text, _ in examples), *map(_spoken, labels)]
    number = {label: n for n, label in enumerate(labels)}
    y = np.array([*(number[step.label] for _, step in examples), *range(len(labels))])
    judged = np.zeros(len(y), bool)
    judged[: len(examples)] = certain if certain is not None and any(certain) else True
    return fit(texts, _embed(embedder, texts), y, labels, judged)


def _spoken(label: str) -> str:
    return label.replace("_", " ").replace("/", " ")


def _share(value: float) -> float:
    """Round to what is worth recording; sums may end a hair above 1."""
    return round(min(1.0, float(value)), 4)


def _embed(embedder: Embeddings, texts: Sequence[str]) -> Matrix:
    if not isinstance(embedder, OnnxEmbedder):
        return np.asarray(embedder.embed_documents(list(texts)), np.float32).reshape(len(texts), -1)
    if len(texts) == 1:
        return np.asarray([embedder.query(texts[0])], np.float32)
    return np.asarray(embedder.embed(texts), np.float32)


def _read(file: Path) -> Head | None:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            return head_from(
                json.loads(str(stored["about"])), {name: stored[name] for name in stored if name != "about"}
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile, zlib.error):  # absent or damaged
        return None


def _write(file: Path, head: Head) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".new.npz")
    about, arrays = head_parts(head)
    np.savez(beside, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)
    beside.replace(file)
