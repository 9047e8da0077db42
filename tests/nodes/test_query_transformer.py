"""Guidance within its budget, the arm of a session, and what is looked for."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from domains.model import Limits
from graph.state import GraphUpdate
from memory.ports import FlowMatch
from memory.records import Analysis
from nodes.query_transformer import query_transformer
from tests.nodes.parts import SEAL, context
from tests.turns import DOMAIN, START, Habits, state

pytestmark = pytest.mark.anyio

BEFORE: Any = {"query": "The P2 drips", "reply": "", "label": "troubleshooting/seal", "at": 60.0}

DOUBT = Analysis(intent="troubleshooting", intent_confidence=0.1)
"""What a classifier makes of a message that names nothing."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Stuck(Habits):
    """Patterns that never answer."""

    async def match(
        self,
        flow: Sequence[str],
        *,
        user: str | None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
        k: int = 3,
    ) -> FlowMatch:
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


class Doubting(Habits):
    """Patterns that are sure of nothing."""

    async def match(self, flow: Sequence[str], **given: Any) -> FlowMatch:
        [usual] = (await super().match(flow, **given)).suggestions
        said = {"procedure/seal": 0.04, "procedure": 0.05, "troubleshooting": 0.01}
        return FlowMatch(
            [
                usual.model_copy(update={"label": label, "confidence": chance})
                for label, chance in said.items()
            ],
            0.2,
        )


async def test_the_likeliest_step_is_told_however_unlikely_and_no_other_that_hardly_anyone_takes() -> None:
    update = await query_transformer(state(query="it drips", analysis=SEAL), context(patterns=Doubting()))

    assert [one.label for one in update["guidance"].suggestions] == ["procedure/seal", "procedure"]


async def test_what_was_said_and_when_goes_to_the_patterns_too() -> None:
    habits = Habits()
    unclear: Any = {"query": "hm", "reply": "Which pump?", "label": "", "at": 90.0}
    await query_transformer(
        state(query="the P2 drips", analysis=SEAL, flow=["troubleshooting/seal"], turns=[BEFORE, unclear]),
        context(patterns=habits),
    )

    assert habits.flows == [["troubleshooting/seal", "troubleshooting/seal"]]
    assert habits.texts == [["The P2 drips", "the P2 drips"]]
    assert habits.times == [[60.0, START.timestamp()]]


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


# --- follow-ups that lean on their session -----------------------------------------------------------

PROCEDURE = "How to change it?"
"""The question that the small domain knows for the step that `Habits` expects."""


async def follow_up(query: str, analysis: Analysis = SEAL, **changes: Any) -> GraphUpdate:
    given: dict[str, Any] = {"turns": [BEFORE], "flow": ["troubleshooting/seal"], **changes}
    services = {"patterns": Habits(), "holdout_share": given.pop("holdout_share", 0.0)}
    return await query_transformer(state(query=query, analysis=analysis, **given), context(**services))


@pytest.mark.parametrize("query", ["and after that?", "it still drips", "what else?", "done, what next?"])
async def test_a_vague_follow_up_is_searched_with_the_turn_before_and_the_step_that_patterns_expect(
    query: str,
) -> None:
    update = await follow_up(query, DOUBT)

    assert update["search_query"] == f"{query} The P2 drips The P2 drips {PROCEDURE}"
    led_by = update["guidance"].led_by
    assert led_by is not None
    assert (led_by.label, led_by.pattern_id, led_by.support) == ("procedure/seal", "p-1", 12)


@pytest.mark.parametrize("query", ["How often is the seal of the pump changed?", "Is the P1 next?"])
async def test_a_question_that_stands_on_its_own_is_searched_alike_with_and_without_patterns(
    query: str,
) -> None:
    guided, held_out = await follow_up(query), await follow_up(query, holdout_share=1.0)

    assert guided["search_query"] == held_out["search_query"] != ""
    assert PROCEDURE not in guided["search_query"]
    assert guided["guidance"].led_by is None
    assert guided["guidance"].suggestions


async def test_patterns_do_not_touch_the_search_of_a_session_held_out() -> None:
    update = await follow_up("it still drips", DOUBT, holdout_share=1.0)

    assert update["search_query"] == "it still drips The P2 drips"
    assert (update["guidance"].arm, update["guidance"].suggestions) == ("holdout", [])
    assert update["guidance"].led_by is None
    assert [one.label for one in update["withheld"]] == ["procedure/seal"]


async def test_a_first_question_is_never_taken_for_a_follow_up() -> None:
    update = await follow_up("it drips", turns=[], flow=[])

    assert update["guidance"].led_by is None
    assert PROCEDURE not in update["search_query"]


async def test_words_that_say_another_intent_outweigh_the_patterns() -> None:
    update = await follow_up("it still drips", SEAL.model_copy(update={"intent_confidence": 0.99}))

    assert update["guidance"].led_by is None
    assert PROCEDURE not in update["search_query"]


async def test_an_unclear_follow_up_is_understood_as_the_step_that_patterns_expect() -> None:
    update = await follow_up("what next?", DOUBT, is_unclear=True, suggested=["procedure/seal"])

    assert update["is_unclear"] is False
    assert update["analysis"].step.label == "procedure/seal"
    assert update["classified_by"] == "guidance:p-1"
    assert update["hit"] is None


@pytest.mark.parametrize(("query", "share"), [("what next?", 1.0), ("weird stuff happens with things", 0.0)])
async def test_an_unclear_message_that_patterns_say_nothing_of_stays_unclear(
    query: str, share: float
) -> None:
    update = await follow_up(query, DOUBT, is_unclear=True, holdout_share=share)

    assert update.keys() <= {"guidance", "withheld"}
    assert update["guidance"].suggestions == []


async def test_who_asks_for_a_person_is_not_answered_by_patterns() -> None:
    asks = DOUBT.model_copy(update={"asks_for_person": True})

    assert (await follow_up("a human, now", asks, is_unclear=True)).keys() == {"guidance"}
