"""Classifiers as files, how good they are, and whether one may take the place of another."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from learning.datasets import write_data
from learning.models import VersionBroken
from learning.train import train_classifier
from learning.trained_classifier import (
    ROWS_AT_LEAST,
    compare,
    fits,
    measure_classifier,
    open_classifier,
    open_head,
    write_head,
)
from learning.training import Example, Source, example_tables
from memory.errors import EmbedderMismatch
from memory.fewshot import Head
from memory.records import Analysis, Step, parse_step
from nodes.classify import fit_head
from tests.turns import DOMAIN

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Words(Embeddings):
    """Texts with words in common lie near each other."""

    identity = "words:1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = np.zeros(64)
        for word in text.lower().split():
            vector[sum(map(ord, word)) % 64] += 1
        return list(vector / max(np.linalg.norm(vector), 1e-9))


class Fixed:
    """Names texts as it is told, always as sure."""

    identity = "fixed:1"

    def __init__(self, labels: dict[str, str], confidence: float = 0.9) -> None:
        self._labels = labels
        self._confidence = confidence

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        steps = [parse_step(self._labels[text]) for text in texts]
        return [
            Analysis(intent=step.intent, intent_confidence=self._confidence, topic=step.topic)
            for step in steps
        ]


PROCEDURE, TROUBLE = "procedure/seal", "troubleshooting/seal"
LEAKS = [f"it leaks at place {n}" for n in range(9)]
CHANGES = [f"how to change part {n}" for n in range(9)]
EXAMPLES = [(text, parse_step(TROUBLE)) for text in LEAKS] + [(t, parse_step(PROCEDURE)) for t in CHANGES]


def head() -> Head:
    return fit_head(EXAMPLES, Words())


def rows(right: int, *, source: Source = "scenario") -> list[Example]:
    return [Example(f"text {n}", Step(intent="procedure", topic="seal"), source, 1.0) for n in range(right)]


# --- files -----------------------------------------------------------------------------------------


async def test_a_classifier_comes_back_from_its_files(tmp_path: Path) -> None:
    write_head(tmp_path, head(), Words())

    opened = open_classifier(tmp_path, Words(), "trained:1")

    found = await opened.classify(["it leaks at home", "how to change my part"])
    assert opened.identity == "trained:1"
    assert [one.step.label for one in found] == [TROUBLE, PROCEDURE]
    assert isinstance(open_head(tmp_path, Words()).weights, np.memmap)


@pytest.mark.parametrize("file", ["model.json", "weights.npy"])
def test_damaged_files_are_refused(tmp_path: Path, file: str) -> None:
    write_head(tmp_path, head(), Words())
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:40])

    with pytest.raises(VersionBroken):
        open_head(tmp_path, Words())


def test_arrays_of_another_model_are_refused(tmp_path: Path) -> None:
    write_head(tmp_path, head(), Words())
    np.save(tmp_path / "weights.npy", np.zeros((65, 3), np.float32))

    with pytest.raises(VersionBroken, match="do not fit"):
        open_head(tmp_path, Words())


def test_another_format_is_refused(tmp_path: Path) -> None:
    write_head(tmp_path, head(), Words())
    about = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(about | {"format": 99}))

    with pytest.raises(VersionBroken, match="`99`"):
        open_head(tmp_path, Words())


def test_vectors_of_another_embedder_are_refused(tmp_path: Path) -> None:
    write_head(tmp_path, head(), Words())
    other = Words()
    other.identity = "words:2"

    with pytest.raises(EmbedderMismatch):
        open_head(tmp_path, other)


def test_a_changed_domain_wants_a_new_classifier() -> None:
    trained = fit_head(DOMAIN.examples(), Words())
    specs = DOMAIN.intents
    more = specs["procedure"].model_copy(update={"topics": {**specs["procedure"].topics, "oil": ["Oil?"]}})
    fewer = specs["procedure"].model_copy(update={"topics": {}, "examples": ["How?"]})

    assert fits(trained, DOMAIN)
    for spec in (more, fewer):
        changed = DOMAIN.model_copy(update={"intents": {**specs, "procedure": spec}})
        assert not fits(trained, changed)


async def test_training_measures_on_the_validation_split_and_fits_to_the_other(tmp_path: Path) -> None:
    train = [Example(text, step, "domain", 1.0) for text, step in EXAMPLES]
    asked = [Example("it leaks at sea", parse_step(TROUBLE), "scenario", 1.0)]
    wrong = [Example("how to change it", parse_step(TROUBLE), "recorded", 1.0, "s")]
    tables = example_tables({"train": train, "validation": [*asked, *wrong]})
    data = write_data(tmp_path / "data", "intent-classifier", "pumps", "acme", tables).folder

    figures = await train_classifier(data, tmp_path / "model", Words())

    assert (figures["label_accuracy"], figures["texts"], figures["train_texts"]) == (0.5, 2, 18)
    assert json.loads((tmp_path / "model" / "metrics.json").read_text()) == figures
    assert open_head(tmp_path / "model", Words()).labels == [PROCEDURE, TROUBLE]


# --- comparing -------------------------------------------------------------------------------------


async def test_figures_part_texts_of_people_from_turns() -> None:
    people, turns = rows(4), rows(2, source="confirmed")
    classifier = Fixed({"text 0": PROCEDURE, "text 1": TROUBLE, "text 2": "procedure", "text 3": PROCEDURE})

    found = await measure_classifier(classifier, [*people, *turns])

    assert (found["texts"], found["label_accuracy"], found["intent_accuracy"]) == (4, 0.5, 0.75)
    assert found["brier"] == pytest.approx((3 * 0.1**2 + 0.9**2) / 4)
    assert (found["turns"], found["turns_kept_label"]) == (2, 0.5)
    assert await measure_classifier(classifier, []) == {}


def named(right: int, of: int = ROWS_AT_LEAST) -> dict[str, str]:
    return {f"text {n}": PROCEDURE if n < right else TROUBLE for n in range(of)}


async def test_a_classifier_that_is_right_more_often_is_better() -> None:
    found = await compare(Fixed(named(20)), Fixed(named(18)), rows(ROWS_AT_LEAST))

    assert (found.is_better, found.won, found.lost) == (True, 2, 0)
    assert found.candidate["label_accuracy"] > found.live["label_accuracy"]


@pytest.mark.parametrize(
    ("candidate", "live"),
    [
        (Fixed(named(18)), Fixed(named(20))),
        (Fixed(named(18)), Fixed(named(18))),
        (Fixed(named(30), confidence=0.3), Fixed(named(29), confidence=0.97)),
    ],
    ids=["fewer right", "no figure differs", "more right but its confidence says less"],
)
async def test_a_classifier_that_is_worse_in_anything_or_no_better_stays_out(
    candidate: Fixed, live: Fixed
) -> None:
    assert not (await compare(candidate, live, rows(ROWS_AT_LEAST))).is_better


async def test_few_texts_and_texts_that_the_live_one_labelled_decide_nothing() -> None:
    turns = [one._replace(text=f"turn {n}", source="confirmed") for n, one in enumerate(rows(99))]
    labels = named(30) | {one.text: PROCEDURE for one in turns}

    found = await compare(Fixed(labels), Fixed(named(0) | labels), [*rows(ROWS_AT_LEAST - 1), *turns])

    assert not found.is_better
    assert "too few" in found.reason
