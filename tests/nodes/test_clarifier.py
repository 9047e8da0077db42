"""Asking back, and bringing in a person."""

from typing import Any

import pytest

from memory.records import Analysis
from nodes.clarifier import clarifier
from tests.nodes.parts import context
from tests.turns import DOMAIN, state

pytestmark = pytest.mark.anyio

UNSURE = Analysis(intent="procedure", intent_confidence=0.2, runner_up="troubleshooting", margin=0.01)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_likely_readings_are_offered_best_first_with_what_would_help() -> None:
    update = await clarifier(state(query="it", analysis=UNSURE), context())

    assert update["reply_kind"] == "clarification"
    assert "1. How something is done.\n2. Something is wrong.\n" in update["reply"]
    assert "name the model" in update["reply"]
    assert update["offered"] == ["procedure", "troubleshooting"]


async def test_readings_that_the_domain_does_not_know_give_way_to_its_own() -> None:
    foreign = Analysis(intent="weather", intent_confidence=0.1)
    update = await clarifier(state(query="it", analysis=foreign), context())

    assert "1. Something is wrong.\n2. How something is done.\n" in update["reply"]


async def test_a_domain_without_things_asks_for_a_product_or_a_message() -> None:
    domain = DOMAIN.model_copy(update={"entities": {}})
    update = await clarifier(state(query="it", analysis=UNSURE), context(domain=domain))

    assert "name the product, part or error message" in update["reply"]


async def test_after_too_many_questions_a_person_gets_what_was_asked_so_far() -> None:
    turns: list[Any] = [{"query": f"question {n}", "reply": "", "label": "", "at": 0.0} for n in range(5)]
    update = await clarifier(
        state(query="and " * 100, analysis=UNSURE, unclear_turns=2, turns=turns), context()
    )

    assert update["reply_kind"] == "escalation"
    assert update["reply"].startswith("A person will take over.")
    assert "“question 2”; “question 3”; “question 4”; “and and" in update["reply"]
    assert "question 1" not in update["reply"]
    assert len(update["reply"]) < 300


async def test_one_question_fewer_is_asked_back_again() -> None:
    update = await clarifier(state(query="it", analysis=UNSURE, unclear_turns=1), context())

    assert update["reply_kind"] == "clarification"


async def test_who_asks_for_a_person_is_not_asked_back() -> None:
    asks = UNSURE.model_copy(update={"asks_for_person": True})
    update = await clarifier(state(query="a human please", analysis=asks), context())

    assert update["reply_kind"] == "escalation"
    assert "“a human please”" in update["reply"]
