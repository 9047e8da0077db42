"""What a message is understood to be."""

from typing import Any

import pytest

from domains.model import EntitySpec
from memory.records import Analysis
from nodes.query_analyzer import query_analyzer
from tests.nodes.parts import context
from tests.turns import DOMAIN, Scripted, state

pytestmark = pytest.mark.anyio

DOUBTFUL = Analysis(intent="procedure", intent_confidence=0.2, runner_up="troubleshooting", margin=0.01)
BEFORE: Any = {
    "query": "How often is the seal of the P2 changed?",
    "reply": "Yearly.",
    "label": "procedure",
    "at": 0.0,
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def analyze(text: str, *, guess: Analysis | None = None, turns: list[Any] | None = None) -> Analysis:
    classifier = Scripted(answers={text: guess} if guess else {})
    update = await query_analyzer(state(query=text, turns=turns or []), context(classifier=classifier))
    return update["analysis"]


async def is_unclear(text: str, guess: Analysis) -> bool:
    classifier = Scripted(answers={text: guess})
    update = await query_analyzer(state(query=text), context(classifier=classifier))
    return update["is_unclear"]


async def test_the_classifier_names_the_intent_and_is_named_itself() -> None:
    classifier = Scripted(identity="scripted:7")
    update = await query_analyzer(state(query="The seal leaks"), context(classifier=classifier))

    assert update["analysis"].step.label == "troubleshooting/seal"
    assert update["classified_by"] == "scripted:7"


@pytest.mark.parametrize("text", ["Is the p-1 safe?", "is the P1, safe", "P-1"])
async def test_a_thing_is_found_in_each_of_its_spellings(text: str) -> None:
    assert (await analyze(text)).entities == {"model": "P1"}


async def test_a_part_of_a_word_is_no_thing() -> None:
    assert (await analyze("Is the XP10 safe?")).entities == {}


async def test_a_follow_up_is_read_with_the_question_before_it() -> None:
    assert (await analyze("And how long does that take?", turns=[BEFORE])).entities == {"model": "P2"}


@pytest.mark.parametrize(
    "text",
    [
        "How long does that take?",
        "And how long does it take to change all seals of the whole plant in a row?",
    ],
)
async def test_a_message_that_stands_on_its_own_is_read_alone(text: str) -> None:
    assert (await analyze(text, turns=[BEFORE])).entities == {}


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("This is terrible and useless", "negative"),
        ("It leaks again!! Now!!", "negative"),
        ("Thanks, that was helpful", "positive"),
        ("Which tool do I need?", "neutral"),
        ("Thanks, but it is broken", "neutral"),
    ],
)
async def test_the_mood_is_that_of_the_words(text: str, sentiment: str) -> None:
    assert (await analyze(text)).sentiment == sentiment


async def test_more_parts_and_conditions_are_more_complex_up_to_one() -> None:
    plain = await analyze("Close the valve?")
    parts = await analyze("Close the valve and drain it, but only if it is cold?")
    whole = await analyze("If it is hot and it leaks, or when it stops, why? " * 20)

    assert plain.complexity < parts.complexity < whole.complexity == 1


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a human",
        "Can you connect me with an engineer please",
        "Is there a real person?",
        "Escalate this to your supervisor",
    ],
)
async def test_who_asks_for_a_person_is_heard_however_sure_the_intent(text: str) -> None:
    sure = Analysis(intent="procedure", intent_confidence=1.0)

    assert (await analyze(text, guess=sure)).asks_for_person
    assert await is_unclear(text, sure)


@pytest.mark.parametrize("text", ["", "?!", "it is doing the thing again", "Something is weird"])
async def test_a_message_without_a_subject_is_unclear_however_sure_the_intent(text: str) -> None:
    assert await is_unclear(text, Analysis(intent="procedure", intent_confidence=1.0))


