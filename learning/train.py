"""Trains a model from a folder of training data into another folder: the whole of a training job.

The same on a laptop, in a subprocess and in SageMaker; `agent.train` reads what the platform says.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
from langchain_core.embeddings import Embeddings

from learning.datasets import TrainingDataBroken, read_about, read_split
from learning.models import METRICS
from learning.next_step import Fitted, fit
from learning.session_data import SESSIONS, read_sessions
from learning.sessions import Sessions
from learning.trained_classifier import measure_classifier, write_head
from learning.training import BY_PEOPLE, EXAMPLES, read_examples
from memory.ports import PatternIndex
from nodes.classify import LocalClassifier, fit_head

SUGGESTED = 3
"""Suggestions that a turn shows."""

MEASURED_STEPS = 2_000
"""Steps of the validation split that are predicted (count, up to twice as many)."""

Save = Callable[[Fitted, str, Path], PatternIndex]
"""Writes a model of a domain as the files of a folder, which need not be there yet, and opens them."""


async def train_classifier(data: Path, into: Path, embedder: Embeddings) -> dict[str, float]:
    """Fit the intent classifier on the train split and return its figures on the validation split.

    Raises:
        TrainingDataBroken: `data` holds no examples to fit to.
    """
    read_about(data, "intent-classifier")
    train = read_examples(read_split(data, "train", EXAMPLES))
    validation = read_examples(read_split(data, "validation", EXAMPLES))
    if not train:
        raise TrainingDataBroken(data, "the train split is empty")
    certain = [one.source in BY_PEOPLE for one in train]
    head = await asyncio.to_thread(
        fit_head, [(one.text, one.step) for one in train], embedder, certain=certain
    )
    metrics = await measure_classifier(LocalClassifier(head, embedder, "candidate"), validation)
    metrics |= {"train_texts": float(len(train)), "labels": float(len(head.labels))}
    write_head(into, head, embedder)
    _write_metrics(into, metrics)
    return metrics


async def train_patterns(data: Path, into: Path, save: Save) -> dict[str, float]:
    """Fit the next-step model on the train split and return its figures on the validation split.

    Raises:
        TrainingDataBroken: `data` holds no sessions to fit to.
    """
    domain = read_about(data, "pattern-recognition").domain
    train = read_sessions(read_split(data, "train", SESSIONS))
    validation = read_sessions(read_split(data, "validation", SESSIONS))
    if not len(train.steps):
        raise TrainingDataBroken(data, "the train split is empty")
    fitted = await asyncio.to_thread(fit, train, domain)
    with tempfile.TemporaryDirectory() as parent:
        index = save(fitted, domain, Path(parent) / "model")
        metrics = await measure_patterns(index, validation)
        metrics |= {"train_sessions": float(len(train)), "labels": float(len(fitted.model.labels))}
        shutil.copytree(Path(parent) / "model", into, dirs_exist_ok=True)
    _write_metrics(into, metrics)
    return metrics


async def measure_patterns(index: PatternIndex, sessions: Sessions) -> dict[str, float]:
    """Return how often the next step was among the suggestions, over all prefixes or evenly drawn ones."""
    places = [
        (n, place)
        for n in range(len(sessions))
        for place in range(int(sessions.offsets[n]) + 1, int(sessions.offsets[n + 1]))
    ]
    asked = places[:: max(1, len(places) // MEASURED_STEPS)]
    ranks = []
    for n, place in asked:
        flow = [sessions.labels[step] for step in sessions.steps[int(sessions.offsets[n]) : place]]
        found = await index.match(flow, user=sessions.user_keys[sessions.users[n]], k=SUGGESTED)
        labels = [one.label for one in found.suggestions]
        wanted = sessions.labels[sessions.steps[place]]
        ranks.append(labels.index(wanted) + 1 if wanted in labels else np.inf)
    if not ranks:
        return {}
    rank = np.array(ranks)
    return {
        "steps": float(len(rank)),
        "hit_rate_at_1": round(float((rank <= 1).mean()), 4),
        "hit_rate_at_3": round(float((rank <= SUGGESTED).mean()), 4),
        "mrr_at_3": round(float((1 / rank).mean()), 4),
    }


def _write_metrics(into: Path, metrics: dict[str, float]) -> None:
    (into / METRICS).write_bytes(orjson.dumps(metrics, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
