"""Sessions from events that come twice, late, in any order and over any number of files."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from learning import arranging
from learning.arranging import SILENCE_S, Arranged, arrange
from learning.gathering import with_names
from learning.sessions import ESCALATED, SOLVED, UNKNOWN, UNSOLVED, Sessions
from memory.records import SessionEvent, Step
from memory.text import word_keys
from tests.learning.logs import START, USERS, gathered, over, said, turn_event

NOW = START.timestamp() + 30 * 86_400
HOUR = 3600.0
LIVE: dict[str, Any] = {"label_source": "test:1"}
"""Named live by the present classifier, as opposed to a recorded log."""


def arranged(*events: SessionEvent, now: float = NOW) -> Arranged:
    return arrange(gathered(events), now=now)


def sessions(*events: SessionEvent) -> Sessions:
    return arranged(*events).sessions


def flow(found: Sessions, number: int = 0) -> list[str]:
    return [found.labels[step] for step in found.steps[found.offsets[number] : found.offsets[number + 1]]]


def words(found: Sessions, step: int) -> list[int]:
    return found.words[found.word_offsets[step] : found.word_offsets[step + 1]].tolist()


def plain(found: Sessions) -> list[Any]:
    columns = (found.steps, found.times, found.offsets, found.users, found.outcomes, found.words)
    return [found.ids, found.labels, found.user_keys, *(column.tolist() for column in columns)]


# --- order -------------------------------------------------------------------------------------------


def test_turns_come_in_the_order_of_their_numbers_whenever_they_arrive() -> None:
    late = turn_event("s", 2, "repair", at_s=9_000)

    found = sessions(turn_event("s", 3, "bye"), late, turn_event("s", 1, "alarm"))

    assert flow(found) == ["alarm", "repair", "bye"]
    assert found.times.tolist() == [START.timestamp() + s for s in (60, 9_000, 180)]


def test_an_event_that_comes_twice_counts_once() -> None:
    turn = turn_event("s", 1, "alarm")

    found = arrange(gathered([turn, over("s", "solved")], [turn], [turn, over("s", "solved")]), now=NOW)

    assert flow(found.sessions) == ["alarm"]
    assert found.sessions.outcomes.tolist() == [SOLVED]


def test_an_event_written_again_with_another_time_counts_once_at_the_earliest() -> None:
    turn = turn_event("s", 1, "alarm", at_s=60)
    again = turn.model_copy(update={"at": turn.at.replace(hour=23)})

    for order in ([[turn], [again]], [[again], [turn]], [[again, turn]]):
        found = arrange(gathered(*order), now=NOW).sessions
        assert found.times.tolist() == [START.timestamp() + 60]


def test_any_order_of_the_same_events_over_any_files_gives_the_same_sessions() -> None:
    events = [
        turn_event("s", 1, "alarm", event_id="a", at_s=60),
        turn_event("s", 1, "order", event_id="b", at_s=60),
        said("s", resolved=True, at_s=70, key="x"),
        said("s", resolved=False, at_s=70, key="y"),
        turn_event("t", 1, "repair", user=USERS[1]),
        over("t", "solved", at_s=80),
        over("t", "escalated", at_s=90),
    ]

    orders = list(permutations(events))[::397]
    found = [plain(arrange(gathered(order[:3], order[2:]), now=NOW).sessions) for order in orders]

    assert all(one == found[0] for one in found)


def test_sessions_stand_in_the_order_of_their_ids_with_their_owners() -> None:
    found = sessions(
        turn_event("b", 1, "alarm", user=USERS[1]),
        turn_event("c", 1, "order", user=USERS[0]),
        turn_event("a", 1, "repair", user=USERS[0]),
    )

    assert found.ids == ["a", "b", "c"]
    assert [found.user_keys[user] for user in found.users] == [USERS[0], USERS[1], USERS[0]]


# --- steps -------------------------------------------------------------------------------------------


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
def test_asking_back_is_no_step(kind: str, is_step: bool) -> None:
    found = sessions(turn_event("s", 1, "alarm"), turn_event("s", 2, "repair", reply_kind=kind))

    assert flow(found) == (["alarm", "repair"] if is_step else ["alarm"])


def test_a_turn_that_nobody_named_is_no_step() -> None:
    found = sessions(turn_event("s", 1, "none"), turn_event("s", 2, "repair"), turn_event("t", 1, "none"))

    assert (found.ids, flow(found), found.labels) == (["s"], ["repair"], ["repair"])


def test_a_name_found_later_replaces_the_one_in_the_event() -> None:
    turn = turn_event("s", 1, "alarm", label_source="older:1")
    named = with_names(
        gathered([turn, turn_event("s", 2, "bye")]), {turn.event_id: Step(intent="order", topic="price")}
    )

    found = arrange(named, now=NOW)

    assert (flow(found.sessions), found.named) == (["order/price", "bye"], 1)


def test_every_step_keeps_the_words_that_were_said() -> None:
    found = sessions(
        turn_event("s", 2, "repair", query="How do I mend it?", **LIVE),
        turn_event("s", 1, "alarm", query="Pressure rises"),
        turn_event("s", 3, "none", query="Not a step"),
        turn_event("t", 1, "order", query=""),
    )

    said_words = [words(found, step) for step in range(3)]
    assert said_words == [word_keys("Pressure rises"), word_keys("How do I mend it?"), []]


@pytest.mark.parametrize("label", ["電気/ポンプ", "naïve Frage", "🎛/🔧", "ALARM/Öl", "a/b/c", "مضخة"])
def test_labels_may_be_in_any_script(label: str) -> None:
    found = sessions(turn_event("s", 1, "zz"), turn_event("s", 2, label))

    assert flow(found) == ["zz", label]
    assert found.labels == sorted(["zz", label])


def test_the_tail_of_an_endless_session_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arranging, "STEPS_AT_MOST", 3)

    found = arranged(*(turn_event("s", n, f"step-{n}") for n in range(9, 0, -1)), turn_event("t", 1, "x"))

    assert [flow(found.sessions, n) for n in range(2)] == [["step-1", "step-2", "step-3"], ["x"]]
    assert found.cut == 6


# --- where sessions begin and end --------------------------------------------------------------------


def test_midnight_parts_nothing() -> None:
    found = sessions(
        turn_event("s", 1, "alarm", at_s=14.9 * HOUR, **LIVE),
        turn_event("s", 2, "bye", at_s=15.1 * HOUR, **LIVE),
    )

    assert [flow(found, n) for n in range(len(found))] == [["alarm", "bye"]]


def test_a_long_silence_ends_a_session_and_the_next_turn_begins_another() -> None:
    found = sessions(
        turn_event("s", 1, "alarm", at_s=0, **LIVE),
        turn_event("s", 2, "repair", at_s=SILENCE_S, **LIVE),
        turn_event("s", 3, "order", at_s=2 * SILENCE_S + 1, **LIVE),
        turn_event("s", 4, "bye", at_s=4 * SILENCE_S, **LIVE),
    )

    assert found.ids == ["s", "s#2", "s#3"]
    assert [flow(found, n) for n in range(3)] == [["alarm", "repair"], ["order"], ["bye"]]


def test_a_recorded_log_says_itself_where_its_sessions_end() -> None:
    found = sessions(turn_event("s", 1, "alarm", at_s=0), turn_event("s", 2, "bye", at_s=90 * HOUR))

    assert [flow(found, n) for n in range(len(found))] == [["alarm", "bye"]]


def test_words_on_how_it_ended_belong_to_the_part_they_were_said_of() -> None:
    found = sessions(
        turn_event("s", 1, "alarm", at_s=0, **LIVE),
        said("s", resolved=False, at_s=60),
        turn_event("s", 2, "order", at_s=50 * HOUR, **LIVE),
        over("s", "solved", at_s=51 * HOUR),
        turn_event("t", 1, "bye", at_s=0, **LIVE),
    )

    assert found.ids == ["s", "s#2", "t"]
    assert found.outcomes.tolist() == [UNSOLVED, SOLVED, UNKNOWN]


def test_words_on_sessions_without_turns_say_nothing_of_others() -> None:
    found = sessions(said("a", resolved=False, at_s=5), turn_event("b", 1, "x"), over("c", "unsolved"))

    assert (found.ids, found.outcomes.tolist()) == (["b"], [UNKNOWN])


def test_events_dated_in_the_future_wait_until_their_time_has_come() -> None:
    events = [turn_event("s", 1, "alarm", at_s=0), turn_event("s", 2, "bye", at_s=1_000 * HOUR)]

    today, later = arranged(*events), arranged(*events, now=NOW + 1_000 * HOUR)

    assert (flow(today.sessions), today.future) == (["alarm"], 1)
    assert (flow(later.sessions), later.future) == (["alarm", "bye"], 0)


# --- how they ended ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("solved", SOLVED), ("unsolved", UNSOLVED), ("escalated", ESCALATED), ("unknown", UNKNOWN)],
)
def test_a_completion_says_how_it_ended(outcome: str, code: int) -> None:
    assert sessions(turn_event("s", 1, "alarm"), over("s", outcome)).outcomes.tolist() == [code]


def test_without_a_word_the_outcome_is_unknown() -> None:
    found = sessions(turn_event("s", 1, "alarm"), said("s", resolved=None, at_s=70))

    assert found.outcomes.tolist() == [UNKNOWN]


def test_a_completion_that_knows_nothing_does_not_hide_one_that_does() -> None:
    found = sessions(turn_event("s", 1, "alarm"), over("s", "solved"), over("s", "unknown", at_s=950))

    assert found.outcomes.tolist() == [SOLVED]


def test_the_user_knows_better_than_the_completion() -> None:
    found = sessions(
        turn_event("s", 1, "alarm"), said("s", resolved=False, at_s=70), over("s", "solved", at_s=900)
    )

    assert found.outcomes.tolist() == [UNSOLVED]


def test_the_last_word_of_the_user_counts() -> None:
    spoken = [said("s", resolved=True, at_s=200), said("s", resolved=False, at_s=100)]

    for order in (spoken, spoken[::-1]):
        found = sessions(turn_event("s", 1, "alarm"), *order, said("s", resolved=None, at_s=300))
        assert found.outcomes.tolist() == [SOLVED]


@pytest.mark.parametrize(
    ("rating", "code"), [(1, UNSOLVED), (2, UNSOLVED), (3, UNKNOWN), (4, SOLVED), (5, SOLVED)]
)
def test_a_rating_is_a_word_too(rating: int, code: int) -> None:
    word = said("s", resolved=None, at_s=70).model_copy(update={"rating": rating})

    assert sessions(turn_event("s", 1, "alarm"), word).outcomes.tolist() == [code]


def test_resolved_weighs_more_than_a_rating() -> None:
    word = said("s", resolved=False, at_s=70).model_copy(update={"rating": 5})

    assert sessions(turn_event("s", 1, "alarm"), word).outcomes.tolist() == [UNSOLVED]


def test_handing_over_to_a_person_is_an_escalation_unless_somebody_says_more() -> None:
    turns = [
        turn_event("s", 1, "alarm", **LIVE),
        turn_event("s", 2, "person", reply_kind="escalation", **LIVE),
    ]

    assert sessions(*turns).outcomes.tolist() == [ESCALATED]
    assert sessions(*turns, over("s", "solved")).outcomes.tolist() == [SOLVED]


@pytest.mark.parametrize(
    "failure",
    [{"reply_kind": "refusal"}, {"reply_kind": "static"}, {"grade": "fail"}],
)
def test_a_last_answer_that_failed_leaves_the_session_unsolved(failure: dict[str, Any]) -> None:
    first, last = turn_event("s", 1, "alarm", **LIVE), turn_event("s", 2, "bye", **LIVE, **failure)
    overcome = turn_event("s", 3, "order", verdict="accept", **LIVE)

    assert sessions(first, last).outcomes.tolist() == [UNSOLVED]
    assert sessions(first, last, overcome).outcomes.tolist() == [UNKNOWN]
    assert sessions(first, last, said("s", resolved=True, at_s=9)).outcomes.tolist() == [SOLVED]


@pytest.mark.parametrize("opinion", [{"verdict": "revise"}, {"verdict": "refuse"}, {"grade": "unknown"}])
def test_what_a_judge_thinks_of_an_answer_is_not_learned(opinion: dict[str, Any]) -> None:
    assert sessions(turn_event("s", 1, "alarm", **LIVE, **opinion)).outcomes.tolist() == [UNKNOWN]


def asked(*questions: str, source: str = "test:1") -> Sequence[SessionEvent]:
    return [
        turn_event("s", number, "alarm", query=question, label_source=source)
        for number, question in enumerate(questions, start=1)
    ]


def test_a_question_asked_again_in_the_end_was_not_answered() -> None:
    again = "Why does the pump leak?"

    assert sessions(*asked(again, "What else?", again.upper())).outcomes.tolist() == [UNSOLVED]
    assert sessions(*asked(again, again, "Thanks, how do I order?")).outcomes.tolist() == [UNKNOWN]
    assert sessions(*asked(again, "Does the pump leak, why?")).outcomes.tolist() == [UNKNOWN]
    assert sessions(*asked("yes", "yes")).outcomes.tolist() == [UNKNOWN]
    assert sessions(*asked(again, again, source="recorded")).outcomes.tolist() == [UNKNOWN]


def test_the_same_question_is_found_again_deep_in_a_long_log() -> None:
    live = [
        turn_event(f"s-{n:03}", turn, "alarm", query=f"Why does pump {n} leak?", **LIVE)
        for n in range(200)
        for turn in (1, 2)
    ]

    assert set(sessions(*live).outcomes.tolist()) == {UNSOLVED}


# --- odd logs ----------------------------------------------------------------------------------------


def test_no_events_make_no_sessions() -> None:
    found = arranged()

    assert (len(found.sessions), found.sessions.labels) == (0, [])
    assert np.array_equal(found.sessions.offsets, [0])


def test_words_alone_make_no_sessions() -> None:
    assert len(sessions(said("s", resolved=True, at_s=1), over("s", "solved"))) == 0


def test_a_session_of_fifty_thousand_steps_and_ten_thousand_labels_are_read() -> None:
    found = arranged(*(turn_event("s", n, f"label-{n % 10_000}", at_s=n) for n in range(1, 50_001)))

    assert len(found.sessions.steps) == arranging.STEPS_AT_MOST
    assert found.cut == 50_000 - arranging.STEPS_AT_MOST
    wide = sessions(*(turn_event(f"s-{n}", 1, f"label-{n:05}") for n in range(10_000)))
    assert (len(wide), len(wide.labels)) == (10_000, 10_000)
    assert [flow(wide, 0), flow(wide, 9_999)] == [["label-00000"], ["label-09999"]]
