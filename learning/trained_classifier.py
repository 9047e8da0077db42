"""An intent classifier as files, and whether one is better than another."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from domains.model import Domain
from graph.state import Classifier
from learning.calibration import calibration_error
from learning.models import VersionBroken
from learning.training import BY_PEOPLE, Example
from memory.errors import EmbedderMismatch
from memory.fewshot import Head, head_from, head_parts
from memory.onnx import embedder_identity
from memory.records import Analysis, Record, parse_step
from nodes.classify import CLASSIFIER_VERSION, LocalClassifier

MODEL = "model.json"

ROWS_AT_LEAST = 30
"""Texts labelled by people (count) from which two classifiers can be told apart."""


def write_head(folder: Path, head: Head, embedder: Embeddings) -> None:
    """Write what was fitted into a folder: plain JSON, and arrays that can be mapped into memory."""
    plain, arrays = head_parts(head)
    about = {"format": CLASSIFIER_VERSION, "embedder": embedder_identity(embedder)} | plain
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_text(json.dumps(about, ensure_ascii=False, indent=2), encoding="utf-8")
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))


def open_head(folder: Path, embedder: Embeddings) -> Head:
    """Return what was fitted, its arrays mapped from disk.

    Raises:
        VersionBroken: a file is missing or damaged, or of another format.
        EmbedderMismatch: it was fitted on the vectors of another embedder.
    """
    try:
        about = json.loads((folder / MODEL).read_text(encoding="utf-8"))
        if about["format"] != CLASSIFIER_VERSION:
            raise VersionBroken(folder, f"its format is `{about['format']}`, not `{CLASSIFIER_VERSION}`")
        if about["embedder"] != embedder_identity(embedder):
            raise EmbedderMismatch(str(folder), about["embedder"], embedder_identity(embedder))
        arrays = {file.stem: _map(file) for file in sorted(folder.glob("*.npy"))}
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        raise VersionBroken(folder, f"`{MODEL}` or an array is damaged, or missing") from None
    try:
        return head_from(about, arrays)
    except KeyError as missing:
        raise VersionBroken(folder, f"{missing} is missing") from None
    except (TypeError, ValueError):
        raise VersionBroken(folder, "its arrays do not fit together") from None


def _map(file: Path) -> NDArray[Any]:
    array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return array


def open_classifier(folder: Path, embedder: Embeddings, identity: str) -> LocalClassifier:
    """Return the classifier in a folder; raises as `open_head` does."""
    return LocalClassifier(open_head(folder, embedder), embedder, identity)


def fits(head: Head, domain: Domain) -> bool:
    """True when the classifier knows all labels of the domain and no others; else the domain has changed."""
    steps = [parse_step(label) for label in head.labels]
    shown = {step.label for _, step in domain.examples()}
    return shown <= set(head.labels) and all(
        step.intent in domain.intents
        and (step.topic is None or step.topic in domain.intents[step.intent].topics)
        for step in steps
    )


# --- how good -----------------------------------------------------------------------------------------


async def measure_classifier(classifier: Classifier, rows: Sequence[Example]) -> dict[str, float]:
    """Return figures on texts labelled by people, and how often turns keep the label they were trusted with.

    Empty without rows. `brier` is the mean squared gap between the confidence in the intent and whether it
    was right; `ece` the calibration error (both 0 to 1, less is better).
    """
    by_people = [one for one in rows if one.source in BY_PEOPLE]
    turns = [one for one in rows if one.source not in BY_PEOPLE]
    found = _figures(by_people, await classifier.classify([one.text for one in by_people]))
    if turns:
        kept = _right(turns, await classifier.classify([one.text for one in turns]))
        found |= {"turns": float(len(turns)), "turns_kept_label": round(float(kept.mean()), 4)}
    return found


def _figures(rows: Sequence[Example], found: Sequence[Analysis]) -> dict[str, float]:
    if not rows:
        return {}
    confidence = np.array([one.intent_confidence for one in found], float)
    intent = np.array([row.step.intent == one.intent for row, one in zip(rows, found, strict=True)], bool)
    return {
        "texts": float(len(rows)),
        "label_accuracy": round(float(_right(rows, found).mean()), 4),
        "intent_accuracy": round(float(intent.mean()), 4),
        "brier": round(float(((confidence - intent) ** 2).mean()), 4),
        "ece": round(calibration_error(confidence, intent), 4),
    }


def _right(rows: Sequence[Example], found: Sequence[Analysis]) -> NDArray[np.bool_]:
    return np.array([row.step.label == one.step.label for row, one in zip(rows, found, strict=True)], bool)


class Comparison(Record):
    """Whether a classifier may take the place of the one in use."""

    is_better: bool
    reason: str
    candidate: dict[str, float]
    """Figures of `measure_classifier`."""

    live: dict[str, float]
    won: int = 0
    """Texts that only the candidate names right (count)."""

    lost: int = 0
    """Texts that only the one in use names right (count)."""


async def compare(candidate: Classifier, live: Classifier, validation: Sequence[Example]) -> Comparison:
    """Compare on texts that neither was fitted to; better is no figure worse and one better.

    Only texts labelled by people count: labels that the one in use gave itself would always speak for it.
    """
    rows = [one for one in validation if one.source in BY_PEOPLE]
    mine, theirs = await measure_classifier(candidate, validation), await measure_classifier(live, validation)
    if len(rows) < ROWS_AT_LEAST:
        reason = f"{len(rows)} texts labelled by people are too few to tell (at least {ROWS_AT_LEAST})"
        return Comparison(is_better=False, reason=reason, candidate=mine, live=theirs)
    texts = [one.text for one in rows]
    new, old = _right(rows, await candidate.classify(texts)), _right(rows, await live.classify(texts))
    found = compare_figures(mine, theirs, {"label_accuracy": 1, "intent_accuracy": 1, "brier": -1})
    return found.model_copy(update={"won": int((new & ~old).sum()), "lost": int((old & ~new).sum())})


def compare_figures(
    candidate: dict[str, float], live: dict[str, float], signs: Mapping[str, int]
) -> Comparison:
    """Compare by the figures in `signs`: 1 where more is better, -1 where less is.

    Without figures of one in use whatever was measured is better; what was not measured never is.
    """
    if not all(name in candidate for name in signs):
        return Comparison(is_better=False, reason="it was not measured", candidate=candidate, live=live)
    if not live:
        return Comparison(is_better=True, reason="it is the first", candidate=candidate, live=live)
    gains = {name: sign * (candidate[name] - live[name]) for name, sign in signs.items()}
    worse = [f"`{name}` is worse" for name, gain in gains.items() if gain < 0]
    better = [f"`{name}` is better" for name, gain in gains.items() if gain > 0]
    reason = "; ".join(worse or better) or "no figure differs"
    return Comparison(is_better=bool(better) and not worse, reason=reason, candidate=candidate, live=live)
