"""The feedback report: signs, the worst groups, and what is proposed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.views.feedback import feedback_markdown
from learning.feedback import FeedbackReport, Group, report, run
from learning.intents import Question, classify_turns
from learning.reading import INTENTS
from learning.signals import judge_turns
from learning.stored import Source
from memory.parquet import open_lake
from memory.records import Analysis, FeedbackGiven, SessionCompleted, SessionEvent
from tests.learning.logs import START, USERS, common, over, said, turn_event
from tests.turns import Scripted

LEAK = Analysis(intent="leak", intent_confidence=0.8, topic="seal", topic_confidence=0.8)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def rated(
    session: str, rating: int, *, turn: int = 1, comment: str = "", at_s: float = 99.0
) -> FeedbackGiven:
    return FeedbackGiven(
        **common(session, turn=turn, at_s=at_s, key=f"rated-{at_s}"), rating=rating, comment=comment
    )


def idle(session: str) -> SessionCompleted:
    return SessionCompleted(**common(session, turn=0, at_s=900, key="idle"), reason="idle", turns=1)


def signs(*events: SessionEvent) -> list[set[str]]:
    return [set(judged.signs) for judged in judge_turns(events)]


def group(found: FeedbackReport, by: str, name: str) -> Group:
    return next(one for one in found.groups if (one.by, one.name) == (by, name))


def poor(intent: str, number: int, **more: Any) -> list[SessionEvent]:
    session = f"{intent}-{number}"
    turn = turn_event(session, 1, intent, user=USERS[number], query=f"{intent} case {number}", **more)
    return [turn, rated(session, 1, comment="no use")]


# --- signs ---------------------------------------------------------------------------------------


def test_a_question_in_other_words_says_that_the_first_answer_did_not_help() -> None:
    first = turn_event("s", 1, "alarm", query="Why does the pump seal leak?")
    again = turn_event("s", 2, "alarm", query="pump seal leak, reasons?")

    assert signs(first, again) == [{"rephrased"}, set()]
    assert signs(first, turn_event("s", 2, "alarm", query="Where do I order oil?")) == [set(), set()]
    assert signs(first, turn_event("s", 2, "alarm", query=again.query, at_s=9_000)) == [set(), set()]


def test_a_question_brought_again_within_a_day_counts_and_not_after_it_or_by_somebody_else() -> None:
    def asked(session: str, hours: float, user: str = USERS[0]) -> SessionEvent:
        return turn_event(
            session, 1, "alarm", at_s=hours * 3600, query="Why does the pump seal leak?", user=user
        )

    assert signs(asked("a", 0), asked("b", 20)) == [{"repeated"}, set()]
    assert signs(asked("a", 0), asked("b", 30)) == [set(), set()]
    assert signs(asked("a", 0), asked("b", 20, USERS[1])) == [set(), set()]


def test_giving_up_and_asking_for_a_person_count_against_the_answer_before() -> None:
    refused = turn_event("s", 1, "alarm", reply_kind="refusal")

    assert signs(refused, idle("s")) == [{"abandoned"}]
    assert signs(refused, over("s", "unknown")) == [set()]
    assert signs(turn_event("s", 1, "alarm"), turn_event("s", 2, "none", reply_kind="escalation")) == [
        {"escalated"},
        {"escalated"},
    ]


def test_what_was_said_counts_before_what_was_done_and_the_last_word_stands() -> None:
    first = turn_event("s", 1, "alarm", query="Why does the pump seal leak?")
    again = turn_event("s", 2, "alarm", query="pump seal leak, reasons?")

    assert signs(first, again, rated("s", 5)) == [set(), set()]
    assert signs(first, rated("s", 5), rated("s", 1, at_s=100)) == [{"rated_low"}]
    assert signs(first, rated("s", 5), said("s", resolved=False, at_s=200)) == [{"unresolved"}]


def test_feedback_belongs_to_the_turn_that_it_names() -> None:
    turns = [turn_event("s", number, "alarm", query=f"question {number} x{number}") for number in (1, 2, 3)]

    assert signs(*turns, rated("s", 1, turn=2)) == [set(), {"rated_low"}, set()]
    assert signs(*turns, rated("s", 1, turn=9)) == [set(), set(), {"rated_low"}]
    assert signs(rated("elsewhere", 1)) == []


# --- report --------------------------------------------------------------------------------------


def test_each_cause_gets_its_own_proposal_with_its_sessions() -> None:
    events: list[SessionEvent] = []
    for number in range(4):
        events += poor("unknown", number, reply_kind="refusal")
        events += poor("guessed", number, confidence=0.3)
        events += poor("answered", number, confidence=0.9, cited=["manual-7"])
        events.append(turn_event(f"fine-{number}", 1, "fine", query=f"fine {number}", user=USERS[number]))
    found = report(events, "pumps")

    changes = {(one.by, one.name): one.change for one in found.proposals}
    assert changes == {
        ("intent", "unknown"): "missing_knowledge",
        ("intent", "guessed"): "wrong_intent_examples",
        ("intent", "answered"): "weak_prompt",
        ("passage", "manual-7"): "weak_passage",
    }
    assert all(one.sessions and one.advice and "4 of 4" in one.why for one in found.proposals)
    assert set(found.proposals[0].sessions) <= {event.session_id for event in events}
    assert (found.answers, found.told, found.overall.poor) == (16, 12, 12)


def test_groups_are_ranked_by_how_surely_they_are_poor() -> None:
    events = [event for number in range(10) for event in poor("often", number)] + poor("once", 0)
    found = report(events, "pumps")

    intents = [one.name for one in found.groups if one.by == "intent"]
    assert intents == ["often", "once"]
    assert group(found, "intent", "often").rating == 1.0
    assert "once" not in {one.name for one in found.proposals}


def test_topics_and_releases_are_groups_and_a_release_is_never_proposed() -> None:
    events: list[SessionEvent] = []
    for number in range(4):
        events += poor("alarm/seal", number, release="r2")
        events.append(turn_event(f"old-{number}", 1, "order", query=f"order {number}", release="r1"))
    found = report(events, "pumps")

    assert group(found, "topic", "alarm/seal").poor == 4
    assert (group(found, "release", "r2").poor_share, group(found, "release", "r1").poor_share) == (1, 0)
    assert "release" not in {one.by for one in found.proposals}


def test_only_turns_of_the_span_count_and_their_feedback_whenever_it_came() -> None:
    events = [*poor("early", 0), turn_event("late", 1, "late", at_s=86_400), rated("late", 1, at_s=9e5)]
    found = report(events, "pumps", since=START + timedelta(hours=12), until=START + timedelta(days=2))

    assert [one.name for one in found.groups if one.by == "intent"] == ["late"]
    assert found.overall.poor == 1


def test_the_order_of_events_does_not_matter() -> None:
    events = [event for number in range(4) for event in poor("alarm", number)]

    assert report(events[::-1], "pumps") == report(events, "pumps")


async def test_the_scheduled_form_reads_the_lake_of_one_tenant_and_domain(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake")
    mine = [event for number in range(3) for event in poor("alarm", number)]
    foreign = [
        event.model_copy(update={"tenant": "other", "event_id": f"o{event.event_id}"}) for event in mine
    ]
    await lake.write([*mine, *foreign])
    told: list[str] = []

    found = await run(
        lake,
        Source("acme", "pumps", "local:1"),
        tmp_path,
        on_progress=lambda *seen: told.append(seen[0]),
    )

    assert found == report(mine, "pumps")
    assert found.answers == 3 and told
    assert (await run(lake, Source("acme", "nothing", "local:1"), tmp_path)).answers == 0


async def test_what_came_without_an_intent_bears_the_name_that_learning_gave_it(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake")
    nameless = turn_event("s-1", 1, "none", label_source="none", confidence=0.0)
    named = turn_event("s-2", 1, "alarm")
    await lake.write([nameless, named])
    question = Question(nameless.event_id, "s-1", "u-1", nameless.at.timestamp(), nameless.query)
    await classify_turns(
        [question], Scripted(answers={nameless.query: LEAK}), tmp_path / INTENTS, lambda *_: None
    )

    found = await run(lake, Source("acme", "pumps", "scripted:1"), tmp_path)

    assert {one.name for one in found.groups if one.by == "intent"} == {"leak", "alarm"}
    assert group(found, "topic", "leak/seal").answers == 1


def test_the_page_names_the_worst_first_and_lets_no_foreign_text_in() -> None:
    events = [event for number in range(4) for event in poor("a|b`<script>", number, reply_kind="refusal")]
    page = feedback_markdown(report(events, "pumps"))

    assert "missing knowledge" in page and "100%" in page
    assert "<script>" not in page and "a\\|b'" in page
    assert "Nothing: no group" in feedback_markdown(report([], "pumps"))
