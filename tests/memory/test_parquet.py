"""The lake on disk: days as folders, a batch one file, a damaged file named."""

import resource
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from memory import parquet
from memory.errors import StorageFailed
from memory.parquet import LakeFileBroken, ParquetLake, open_lake
from memory.records import SessionEvent
from tests.conformance.samples import completed, feedback, turn_events

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return open_lake(tmp_path / "lake")


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def days_later(events: list[SessionEvent], days: int) -> list[SessionEvent]:
    return [event.model_copy(update={"at": event.at + timedelta(days=days)}) for event in events]


async def ids(events: AsyncIterator[SessionEvent]) -> list[str]:
    return [event.event_id async for event in events]


async def test_a_batch_written_twice_is_one_file_a_table(lake: ParquetLake, tmp_path: Path) -> None:
    batch = [*turn_events(), completed()]
    await lake.write(batch)
    before = files(tmp_path)

    await lake.write(batch)

    assert files(tmp_path) == before
    assert [path.parent.relative_to(tmp_path / "lake").as_posix() for path in sorted(before)] == [
        "raw/events/year=2026/month=03/day=01",
        "raw/sessions/year=2026/month=03/day=01",
    ]


async def test_each_event_lies_in_the_folder_of_its_day(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([*turn_events("a"), *days_later(turn_events("b"), 400)])

    days = {path.parent.name for path in files(tmp_path)}
    years = {path.parent.parent.parent.name for path in files(tmp_path)}

    assert (days, years) == ({"day=01", "day=05"}, {"year=2026", "year=2027"})
    assert len(await ids(lake.scan(tenant="acme"))) == 2


async def test_a_scan_passes_over_repeats_in_other_files(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS", 2)
    turns = [event for n in range(1, 8) for event in turn_events(turn=n)]
    await lake.write(turns)
    await lake.write([*turns[3:], feedback()])

    found = await ids(lake.scan(tenant="acme"))

    assert len(found) == len(set(found)) == 8


async def test_tenants_and_domains_lie_apart(lake: ParquetLake) -> None:
    await lake.write(
        [*turn_events("a"), *turn_events("b", tenant="globex"), *turn_events("c", domain="valves")]
    )

    assert {e.session_id async for e in lake.scan(tenant="acme")} == {"a", "c"}
    assert {e.session_id async for e in lake.scan(tenant="acme", domain="pumps")} == {"a"}
    assert await ids(lake.session("b", tenant="acme")) == []
    assert [turn.session_id for turn in await lake.recent("globex", domain="pumps", limit=9)] == ["b"]


async def test_a_session_comes_in_order_from_all_days(lake: ParquetLake) -> None:
    first, second = turn_events(turn=1), days_later(turn_events(turn=2), 3)
    await lake.write([*reversed(second)])
    await lake.write([*reversed(first)])

    found = [event async for event in lake.session("session-1", tenant="acme")]

    assert found == [*first, *second]


async def test_the_newest_turns_come_first_and_no_more_than_asked(lake: ParquetLake) -> None:
    for day in (0, 2, 1):
        await lake.write(days_later([*turn_events(f"day-{day}"), *turn_events(f"day-{day}", 2)], day))

    found = await lake.recent("acme", domain="pumps", limit=3)

    assert [(turn.session_id, turn.turn) for turn in found] == [("day-2", 2), ("day-2", 1), ("day-1", 2)]
    assert len(await lake.recent("acme", domain="pumps", limit=99)) == 6
    assert await lake.recent("acme", domain="valves", limit=9) == []


@pytest.mark.parametrize("part", ["empty", "head", "noise", "other"])
async def test_a_damaged_file_is_named(lake: ParquetLake, tmp_path: Path, part: str) -> None:
    await lake.write(turn_events())
    [file] = (tmp_path / "lake" / "raw" / "sessions").rglob("*.parquet")
    whole = file.read_bytes()
    if part == "other":
        pq.write_table(pq.read_table(file, partitioning=None).select(["tenant"]), file)
    else:
        file.write_bytes({"empty": b"", "head": whole[:-20], "noise": b"PAR1" + bytes(300) + b"PAR1"}[part])

    with pytest.raises(LakeFileBroken, match=file.name) as caught:
        await ids(lake.scan(tenant="acme"))
    assert "Move it" in caught.value.fix
    with pytest.raises(LakeFileBroken, match=file.name):
        await lake.recent("acme", domain="pumps", limit=1)

    file.unlink()
    assert await ids(lake.scan(tenant="acme")) == []


async def test_a_disk_that_refuses_leaves_no_half_file_and_the_batch_can_come_again(
    lake: ParquetLake, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(StorageFailed, match="parquet"):
            await lake.write(turn_events())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    left = files(tmp_path)

    await lake.write(turn_events())

    assert left == {}
    assert await ids(lake.session("session-1", tenant="acme")) == [e.event_id for e in turn_events()]


async def test_a_lake_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")

    with pytest.raises(StorageFailed, match="lake"):
        await open_lake(tmp_path / "lake").write(turn_events())


async def test_events_of_a_newer_version_are_passed_over(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = parquet.dump_event
    monkeypatch.setattr(parquet, "dump_event", lambda e: body(e).replace(b"turn_started", b"dreamt_of"))
    await lake.write(turn_events())

    found = [event.kind async for event in lake.session("session-1", tenant="acme")]

    assert found == ["node_finished", "turn_finished"]


async def test_other_programs_read_the_columns(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([*turn_events(), feedback(), completed()])
    [file] = (tmp_path / "lake" / "raw" / "sessions").rglob("*.parquet")

    rows = pq.read_table(file, columns=["kind", "intent", "topic", "outcome", "turn"]).to_pylist()

    assert {row["kind"]: (row["intent"], row["topic"], row["outcome"]) for row in rows} == {
        "turn_finished": ("troubleshooting", "seal", None),
        "feedback_given": (None, None, "solved"),
        "session_completed": (None, None, "solved"),
    }
