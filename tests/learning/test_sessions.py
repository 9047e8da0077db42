"""Sessions from events that come twice, late and in any order."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from learning import sessions as sessions_module
from learning.sessions import (
    ESCALATED,
    SOLVED,
    UNKNOWN,
    UNSOLVED,
    SessionRow,
    Sessions,
    arrange,
    choose,
    gather,
    make_sessions,
)
from memory.records import SessionEvent, Step
from memory.text import word_keys
from tests.learning.logs import START, USERS, over, said, stream, turn_event

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def arranged(*events: SessionEvent) -> Sessions:
    return arrange(await gather(stream(events)), {})


def flow(found: Sessions, number: int = 0) -> list[str]:
    return [found.labels[step] for step in found.steps[found.offsets[number] : found.offsets[number + 1]]]


def plain(found: Sessions) -> list[Any]:
    columns = (found.steps, found.times, found.offsets, found.users, found.outcomes)
    return [found.ids, found.labels, found.user_keys, *(column.tolist() for column in columns)]


async def test_turns_come_in_the_order_of_their_numbers_whenever_they_arrive() -> None:
    late = turn_event("s", 2, "repair", at_s=9_000)

    found = await arranged(turn_event("s", 3, "bye"), late, turn_event("s", 1, "alarm"))

    assert flow(found) == ["alarm", "repair", "bye"]
    assert found.times.tolist() == [START.timestamp() + s for s in (60, 9_000, 180)]


async def test_an_event_that_comes_twice_counts_once() -> None:
    turn = turn_event("s", 1, "alarm")

    found = await arranged(turn, turn, over("s", "solved"), turn, over("s", "solved"))

    assert flow(found) == ["alarm"]
    assert found.outcomes.tolist() == [SOLVED]


async def test_any_order_of_the_same_events_gives_the_same_sessions() -> None:
    events = [
        turn_event("s", 1, "alarm", event_id="a", at_s=60),
        turn_event("s", 1, "order", event_id="b", at_s=60),
        said("s", resolved=True, at_s=70, key="x"),
        said("s", resolved=False, at_s=70, key="y"),
        turn_event("t", 1, "repair", user=USERS[1]),
        over("t", "solved", at_s=80),
        over("t", "escalated", at_s=90),
    ]

    orders = list(permutations(events))[::97]
    found = [plain(await arranged(*order)) for order in orders]

    assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("solved", SOLVED), ("unsolved", UNSOLVED), ("escalated", ESCALATED), ("unknown", UNKNOWN)],
)
async def test_a_completion_says_how_it_ended(outcome: str, code: int) -> None:
    found = await arranged(turn_event("s", 1, "alarm"), over("s", outcome))

    assert found.outcomes.tolist() == [code]


async def test_without_a_word_the_outcome_is_unknown() -> None:
    found = await arranged(turn_event("s", 1, "alarm"), said("s", resolved=None, at_s=70))

    assert found.outcomes.tolist() == [UNKNOWN]


async def test_a_completion_that_knows_nothing_does_not_hide_one_that_does() -> None:
    found = await arranged(turn_event("s", 1, "alarm"), over("s", "solved"), over("s", "unknown", at_s=950))

    assert found.outcomes.tolist() == [SOLVED]


async def test_the_user_knows_better_than_the_completion() -> None:
    found = await arranged(
        turn_event("s", 1, "alarm"), said("s", resolved=False, at_s=70), over("s", "solved", at_s=900)
    )

    assert found.outcomes.tolist() == [UNSOLVED]


async def test_the_last_word_of_the_user_counts() -> None:
    words = [said("s", resolved=True, at_s=200), said("s", resolved=False, at_s=100)]

    for order in (words, words[::-1]):
        found = await arranged(turn_event("s", 1, "alarm"), *order, said("s", resolved=None, at_s=300))
        assert found.outcomes.tolist() == [SOLVED]


@pytest.mark.parametrize(
    ("kind", "is_step"),
    [
        ("answer", True),
        ("refusal", True),
        ("static", True),
        ("clarification", False),
        ("escalation", False),
        ("blocked", False),
    ],
)
async def test_asking_back_is_no_step(kind: str, is_step: bool) -> None:
    found = await arranged(turn_event("s", 1, "alarm"), turn_event("s", 2, "repair", reply_kind=kind))

    assert flow(found) == (["alarm", "repair"] if is_step else ["alarm"])


async def test_a_turn_that_nobody_named_is_no_step() -> None:
    found = await arranged(turn_event("s", 1, "none"), turn_event("s", 2, "repair"))

    assert flow(found) == ["repair"]


async def test_a_name_found_later_replaces_the_one_in_the_event() -> None:
    turn = turn_event("s", 1, "alarm")
    gathered = await gather(stream([turn, turn_event("s", 2, "none")]))

    found = arrange(gathered, {turn.event_id: Step(intent="order", topic="price")})

    assert flow(found) == ["order/price"]


async def test_labels_are_numbered_in_alphabetical_order() -> None:
    found = await arranged(*(turn_event("s", n, label) for n, label in enumerate("zebra", start=1)))

    assert found.labels == ["a", "b", "e", "r", "z"]
    assert flow(found) == list("zebra")


async def test_the_tail_of_an_endless_session_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "STEPS_AT_MOST", 3)

    found = await arranged(*(turn_event("s", n, f"step-{n}") for n in range(9, 0, -1)))

    assert flow(found) == ["step-1", "step-2", "step-3"]


async def test_sessions_stand_in_the_order_of_their_ids_with_their_owners() -> None:
    found = await arranged(
        turn_event("b", 1, "alarm", user=USERS[1]),
        turn_event("c", 1, "order", user=USERS[0]),
        turn_event("a", 1, "repair", user=USERS[0]),
    )

    assert found.ids == ["a", "b", "c"]
    assert [found.user_keys[user] for user in found.users] == [USERS[0], USERS[1], USERS[0]]


async def test_chosen_sessions_keep_their_steps_labels_and_owners() -> None:
    found = await arranged(
        turn_event("a", 1, "alarm"),
        turn_event("a", 2, "repair"),
        turn_event("b", 1, "order", user=USERS[1]),
        over("b", "solved"),
    )

    chosen, nothing = choose(found, [1, 0]), choose(found, [])

    assert chosen.ids == ["b", "a"]
    assert [flow(chosen, 0), flow(chosen, 1)] == [["order"], ["alarm", "repair"]]
    assert chosen.outcomes.tolist() == [SOLVED, UNKNOWN]
    assert (len(nothing), len(nothing.steps), nothing.labels) == (0, 0, found.labels)


async def test_no_events_make_no_sessions() -> None:
    found = await arranged()

    assert (len(found), found.labels) == (0, [])
    assert np.array_equal(found.offsets, [0])


def words(found: Sessions, step: int) -> list[int]:
    return found.words[found.word_offsets[step] : found.word_offsets[step + 1]].tolist()


async def test_every_step_keeps_the_words_that_were_said() -> None:
    found = await arranged(
        turn_event("s", 2, "repair", query="How do I mend it?", label_source="local:centroid"),
        turn_event("s", 1, "alarm", query="Pressure rises"),
        turn_event("t", 1, "order", query=""),
    )

    said_words = [words(found, step) for step in range(3)]

    assert said_words == [word_keys("Pressure rises"), word_keys("How do I mend it?"), []]


def test_chosen_sessions_keep_their_words() -> None:
    rows = [
        SessionRow(f"s-{n}", USERS[0], ["a", "b"], [0, 1], texts=[f"one {n}", f"two {n}"]) for n in range(3)
    ]

    chosen = choose(make_sessions(rows), [2, 0])

    said_words = [words(chosen, step) for step in range(4)]
    assert said_words == [word_keys(text) for text in ("one 2", "two 2", "one 0", "two 0")]


def test_sessions_without_texts_have_no_words() -> None:
    found = make_sessions([SessionRow("s", USERS[0], ["b", "a"], [0, 1])])

    assert found.word_offsets.tolist() == [0, 0, 0]
    assert [words(found, step) for step in range(2)] == [[], []]
