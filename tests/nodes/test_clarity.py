"""Which first messages are asked about, on the labelled questions of the domains that come along."""

from pathlib import Path

import pytest

from benchmarks.clarity import accuracy, judge, load_cases
from domains.loader import find_domain, load_domain
from domains.model import Domain, EntitySpec
from memory.onnx import open_embedder
from memory.records import Analysis
from nodes.classify import LocalClassifier, fit_classifier
from nodes.query_analyzer import find_doubt
from tests.turns import DOMAIN

pytestmark = pytest.mark.anyio

SURE = Analysis(intent="procedure", intent_confidence=0.9, margin=0.8)
UNSURE = Analysis(intent="procedure", intent_confidence=0.1, margin=0.01)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=["solaris", "support"])
def known(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Domain, LocalClassifier]:
    domain = load_domain(find_domain(request.param))
    return domain, fit_classifier(domain, open_embedder(), tmp_path_factory.mktemp("cache"))


async def test_nine_of_ten_labelled_questions_are_known_for_what_they_are(
    known: tuple[Domain, LocalClassifier],
) -> None:
    domain, classifier = known
    cases = load_cases(domain)

    found = await judge(domain, classifier, cases)

    assert len(cases) >= 60
    for held in (False, True):
        assert accuracy([one for one in found if one.case.is_held_out == held]) >= 0.9


async def test_a_domain_does_not_ask_back_what_its_own_examples_ask(
    known: tuple[Domain, LocalClassifier],
) -> None:
    domain, classifier = known
    texts = [text for text, _ in domain.examples()][::3]

    found = zip(texts, await classifier.classify(texts), strict=True)

    asked = [text for text, analysis in found if find_doubt(analysis, text, domain)]
    assert len(asked) <= 0.02 * len(texts)


def test_cases_are_read_from_the_folder_of_the_domain(tmp_path: Path) -> None:
    (tmp_path / "clarity.yaml").write_text("clear: [one, two]\nunclear: [three]\n", encoding="utf-8")

    cases = load_cases(DOMAIN.model_copy(update={"folder": tmp_path}))

    assert [(one.text, one.is_unclear, one.is_held_out) for one in cases] == [
        ("one", False, False),
        ("two", False, True),
        ("three", True, False),
    ]


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("P1", "wish"),
        ("I have a problem with the P1", "wish"),
        ("What about the P1?", "wish"),
        ("valve", "wish"),
        ("What is the P1?", None),
        ("the valve leaks", None),
        ("P1 leaks", None),
        ("it happened to me today", "nothing"),
    ],
)
def test_a_thing_alone_is_asked_about_unless_the_message_says_what_is_wanted(
    text: str, doubt: str | None
) -> None:
    assert find_doubt(SURE, text, DOMAIN) == doubt


def test_what_the_whole_domain_is_about_says_nothing_alone() -> None:
    domain = DOMAIN.model_copy(update={"title": "Valve service"})

    assert find_doubt(SURE, "question about the valve", domain) == "wish"
    assert find_doubt(SURE, "the valve leaks", domain) is None


def test_two_likely_intents_are_asked_about_but_not_foreign_messages() -> None:
    assert find_doubt(UNSURE, "valve leaks", DOMAIN) == "intent"
    assert find_doubt(UNSURE, "P1 leaks", DOMAIN) is None
    assert find_doubt(UNSURE.model_copy(update={"outside": 0.9}), "weather Berlin", DOMAIN) is None


def test_all_things_are_taken_out_of_a_text_and_counted() -> None:
    spec = EntitySpec(values={"pump": ["pumps"], "oil pump": []})

    assert spec.blank("Oil pump beside pumps and a pumpkin") == ("  beside   and a pumpkin", 2)
