from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from memory.ports import Lake
from memory.records import SessionEvent
from tests.conformance.adapters import LAKES
from tests.conformance.samples import completed, feedback, turn_events

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=LAKES.values(), ids=LAKES.keys())
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    with request.param(tmp_path) as opened:
        yield opened


async def every(events: AsyncIterator[SessionEvent]) -> list[SessionEvent]:
    return [event async for event in events]


async def ids(events: AsyncIterator[SessionEvent]) -> list[str]:
    return sorted(event.event_id for event in await every(events))


async def test_an_empty_lake_yields_nothing(lake: Lake) -> None:
    assert await every(lake.scan(tenant="acme")) == []
    assert await every(lake.session("session-1", tenant="acme")) == []


async def test_a_session_comes_back_equal_by_turn_and_seq(lake: Lake) -> None:
    first, second = turn_events(turn=1), turn_events(turn=2, query="naïve 電気 🎛")

    await lake.write([*second, *reversed(first)])

    assert await every(lake.session("session-1", tenant="acme")) == [*first, *second]


async def test_a_session_written_in_parts_is_one(lake: Lake) -> None:
    for event in turn_events():
        await lake.write([event])

    assert await every(lake.session("session-1", tenant="acme")) == turn_events()


async def test_the_scan_holds_what_the_learner_reads_and_nothing_else(lake: Lake) -> None:
    turn = turn_events()
    await lake.write([*turn, feedback(), completed()])

    kinds = sorted(event.kind for event in await every(lake.scan(tenant="acme")))

    assert kinds == ["feedback_given", "session_completed", "turn_finished"]


async def test_the_same_batch_again_changes_nothing(lake: Lake) -> None:
    batch = [*turn_events(), completed()]
    await lake.write(batch)
    before = await ids(lake.scan(tenant="acme"))

    await lake.write(batch)

    assert await ids(lake.scan(tenant="acme")) == before
    assert await ids(lake.session("session-1", tenant="acme")) == sorted(event.event_id for event in batch)


async def test_batches_that_overlap_yield_each_event_once(lake: Lake) -> None:
    await lake.write([*turn_events(turn=1), *turn_events(turn=2)])
    await lake.write([*turn_events(turn=2), *turn_events(turn=3)])

    found = await every(lake.session("session-1", tenant="acme"))

    assert found == [event for turn in (1, 2, 3) for event in turn_events(turn=turn)]
    assert len(await every(lake.scan(tenant="acme"))) == 3


async def test_tenants_never_see_each_other(lake: Lake) -> None:
    await lake.write([*turn_events("session-1", tenant="acme"), *turn_events("session-2", tenant="globex")])

    assert {event.tenant for event in await every(lake.scan(tenant="acme"))} == {"acme"}
    assert await every(lake.session("session-2", tenant="acme")) == []
    assert await every(lake.scan(tenant="initech")) == []


async def test_a_scan_may_be_of_one_domain(lake: Lake) -> None:
    await lake.write([*turn_events("session-1", domain="pumps"), *turn_events("session-2", domain="valves")])

    found = await every(lake.scan(tenant="acme", domain="valves"))

    assert [event.session_id for event in found] == ["session-2"]


async def test_batches_written_at_once_are_all_kept(lake: Lake) -> None:
    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(lake.write, turn_events(f"session-{number}"))

    assert len(await every(lake.scan(tenant="acme"))) == 12


async def test_an_empty_batch_is_fine(lake: Lake) -> None:
    await lake.write([])

    assert await every(lake.scan(tenant="acme")) == []


async def columns(lake: Lake, *, tenant: str = "acme", domain: str = "pumps") -> list[dict[str, object]]:
    tables = [await lake.columns(file, tenant=tenant, domain=domain) for file in await lake.files()]
    return [row for table in tables for row in table.to_pylist()]


async def test_columns_hold_what_the_learner_reads_of_each_event(lake: Lake) -> None:
    turn = turn_events()[-1]
    await lake.write([*turn_events(), feedback(), completed()])

    rows = {row["kind"]: row for row in await columns(lake)}

    assert rows.keys() == {"turn_finished", "feedback_given", "session_completed"}
    assert rows["turn_finished"] == {
        "event_id": turn.event_id,
        "kind": "turn_finished",
        "session_id": "session-1",
        "user": "0011223344556677",
        "turn": 1,
        "seq": 2,
        "at": turn.at,
        "query": "Why?",
        "reply_kind": "answer",
        "intent": "troubleshooting",
        "topic": "seal",
        "label_source": "none",
        "grade": "unknown",
        "rating": None,
        "resolved": None,
        "outcome": None,
    }
    assert (rows["feedback_given"]["rating"], rows["feedback_given"]["resolved"]) == (5, True)
    assert (rows["session_completed"]["outcome"], rows["session_completed"]["query"]) == ("solved", None)


async def test_columns_are_of_one_tenant_and_domain(lake: Lake) -> None:
    await lake.write([*turn_events("a"), *turn_events("b", tenant="globex"), *turn_events("c", domain="v")])

    assert [row["session_id"] for row in await columns(lake)] == ["a"]
    assert [row["session_id"] for row in await columns(lake, tenant="globex")] == ["b"]
    assert await columns(lake, tenant="initech") == []


async def test_a_file_of_the_lake_keeps_its_name_and_size(lake: Lake) -> None:
    await lake.write(turn_events(turn=1))
    before = await lake.files()

    await lake.write(turn_events(turn=2))
    await lake.write(turn_events(turn=1))

    after = await lake.files()
    assert after == sorted(after)
    assert set(before) < set(after)
    assert len(after) == len(before) + 1
    assert all(file.size_bytes > 0 for file in after)


async def test_an_empty_lake_has_no_files(lake: Lake) -> None:
    assert await lake.files() == []
