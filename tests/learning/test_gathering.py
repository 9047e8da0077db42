"""What the lake tells as small columns: who has to be named, what is kept, nothing twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.gathering import SCHEMA, Digest, digest, merge, with_names
from learning.sessions import RECORDED
from memory.parquet import open_lake
from memory.records import SessionEvent, Step, TurnFinished
from tests.learning.logs import USERS, gathered, over, said, turn_event

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def digested(folder: Path, *events: SessionEvent) -> Digest:
    lake = open_lake(folder)
    await lake.write(events)
    [file] = await lake.files()
    return digest(await lake.columns(file, tenant="acme", domain="pumps"), "present:1")


def labels(events: pa.Table) -> list[str]:
    found: list[str] = events.column("label").to_pylist()
    return found


async def test_steps_that_nobody_or_another_classifier_named_are_asked_about(tmp_path: Path) -> None:
    turns = [
        turn_event("s", number, "alarm", query=f"Question {source}", label_source=source)
        for number, source in enumerate(["none", "older:1", "present:1", RECORDED], start=1)
    ]

    found = await digested(tmp_path, *turns)

    assert [question.text for question in found.questions] == ["Question none", "Question older:1"]
    first = found.questions[0]
    assert (first.event_id, first.session_id, first.user) == (turns[0].event_id, "s", USERS[0])
    assert first.at == turns[0].at.timestamp()


async def test_turns_without_words_and_turns_that_are_no_steps_are_not_asked_about(tmp_path: Path) -> None:
    found = await digested(
        tmp_path,
        turn_event("s", 1, "alarm", query="", label_source="none"),
        turn_event("s", 2, "alarm", label_source="none", reply_kind="escalation"),
        turn_event("s", 3, "alarm", label_source="none", reply_kind="blocked"),
    )

    assert found.questions == []
    assert labels(found.events) == ["alarm", "none"]


async def test_no_text_is_kept(tmp_path: Path) -> None:
    found = await digested(tmp_path, turn_event("s", 1, "alarm", query="Zyzzyva", label_source="none"))

    assert found.events.schema == SCHEMA
    assert "zyzzyva" not in str(found.events.to_pylist()).lower()


async def test_words_that_say_nothing_of_the_outcome_are_dropped(tmp_path: Path) -> None:
    found = await digested(
        tmp_path, said("s", resolved=None, at_s=1), over("s", "unknown"), over("s", "escalated", at_s=7)
    )

    assert found.events.num_rows == 1


def test_names_found_later_replace_those_of_their_events_only() -> None:
    first, second = turn_event("s", 1, "alarm"), turn_event("s", 2, "bye")
    events = gathered([first, second])

    named = with_names(events, {second.event_id: Step(intent="order", topic="price")})

    assert labels(named) == ["alarm", "order/price"]
    assert named.column("named").to_pylist() == [False, True]
    assert with_names(events, {}) == events


EVENTS = [
    *(turn_event(f"s-{n % 3}", n, f"label-{n % 4}", event_id=f"e-{n}", at_s=n % 5) for n in range(1, 12)),
    said("s-0", resolved=True, at_s=9),
    over("s-1", "solved"),
]


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(
        st.lists(st.sampled_from(range(len(EVENTS))), min_size=1, max_size=8), min_size=1, max_size=3
    )
)
def test_however_events_are_spread_and_repeated_the_merged_rows_are_the_same(cuts: list[list[int]]) -> None:
    batches: Sequence[Sequence[Any]] = [*([EVENTS[n] for n in cut] for cut in cuts), EVENTS]

    found, whole = gathered(*batches), gathered(EVENTS)

    assert found.to_pylist() == whole.to_pylist()


def test_merging_merged_rows_changes_nothing() -> None:
    once = gathered(EVENTS)

    assert merge([once]) == merge([once, once]) == once
    assert merge([]).num_rows == 0


def test_an_id_written_twice_stands_at_its_earliest_time_wherever_it_is_merged() -> None:
    turn = turn_event("s", 1, "alarm", at_s=60)
    assert isinstance(turn, TurnFinished)
    again = turn.model_copy(update={"at": turn.at.replace(hour=23)})
    early, late = gathered([turn]), gathered([again])

    assert merge([early, late]).to_pylist() == merge([late, early]).to_pylist() == early.to_pylist()
