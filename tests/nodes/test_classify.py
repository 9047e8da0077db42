"""The local classifier on a small domain, with the embedder that comes along."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from domains.model import Domain, IntentSpec
from memory.onnx import OnnxEmbedder, open_embedder
from nodes.classify import LocalClassifier, fit_classifier, fit_head
from tests.turns import DOMAIN

pytestmark = pytest.mark.anyio

LEAKS = [
    "The pump is leaking oil.",
    "There are drops below the seal.",
    "Water runs out of the housing.",
    "Why does the seal leak?",
    "Oil drips on the floor.",
    "The shaft seal is wet.",
]
NOISES = [
    "The motor makes a grinding noise.",
    "I hear a loud knocking.",
    "Why does it squeal?",
    "The bearing hums and rattles.",
    "It is much louder than before.",
    "There is a strange whistling sound.",
]
ORDERS = [
    "I want to order a new pump.",
    "How can I buy spare parts?",
    "When will my delivery arrive?",
    "Send me a quote for three motors.",
    "Can I cancel my purchase?",
    "Where is my invoice?",
]
SMALL = DOMAIN.model_copy(
    update={
        "intents": {
            "troubleshooting": IntentSpec(description="", topics={"leak": LEAKS, "noise": NOISES}),
            "ordering": IntentSpec(description="", examples=ORDERS),
        }
    }
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return open_embedder()


@pytest.fixture(scope="module")
def classifier(embedder: OnnxEmbedder, tmp_path_factory: pytest.TempPathFactory) -> LocalClassifier:
    return fit_classifier(SMALL, embedder, tmp_path_factory.mktemp("cache"))


class Counting(Embeddings):
    """Passes texts on and counts them."""

    identity = "counting:1"

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self.texts = 0
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.texts += len(texts)
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self.texts += 1
        return self._embedder.embed_query(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Oil is leaking from my pump, what is wrong?", "troubleshooting/leak"),
        ("It makes a horrible noise when it starts", "troubleshooting/noise"),
        ("I would like to buy two motors", "ordering"),
    ],
)
async def test_a_question_in_other_words_gets_intent_and_topic(
    text: str, label: str, classifier: LocalClassifier
) -> None:
    [analysis] = await classifier.classify([text])

    assert analysis.step.label == label
    assert analysis.intent_confidence > 0.5
    assert {analysis.intent, analysis.runner_up} == {"troubleshooting", "ordering"}


async def test_an_intent_is_at_least_as_sure_as_its_topic_and_leads_by_its_margin(
    classifier: LocalClassifier,
) -> None:
    [analysis] = await classifier.classify(["Drops of oil fall from the seal"])

    assert 0 <= analysis.topic_confidence <= 1
    assert analysis.margin == pytest.approx(2 * analysis.intent_confidence - 1, abs=0.01)


async def test_an_intent_without_topics_has_no_topic(classifier: LocalClassifier) -> None:
    [analysis] = await classifier.classify(["Please send me an invoice"])

    assert (analysis.topic, analysis.topic_confidence) == (None, 0.0)


async def test_what_is_foreign_to_the_domain_is_met_with_doubt(classifier: LocalClassifier) -> None:
    [own] = await classifier.classify(["Why is oil leaking from the seal?"])
    foreign = await classifier.classify(
        ["Who won the football match last night?", "Sing a song about the moon", "Translate hello to French"]
    )

    assert max(analysis.intent_confidence for analysis in foreign) < own.intent_confidence - 0.2


async def test_answers_come_in_the_order_of_the_texts_and_are_the_same_alone(
    classifier: LocalClassifier,
) -> None:
    texts = ["I hear a noise", "Order a pump for me please", "I hear a noise"]
    together = await classifier.classify(texts)

    assert [analysis.step.label for analysis in together] == [
        "troubleshooting/noise",
        "ordering",
        "troubleshooting/noise",
    ]
    for text, analysis in zip(texts, together, strict=True):
        [alone] = await classifier.classify([text])
        assert alone.step == analysis.step
        assert alone.intent_confidence == pytest.approx(analysis.intent_confidence, abs=0.05)


async def test_no_texts_get_no_answers(classifier: LocalClassifier) -> None:
    assert await classifier.classify([]) == []


async def test_a_second_start_reads_what_was_fitted_and_answers_the_same(
    tmp_path: Path, embedder: OnnxEmbedder
) -> None:
    counting = Counting(embedder)
    first = fit_classifier(SMALL, counting, tmp_path)
    fitted = counting.texts
    second = fit_classifier(SMALL, counting, tmp_path)

    assert (fitted, counting.texts) == (21, 21)  # eighteen examples, three labels
    assert second.identity == first.identity
    assert await second.classify(LEAKS[:3]) == await first.classify(LEAKS[:3])


@pytest.mark.parametrize("size", [0, 3, 100, -30])
async def test_a_damaged_file_is_fitted_again(size: int, tmp_path: Path, embedder: OnnxEmbedder) -> None:
    counting = Counting(embedder)
    first = fit_classifier(SMALL, counting, tmp_path)
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:size])
    again = fit_classifier(SMALL, counting, tmp_path)

    assert counting.texts == 42
    assert await again.classify(NOISES[:3]) == await first.classify(NOISES[:3])
    fit_classifier(SMALL, counting, tmp_path)
    assert counting.texts == 48


async def test_noise_in_the_file_is_fitted_again(tmp_path: Path, embedder: OnnxEmbedder) -> None:
    counting = Counting(embedder)
    fit_classifier(SMALL, counting, tmp_path)
    [file] = tmp_path.iterdir()
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 0xFF
    file.write_bytes(body)
    fit_classifier(SMALL, counting, tmp_path)

    assert counting.texts == 42


def changed(domain: Domain, orders: list[str]) -> Domain:
    intents = domain.intents | {"ordering": IntentSpec(description="", examples=orders)}
    return domain.model_copy(update={"intents": intents})


async def test_another_example_or_embedder_makes_another_classifier(
    tmp_path: Path, embedder: OnnxEmbedder, classifier: LocalClassifier
) -> None:
    more = fit_classifier(changed(SMALL, [*ORDERS, "Bill me later."]), embedder, tmp_path)
    same = fit_classifier(changed(SMALL, list(ORDERS)), embedder, tmp_path)
    other = fit_classifier(SMALL, Counting(embedder), tmp_path)

    assert same.identity == classifier.identity
    assert len({classifier.identity, more.identity, other.identity}) == 3
    assert classifier.identity.startswith("local:minilm:")


def of_intents(**examples: list[str]) -> Domain:
    intents = {name: IntentSpec(description="", examples=texts) for name, texts in examples.items()}
    return DOMAIN.model_copy(update={"intents": intents})


@given(text=st.text(max_size=60))
@settings(max_examples=40, deadline=None)
def test_any_text_gets_shares_that_fit_together(text: str, classifier: LocalClassifier) -> None:
    [analysis] = asyncio.run(classifier.classify([text]))

    assert analysis.intent in {"troubleshooting", "ordering"}
    assert 0 <= analysis.margin <= analysis.intent_confidence <= 1
    assert 0 <= analysis.topic_confidence <= 1


@pytest.mark.parametrize(
    "text",
    ["", " ", "asdf qwer zxcv", "!!! ???", "電気", "\x00", "who won the match last night", "moon " * 5000],
)
async def test_gibberish_is_not_believed(text: str, classifier: LocalClassifier) -> None:
    [analysis] = await classifier.classify([text])

    assert analysis.intent_confidence < DOMAIN.clarify.min_confidence


async def test_intents_with_one_example_each_are_told_apart(tmp_path: Path, embedder: OnnxEmbedder) -> None:
    domain = of_intents(leak=["The pump is leaking oil."], order=["I want to buy a pump."])
    classifier = fit_classifier(domain, embedder, tmp_path)

    found = await classifier.classify(["Oil leaks out of the pump", "Can I buy pumps from you?"])

    assert [analysis.intent for analysis in found] == ["leak", "order"]


async def test_a_label_may_have_one_example_among_others_with_many(
    tmp_path: Path, embedder: OnnxEmbedder
) -> None:
    domain = of_intents(leak=LEAKS, noise=["The motor makes a grinding noise."])
    classifier = fit_classifier(domain, embedder, tmp_path)

    [analysis] = await classifier.classify(["I hear the motor grinding"])

    assert analysis.intent == "noise"


def test_two_fits_on_the_same_examples_give_the_same_numbers(tmp_path: Path, embedder: OnnxEmbedder) -> None:
    for name in ("one", "two"):
        fit_classifier(SMALL, embedder, tmp_path / name)

    [[one], [two]] = [list((tmp_path / name).iterdir()) for name in ("one", "two")]
    with np.load(one) as first, np.load(two) as second:
        assert {name: first[name].tolist() for name in first} == {
            name: second[name].tolist() for name in second
        }


def test_how_sure_to_be_is_learned_from_what_people_labelled(embedder: OnnxEmbedder) -> None:
    people = SMALL.examples()
    easy = [(f"{text} {text}", step) for text, step in people for _ in range(4)]
    mixed, marks = [*people, *easy], [True] * len(people) + [False] * len(easy)

    all_counted = fit_head(mixed, embedder)
    people_counted = fit_head(mixed, embedder, certain=marks)

    assert people_counted.usual < all_counted.usual
    np.testing.assert_array_equal(people_counted.weights, all_counted.weights)
    assert fit_head(people, embedder, certain=[False] * len(people)).usual == fit_head(people, embedder).usual
