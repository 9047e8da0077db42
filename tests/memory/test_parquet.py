"""The lake on disk beyond its port: columns, days, crashes, damage."""

import resource
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from memory import parquet
from memory.errors import LakeFileBroken, StorageFailed
from memory.parquet import EVENTS, SESSIONS, ParquetLake, open_lake
from memory.records import Guidance, SessionEvent, Suggestion, TurnFinished
from tests.conformance.samples import completed, feedback, turn_events

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


def days_later(events: list[SessionEvent], days: int) -> list[SessionEvent]:
    return [event.model_copy(update={"at": event.at + timedelta(days=days)}) for event in events]


async def ids(events: AsyncIterator[SessionEvent]) -> list[str]:
    return [event.event_id async for event in events]


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
    said = found["feedback_given"]
    assert (said["rating"], said["resolved"], said["outcome"]) == (5, True, "solved")
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


def noise(_: bytes) -> bytes:
    return b"PAR1" + bytes(300) + b"PAR1"


@pytest.mark.parametrize("damage", [empty, noise, cut, flip, foreign])
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
    if damage is not flip:  # the learner does not look at that page
        [broken_file] = await lake.files()
        with pytest.raises(LakeFileBroken, match=file.name):
            await lake.columns(broken_file, tenant="acme", domain="pumps")
    with pytest.raises(LakeFileBroken, match=file.name):
        await lake.recent("acme", domain="pumps", limit=1)

    file.unlink()
    assert await ids(lake.scan(tenant="acme")) == []


async def test_a_kind_that_only_a_newer_version_knows_is_passed_over(
    lake: ParquetLake, tmp_path: Path
) -> None:
    await lake.write([finished()])
    [file] = (tmp_path / SESSIONS).rglob("*.parquet")
    row = {**pq.read_table(file, partitioning=None).to_pylist()[0], "body": '{"kind": "thought_read"}'}
    pq.write_table(pa.Table.from_pylist([row]), file.with_name("newer.parquet"))

    assert await every(lake.scan(tenant="acme")) == [finished()]


async def test_columns_that_an_older_version_did_not_write_come_from_the_event(
    lake: ParquetLake, tmp_path: Path
) -> None:
    await lake.write([finished(grade="fail", label_source="local:1"), completed()])
    [file] = await lake.files()
    new = await lake.columns(file, tenant="acme", domain="pumps")
    path = tmp_path / file.name
    pq.write_table(pq.read_table(path, partitioning=None).drop(["grade", "label_source", "outcome"]), path)

    old = await lake.columns(file, tenant="acme", domain="pumps")

    assert old == new
    assert old.column("grade").to_pylist() == [None, "fail"]


async def test_columns_of_a_newer_version_and_other_types_do_no_harm(
    lake: ParquetLake, tmp_path: Path
) -> None:
    await lake.write([finished()])
    [file] = await lake.files()
    before = await lake.columns(file, tenant="acme", domain="pumps")
    table = pq.read_table(tmp_path / file.name, partitioning=None)
    table = table.set_column(2, "tenant", table.column("tenant").cast(pa.large_string()))
    table = table.set_column(6, "turn", table.column("turn").cast(pa.int32()))
    pq.write_table(table.append_column("thought", pa.array(["deep"])), tmp_path / file.name)

    assert await lake.columns(file, tenant="acme", domain="pumps") == before


async def test_a_row_without_an_id_or_a_time_is_passed_over(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([finished(), completed(), feedback()])
    [file] = await lake.files()
    rows = pq.read_table(tmp_path / file.name, partitioning=None).to_pylist()
    rows[0]["at"] = rows[1]["session_id"] = None
    pq.write_table(pa.Table.from_pylist(rows, schema=parquet.SCHEMAS[SESSIONS]), tmp_path / file.name)

    assert (await lake.columns(file, tenant="acme", domain="pumps")).num_rows == 1


async def test_ids_of_past_days_are_forgotten_and_repeats_over_midnight_are_not(lake: ParquetLake) -> None:
    turn = finished()
    await lake.write([turn])
    await lake.write(days_later([turn], 1))

    assert await ids(lake.scan(tenant="acme")) == [turn.event_id]


async def test_more_rows_than_are_decoded_at_once_all_come(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.parquet.DECODED_ROWS", 7)
    turns = [finished(event_id=f"{number:032x}") for number in range(100)]
    await lake.write(turns)

    found = await every(lake.scan(tenant="acme"))

    assert sorted(event.event_id for event in found) == [turn.event_id for turn in turns]


async def test_each_event_lies_in_the_folder_of_its_day(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([*turn_events("a"), *days_later(turn_events("b"), 400)])

    days = {path.parent.name for path in tmp_path.rglob("*.parquet")}
    years = {path.parent.parent.parent.name for path in tmp_path.rglob("*.parquet")}

    assert (days, years) == ({"day=01", "day=05"}, {"year=2026", "year=2027"})
    assert len(await ids(lake.scan(tenant="acme"))) == 2


async def test_a_scan_passes_over_repeats_in_other_files(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "DECODED_ROWS", 2)
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

    assert left == []
    assert await ids(lake.session("session-1", tenant="acme")) == [e.event_id for e in turn_events()]


async def test_a_lake_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(StorageFailed, match="taken"):
        await open_lake(tmp_path / "taken").write(turn_events())