async def test_little_to_go_by_is_unclear_only_when_the_intent_is_in_doubt() -> None:
    sure = Analysis(intent="procedure", intent_confidence=0.9)

    assert await is_unclear("valve leaks", DOUBTFUL)
    assert await is_unclear("valve leaks", DOUBTFUL.model_copy(update={"intent_confidence": 0.9}))
    assert not await is_unclear("valve leaks", sure)


@pytest.mark.parametrize("text", ["P1 leaks", "The lower valve drips oil on the floor"])
async def test_a_subject_makes_a_message_clear_whatever_the_classifier_doubts(text: str) -> None:
    assert not await is_unclear(text, DOUBTFUL)


async def test_clarity_grows_with_the_words_of_substance() -> None:
    clarity = [(await analyze(text)).clarity for text in ("help", "valve", "valve leaks oil into tank")]

    assert clarity == [0.0, 0.25, 1.0]


@pytest.mark.parametrize("spelled", ["ﬁ", "ı", "İ", "ſ", "K"])
async def test_letters_that_python_takes_for_equal_never_break_the_search_for_things(spelled: str) -> None:
    letters = {"values": {"SIK": ["s", "i", "k", "fi"]}}
    domain = DOMAIN.model_copy(update={"entities": {"letter": EntitySpec.model_validate(letters)}})
    update = await query_analyzer(state(query=f"The {spelled} leaks"), context(domain=domain))

    assert update["analysis"].entities == ({} if spelled == "ﬁ" else {"letter": "SIK"})


async def test_what_the_domain_gives_as_an_example_is_never_asked_about() -> None:
    for text, is_unclear in (("how to change IT", False), ("How to do it", True)):
        update = await query_analyzer(state(query=text), context(classifier=Scripted()))
        assert update["is_unclear"] is is_unclear


# --- answers to a clarifying question ---------------------------------------------------------------

ASKED: Any = {"query": "Something with the P1", "reply": "Which of these is it?", "label": "", "at": 0.0}
OFFERED = ["troubleshooting", "procedure"]


async def answer(text: str, **known: Any) -> Any:
    given = {"offered": OFFERED, "turns": [ASKED], **known}
    return await query_analyzer(state(query=text, **given), context(classifier=Scripted()))


@pytest.mark.parametrize("text", ["2", "2.", "option 2", "two", "The second one, please"])
async def test_an_answer_that_picks_a_reading_is_read_with_what_was_asked(text: str) -> None:
    update = await answer(text)

    assert not update["is_unclear"]
    assert update["query"] == "Something with the P1 (How something is done.)"
    found = update["analysis"]
    assert (found.intent, found.intent_confidence, found.topic) == ("procedure", 1.0, None)
    assert found.entities == {"model": "P1"}


@pytest.mark.parametrize("text", ["3", "0", "17", "1 or 2", "one or two", "neither", "None of these", "yes"])
async def test_an_answer_that_picks_none_of_them_stays_unclear_and_what_was_asked_is_kept(text: str) -> None:
    update = await answer(text)

    assert update["is_unclear"]
    assert update["query"] == "Something with the P1"


async def test_a_reading_that_the_domain_no_longer_has_cannot_be_picked() -> None:
    assert (await answer("1", offered=["weather"]))["is_unclear"]


async def test_an_answer_that_says_what_was_missing_completes_the_question() -> None:
    update = await answer("leaks")

    assert not update["is_unclear"]
    assert update["query"] == "Something with the P1 leaks"


async def test_an_answer_that_is_a_question_of_its_own_is_read_alone() -> None:
    update = await answer("How do I change the seal of the P2?")

    assert "query" not in update
    assert update["analysis"].entities == {"model": "P2"}


async def test_a_number_means_nothing_when_nothing_was_offered() -> None:
    assert (await answer("2", offered=[]))["is_unclear"]


async def test_who_is_asked_may_still_ask_for_a_person() -> None:
    update = await answer("let me talk to a person")

    assert update["is_unclear"]
    assert update["analysis"].asks_for_person
