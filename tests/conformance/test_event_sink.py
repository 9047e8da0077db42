"""A sink takes; what it took is read through `session`, which every outbox has for traces."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from memory.outbox import SqliteOutbox
from tests.conformance.adapters import EVENT_SINKS
from tests.conformance.samples import completed, feedback, turn_events

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=EVENT_SINKS.values(), ids=EVENT_SINKS.keys())
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteOutbox]:
    with request.param(tmp_path) as opened:
        yield opened


async def test_events_come_back_equal_and_in_order(sink: SqliteOutbox) -> None:
    events = [*turn_events(turn=1), feedback(), *turn_events(turn=2), completed()]

    await sink.append(events)

    assert await sink.session("session-1", "acme") == events


async def test_an_event_seen_before_is_passed_over_and_its_neighbours_are_not(sink: SqliteOutbox) -> None:
    first = turn_events(turn=1)
    await sink.append(first[:2])

    await sink.append(first)

    assert await sink.session("session-1", "acme") == first


async def test_the_same_event_twice_in_one_call_is_one(sink: SqliteOutbox) -> None:
    await sink.append([completed(), completed()])

    assert await sink.session("session-1", "acme") == [completed()]


async def test_nothing_to_append_is_fine(sink: SqliteOutbox) -> None:
    await sink.append([])

    assert await sink.session("session-1", "acme") == []


async def test_another_tenant_does_not_see_the_session(sink: SqliteOutbox) -> None:
    await sink.append(turn_events(tenant="acme"))

    assert await sink.session("session-1", "globex") == []


async def test_many_who_append_at_once_lose_nothing(sink: SqliteOutbox) -> None:
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(sink.append, turn_events(f"s-{number}"))

    for number in range(20):
        assert await sink.session(f"s-{number}", "acme") == turn_events(f"s-{number}")


@pytest.mark.parametrize(
    "text", ["naïve 電気 🎛", "\x00 nul", "line\u2028end", "half \ud83d pair", "x" * 2_000_000]
)
async def test_any_text_can_be_kept(sink: SqliteOutbox, text: str) -> None:
    await sink.append(turn_events(query=text))

    [started, *_] = await sink.session("session-1", "acme")
    assert started.query == text.replace("\ud83d", "\ufffd")
