"""The lake on disk beyond its port: columns, days, crashes, damage."""

import errno
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from memory.errors import StorageFailed
from memory.parquet import EVENTS, SESSIONS, LakeFileBroken, ParquetLake, open_lake
from memory.records import Guidance, SessionEvent, Suggestion, TurnFinished
from tests.conformance.samples import START, completed, feedback, turn_events

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return open_lake(tmp_path)


def files(folder: Path, table: str = "raw") -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in (folder / table).rglob("*") if file.is_file())


def rows(folder: Path, table: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = ds.dataset(folder / table, partitioning="hive").to_table().to_pylist()
    return found


async def every(events: AsyncIterator[SessionEvent]) -> list[SessionEvent]:
    return [event async for event in events]


def finished(**more: object) -> TurnFinished:
    [*_, turn] = turn_events()
    return TurnFinished.model_validate({**turn.model_dump(), **more})


async def test_what_the_learner_reads_has_a_column_a_figure(lake: ParquetLake, tmp_path: Path) -> None:
    offered = Suggestion(label="repair", confidence=0.5, pattern_id="p-1", support=9)
    guidance = Guidance(suggestions=[offered], arm="guided", release="r-1")
    turn = finished(guidance=guidance, release="r-1", hit=True, verdict="accept", sample=True)
    await lake.write([turn, feedback(), completed()])

    found = {row["kind"]: row for row in rows(tmp_path, SESSIONS)}

    of_turn = found["turn_finished"]
    assert (of_turn["query"], of_turn["response"]) == ("Why?", "Because the seal leaks.")
    assert (of_turn["intent"], of_turn["topic"], of_turn["label_source"]) == (
        "troubleshooting",
        "seal",
        "none",
    )
    assert (of_turn["arm"], of_turn["suggested"], of_turn["hit"]) == ("guided", ["repair"], True)
    assert (of_turn["release"], of_turn["verdict"], of_turn["duration_ms"]) == ("r-1", "accept", 40.0)
    assert (of_turn["at"], of_turn["sample"], of_turn["outcome"]) == (turn.at, True, None)
    assert (found["feedback_given"]["rating"], found["feedback_given"]["resolved"]) == (5, True)
    assert (found["session_completed"]["outcome"], found["session_completed"]["sample"]) == ("solved", False)
    assert (of_turn["year"], of_turn["month"], of_turn["day"]) == (2026, 3, 1)


async def test_all_kinds_are_kept_for_traces(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([*turn_events(), feedback(), completed()])

    assert sorted(str(row["kind"]) for row in rows(tmp_path, EVENTS)) == [
        "feedback_given",
        "node_finished",
        "session_completed",
        "turn_finished",
        "turn_started",
    ]


async def test_an_event_lies_in_the_day_that_it_was_in_utc(lake: ParquetLake, tmp_path: Path) -> None:
    late = datetime(2026, 2, 28, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
    await lake.write([finished(at=late)])

    assert [file.rsplit("/", 1)[0] for file in files(tmp_path, SESSIONS)] == [
        f"{SESSIONS}/year=2026/month=03/day=01"
    ]
    [event] = await every(lake.scan(tenant="acme"))
    assert event.at == late.astimezone(UTC)


async def test_the_same_events_in_another_order_are_the_same_files(lake: ParquetLake, tmp_path: Path) -> None:
    batch = [*turn_events(turn=1), *turn_events(turn=2), completed()]
    await lake.write(batch)
    before = {file: (tmp_path / file).stat().st_mtime_ns for file in files(tmp_path)}

    await lake.write([*reversed(batch), completed()])

    assert {file: (tmp_path / file).stat().st_mtime_ns for file in files(tmp_path)} == before


async def test_an_event_twice_in_a_batch_is_one_row(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([finished(), finished()])

    assert len(rows(tmp_path, SESSIONS)) == 1


async def test_half_a_surrogate_pair_is_replaced_in_column_and_body(
    lake: ParquetLake, tmp_path: Path
) -> None:
    await lake.write([finished(query="half \ud83d of it")])

    [event] = await every(lake.scan(tenant="acme"))
    assert isinstance(event, TurnFinished)
    assert event.query == "half � of it"
    assert rows(tmp_path, SESSIONS)[0]["query"] == "half � of it"


async def test_a_full_disk_leaves_no_file_and_the_next_try_works(
    lake: ParquetLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(StorageFailed, match="No space left"):
            await lake.write(turn_events())
    assert files(tmp_path) == []

    await lake.write(turn_events())
    assert await every(lake.session("session-1", tenant="acme")) == turn_events()


async def test_what_a_killed_writer_left_is_never_read(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write(turn_events())
    [whole] = (tmp_path / SESSIONS).rglob("*.parquet")
    whole.with_suffix(".abcd.new").write_bytes(whole.read_bytes()[:100])

    assert len(await every(lake.scan(tenant="acme"))) == 1


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def flip(whole: bytes) -> bytes:
    """Turn one bit in the page that holds the events."""
    group = pq.ParquetFile(pa.BufferReader(whole)).metadata.row_group(0)
    [body] = [group.column(n) for n in range(group.num_columns) if group.column(n).path_in_schema == "body"]
    start = body.dictionary_page_offset or body.data_page_offset
    place = start + body.total_compressed_size - 1
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


def foreign(_: bytes) -> bytes:
    table = pa.table({"something": ["else"]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def empty(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("damage", [empty, cut, flip, foreign])
async def test_a_damaged_file_is_named_and_not_passed_over(
    lake: ParquetLake, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    await lake.write(turn_events())
    [file] = (tmp_path / SESSIONS).rglob("*.parquet")
    file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(LakeFileBroken) as broken:
        await every(lake.scan(tenant="acme"))

    assert str(file) in str(broken.value)
    assert broken.value.fix.startswith("Move it out of the lake")


async def test_a_kind_that_only_a_newer_version_knows_is_passed_over(
    lake: ParquetLake, tmp_path: Path
) -> None:
    await lake.write([finished()])
    [file] = (tmp_path / SESSIONS).rglob("*.parquet")
    row = {**pq.read_table(file, partitioning=None).to_pylist()[0], "body": '{"kind": "thought_read"}'}
    pq.write_table(pa.Table.from_pylist([row]), file.with_name("newer.parquet"))

    assert await every(lake.scan(tenant="acme")) == [finished()]


async def test_more_rows_than_are_decoded_at_once_all_come(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.parquet.DECODED_ROWS", 7)
    turns = [finished(event_id=f"{number:032x}") for number in range(100)]
    await lake.write(turns)

    found = await every(lake.scan(tenant="acme"))

    assert sorted(event.event_id for event in found) == [turn.event_id for turn in turns]


async def test_recent_turns_come_newest_first_and_no_more_than_asked(lake: ParquetLake) -> None:
    days = [finished(event_id=f"{day:032x}", at=START + timedelta(days=day)) for day in range(6)]
    for turn in days:
        await lake.write([turn])
    await lake.write([finished(event_id="f" * 32, domain="valves", at=START + timedelta(days=9))])

    found = await lake.recent("acme", domain="pumps", limit=3)

    assert [turn.at for turn in found] == [day.at for day in days[:2:-1]]
