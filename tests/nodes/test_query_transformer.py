"""Guidance within its budget, the arm of a session, and what is looked for."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from domains.model import Limits
from memory.ports import FlowMatch
from memory.records import Analysis
from nodes.query_transformer import query_transformer
from tests.nodes.parts import SEAL, context
from tests.turns import DOMAIN, Habits, state

pytestmark = pytest.mark.anyio

BEFORE: Any = {"query": "The P2 drips", "reply": "", "label": "troubleshooting/seal"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Stuck(Habits):
    """Patterns that never answer."""

    async def match(self, flow: Sequence[str], *, user: str | None, k: int = 3) -> FlowMatch:
        await asyncio.Event().wait()
        raise AssertionError


async def search_query(query: str, analysis: Analysis = SEAL, *, turns: Sequence[Any] = ()) -> str:
    update = await query_transformer(state(query=query, analysis=analysis, turns=list(turns)), context())
    return update["search_query"]


async def arm(session_id: str, share: float) -> str:
    given = context(session_id=session_id, patterns=Habits(), holdout_share=share)
    return (await query_transformer(state(query="it drips", analysis=SEAL), given))["guidance"].arm


async def test_the_flow_with_this_step_at_its_end_is_matched() -> None:
    habits = Habits()
    update = await query_transformer(
        state(query="it drips", analysis=SEAL, flow=["procedure"]), context(patterns=habits)
    )

    assert habits.flows == [["procedure", "troubleshooting/seal"]]
    assert [suggestion.label for suggestion in update["guidance"].suggestions] == ["procedure/seal"]
    assert (update["guidance"].arm, update["guidance"].release) == ("guided", "r1")


async def test_patterns_that_take_too_long_are_left_behind_and_the_turn_says_so() -> None:
    domain = DOMAIN.model_copy(update={"limits": Limits(guidance_ms=1)})
    update = await query_transformer(
        state(query="it drips", analysis=SEAL), context(patterns=Stuck(), domain=domain)
    )

    assert update["guidance"].over_budget
    assert update["guidance"].suggestions == []
    assert update["search_query"].startswith("it drips")


async def test_without_patterns_guidance_is_off() -> None:
    update = await query_transformer(state(query="it drips", analysis=SEAL), context())

    assert update["guidance"].arm == "off"


async def test_a_session_keeps_its_arm_and_the_share_is_kept() -> None:
    arms = [await arm(f"session-{n}", 0.2) for n in range(400)]

    assert arms == [await arm(f"session-{n}", 0.2) for n in range(400)]
    assert 50 <= arms.count("holdout") <= 110
    assert {await arm(f"session-{n}", 0.0) for n in range(40)} == {"guided"}
    assert {await arm(f"session-{n}", 1.0) for n in range(40)} == {"holdout"}


@pytest.mark.parametrize(
    ("suggested", "hit"),
    [([], None), (["procedure", "troubleshooting/seal"], True), (["procedure"], False)],
)
async def test_a_hit_is_a_step_that_the_last_guidance_named(suggested: list[str], hit: bool | None) -> None:
    update = await query_transformer(state(query="x", analysis=SEAL, suggested=suggested), context())

    assert update["hit"] is hit


async def test_a_topic_goes_into_the_search_only_when_it_is_sure() -> None:
    oil = SEAL.model_copy(update={"topic": "lube_oil"})

    assert await search_query("it drips", oil) == "it drips lube oil"
    assert await search_query("it drips", oil.model_copy(update={"topic_confidence": 0.49})) == "it drips"


async def test_a_thing_named_in_another_spelling_goes_into_the_search_once() -> None:
    plain = SEAL.model_copy(update={"topic": None, "entities": {"model": "P1"}})

    assert await search_query("Is the p-1 hot", plain) == "Is the p-1 hot P1"
    assert await search_query("Is the p1 hot", plain) == "Is the p1 hot"


async def test_a_short_question_is_searched_with_the_one_before_it() -> None:
    plain = SEAL.model_copy(update={"topic": None})

    assert await search_query("And how often?", plain, turns=[BEFORE]) == "And how often? The P2 drips"
    longer = "How often does one have to look at it?"
    assert await search_query(longer, plain, turns=[BEFORE]) == longer
    named = plain.model_copy(update={"entities": {"model": "P1"}})
    assert await search_query("And the P1?", named, turns=[BEFORE]) == "And the P1?"
