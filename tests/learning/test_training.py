"""What the intent classifier is trained on: whose word counts, whose text stays out, what is never mixed."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest

from domains.model import Scenario
from learning.datasets import split_of
from learning.intents import Naming
from learning.training import (
    TEXTS_PER_USER,
    Example,
    example_tables,
    read_examples,
    split_examples,
    trusted_turns,
)
from memory.records import SessionEvent, Step, TurnFinished
from memory.redact import user_key
from tests.learning.logs import USERS, over, said, turn_event
from tests.turns import DOMAIN

pytestmark = pytest.mark.anyio

PUMPS = DOMAIN
LABEL = "procedure/seal"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Log:
    """A lake that holds these events."""

    def __init__(self, events: Iterable[SessionEvent]) -> None:
        self.events = list(events)
        self.asked: set[tuple[str, str | None]] = set()

    async def write(self, events: Sequence[SessionEvent]) -> None:
        self.events.extend(events)

    async def scan(self, *, tenant: str, domain: str | None = None) -> AsyncIterator[SessionEvent]:
        self.asked.add((tenant, domain))
        for event in self.events:
            yield event

    async def session(self, session_id: str, *, tenant: str) -> AsyncIterator[SessionEvent]:
        for event in self.events:
            if event.session_id == session_id:
                yield event


def named_turn(session: str, **more: Any) -> TurnFinished:
    return turn_event(session, 1, LABEL, **{"label_source": "local:1", "confidence": 0.9, **more})


async def trusted(*events: SessionEvent, named: dict[str, Naming] | None = None) -> list[Example]:
    return await trusted_turns(Log(events), named or {}, tenant="acme", domain=PUMPS)


async def test_a_sure_label_counts_where_the_user_said_that_it_helped() -> None:
    [found] = await trusted(named_turn("s1"), said("s1", resolved=True, at_s=100))

    assert (found.text, found.step.label, found.source) == (f"Tell me about {LABEL}", LABEL, "confirmed")
    assert (found.confidence, found.session_id) == (0.9, "s1")


async def test_a_session_that_ended_solved_vouches_when_its_user_said_nothing() -> None:
    [found] = await trusted(named_turn("s1"), over("s1", "solved"))

    assert found.source == "solved"


@pytest.mark.parametrize(
    "events",
    [
        [named_turn("s1")],
        [named_turn("s1"), over("s1", "unsolved")],
        [named_turn("s1", confidence=0.7), over("s1", "solved")],
        [named_turn("s1"), over("s1", "solved"), said("s1", resolved=False, at_s=100)],
        [named_turn("s1"), said("s1", resolved=True, at_s=100), said("s1", resolved=False, at_s=200)],
        [named_turn("s1", label_source="none"), over("s1", "solved")],
        [named_turn("s1", sample=True), over("s1", "solved")],
        [named_turn("s1", reply_kind="blocked"), over("s1", "solved")],
        [named_turn("s1", query=" "), over("s1", "solved")],
        [turn_event("s1", 1, "poetry/poems", label_source="recorded")],
    ],
)
async def test_where_nobody_vouches_for_a_label_it_is_left_out(events: list[SessionEvent]) -> None:
    assert await trusted(*events) == []


async def test_the_last_word_of_a_user_counts_in_whatever_order_it_arrives() -> None:
    late = said("s1", resolved=True, at_s=200)

    assert await trusted(late, said("s1", resolved=False, at_s=100), named_turn("s1"))


async def test_a_label_that_came_with_the_log_needs_no_outcome() -> None:
    [found] = await trusted(turn_event("s1", 1, LABEL, label_source="recorded", confidence=0.1))

    assert (found.source, found.confidence) == ("recorded", 1.0)


async def test_a_name_given_after_the_fact_takes_the_place_of_the_old_one() -> None:
    event = named_turn("s1", confidence=0.2)
    naming = Naming(Step(intent="procedure"), 0.95, "local:2")

    [found] = await trusted(event, over("s1", "solved"), named={event.event_id: naming})

    assert (found.step.label, found.confidence) == ("procedure", 0.95)


async def test_secrets_and_personal_data_are_taken_out_once_more() -> None:
    [found] = await trusted(named_turn("s1", query="Mail jo@example.com\nabout it"), over("s1", "solved"))

    assert "example.com" not in found.text
    assert "\n" not in found.text


async def test_only_the_tenants_own_lake_is_read() -> None:
    log = Log([named_turn("s1"), over("s1", "solved")])

    await trusted_turns(log, {}, tenant="acme", domain=PUMPS)

    assert log.asked == {("acme", PUMPS.name)}


# --- splits ----------------------------------------------------------------------------------------


def turns_of(users: int, *, label: str = LABEL, each: int = 1, prefix: str = "s") -> list[Example]:
    intent, _, topic = label.partition("/")
    return [
        Example(
            f"text {label} of {prefix} {user} number {n}",
            Step(intent=intent, topic=topic or None),
            "confirmed",
            0.9,
            f"{prefix}-{user}-{n}",
            USERS[user],
        )
        for user in range(users)
        for n in range(each)
    ]


SCENARIOS = [
    Scenario(id="a", question="How is a seal changed here?", intent="procedure", topic="seal"),
    Scenario(id="b", question="And then?", after=["procedure/seal"], intent="procedure"),
    Scenario(id="c", question="Hm?", intent="procedure", kind="clarification"),
]


def test_examples_are_fitted_to_and_scenarios_measured_on() -> None:
    found = split_examples(PUMPS, SCENARIOS, [])

    assert {one.text for one in found["train"]} == {text for text, _ in PUMPS.examples()}
    assert [one.text for one in found["validation"]] == ["How is a seal changed here?"]


def test_a_scenario_that_is_an_example_too_measures_nothing() -> None:
    text, step = PUMPS.examples()[0]
    known = Scenario(id="k", question=text.upper(), intent=step.intent, topic=step.topic)

    found = split_examples(PUMPS, [known, *SCENARIOS], [])

    assert text in {one.text for one in found["train"]}
    assert [one.text for one in found["validation"]] == ["How is a seal changed here?"]


def test_a_label_of_fewer_than_five_users_leaves_no_text() -> None:
    few, enough = turns_of(4, each=9, label="procedure", prefix="f"), turns_of(5)

    found = split_examples(PUMPS, [], [*few, *enough])

    kept = {one.text for rows in found.values() for one in rows if one.source == "confirmed"}
    assert kept == {one.text for one in enough}


def test_one_user_fills_no_label() -> None:
    flood = [one._replace(user=user_key("acme", "mallory")) for one in turns_of(20, each=20, prefix="m")]

    found = split_examples(PUMPS, [], [*turns_of(5), *flood])

    kept = [one for rows in found.values() for one in rows if one.source == "confirmed"]
    assert len([one for one in kept if one.session_id.startswith("m-")]) <= TEXTS_PER_USER


def test_a_session_stays_on_its_side_whatever_comes_later() -> None:
    early = turns_of(10, each=3)

    first = split_examples(PUMPS, SCENARIOS, early)
    later = split_examples(PUMPS, SCENARIOS, [*turns_of(15, each=2, prefix="x"), *early])

    assert {split_of(one.session_id) for one in early} == {"train", "validation"}
    for split in ("train", "validation"):
        ids = {one.session_id for one in first[split] if one.session_id}
        assert ids <= {one.session_id for one in later[split]}
        assert all(split_of(session_id) == split for session_id in ids)


def test_no_text_is_on_both_sides() -> None:
    asked = "How is a SEAL changed  here?"
    same = [
        one._replace(text=asked if one.session_id.endswith("0") else "Twice?") for one in turns_of(9, each=6)
    ]

    found = split_examples(PUMPS, SCENARIOS, same)

    sides = [{" ".join(one.text.lower().split()) for one in rows} for rows in found.values()]
    assert not sides[0] & sides[1]
    assert "how is a seal changed here?" in sides[1]
    assert "twice?" in sides[0]


def test_a_person_is_believed_before_a_classifier() -> None:
    text, step = PUMPS.examples()[0]
    wrong = [one._replace(text=text, step=Step(intent="procedure")) for one in turns_of(6)]

    found = split_examples(PUMPS, [], wrong)

    assert [one.step for one in found["train"] if one.text == text] == [step]


def test_the_order_of_the_log_does_not_matter_and_rows_come_back_as_they_went() -> None:
    turns = turns_of(12, each=4)

    tables = example_tables(split_examples(PUMPS, SCENARIOS, turns))
    again = example_tables(split_examples(PUMPS, SCENARIOS, turns[::-1]))

    assert tables == again
    assert "user" not in tables["train"].column_names
    assert [one.text for one in read_examples(tables["train"])] == tables["train"].column("text").to_pylist()
