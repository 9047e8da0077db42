"""Reading a lake of many hands: old and new versions, broken files, interruptions."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from learning.arranging import arrange
from learning.reading import GATHERED, Read, read_events
from learning.stored import Source
from memory.parquet import ParquetLake, open_lake
from memory.records import Analysis
from tests.learning.logs import over, turn_event

pytestmark = pytest.mark.anyio

SOURCE = Source("acme", "pumps", "first-word:1")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    return open_lake(tmp_path / "lake")


class FirstWord:
    """Names a turn after its first word."""

    identity = "first-word:1"

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        return [Analysis(intent=text.split()[0], intent_confidence=0.9) for text in texts]


async def read(lake: ParquetLake, folder: Path, *, keep: bool = True) -> Read:
    return await read_events(lake, FirstWord(), SOURCE, folder, lambda *_: None, keep=keep)


def flows(found: Read) -> list[list[str]]:
    sessions = arrange(found.events, now=2e9).sessions
    labels = [sessions.labels[step] for step in sessions.steps]
    return [labels[a:b] for a, b in zip(sessions.offsets, sessions.offsets[1:], strict=False)]


async def test_files_of_old_and_new_versions_are_one_log(lake: ParquetLake, tmp_path: Path) -> None:
    for session, label in (("a", "alarm"), ("b", "order"), ("c", "bye")):
        await lake.write([turn_event(session, 1, label), over(session, "solved")])
    old, new, _ = (tmp_path / "lake" / file.name for file in await lake.files())
    table = pq.read_table(old, partitioning=None)
    pq.write_table(table.drop(["label_source", "grade", "rating", "resolved", "reply_kind"]), old)
    table = pq.read_table(new, partitioning=None)
    pq.write_table(table.append_column("mood", pa.array(["good"] * table.num_rows)), new)

    found = await read(lake, tmp_path)

    assert sorted(flows(found)) == [["alarm"], ["bye"], ["order"]]
    assert arrange(found.events, now=2e9).sessions.outcomes.tolist() == [1, 1, 1]
    assert found.broken == []


async def test_broken_files_are_named_and_the_others_are_read(lake: ParquetLake, tmp_path: Path) -> None:
    for number in range(5):
        await lake.write([turn_event(f"s-{number}", 1, "alarm")])
    names = [file.name for file in await lake.files()]
    for name in (names[0], names[3]):
        (tmp_path / "lake" / name).write_bytes(b"no Parquet")

    found = await read(lake, tmp_path)

    assert found.broken == [names[0], names[3]]
    assert (found.files, found.new_files, len(flows(found))) == (3, 3, 3)


async def test_what_was_read_is_not_read_again(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([turn_event("a", 1, "x", query="alarm now", label_source="none")])
    first = await read(lake, tmp_path)
    await lake.write([turn_event("b", 1, "x", query="order now", label_source="none")])

    second, third = await read(lake, tmp_path), await read(lake, tmp_path)

    assert [(one.files, one.new_files, one.questions) for one in (first, second, third)] == [
        (1, 1, 1),
        (2, 1, 1),
        (2, 0, 0),
    ]
    assert flows(second) == flows(third) == [["alarm"], ["order"]]
    assert second.events == third.events


async def test_looking_on_writes_nothing_and_asks_nobody(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([turn_event("a", 1, "alarm", label_source="none")])
    before = sorted(tmp_path.rglob("*"))

    found = await read(lake, tmp_path, keep=False)

    assert (flows(found), found.questions) == ([["alarm"]], 1)
    assert sorted(tmp_path.rglob("*")) == before


async def test_only_one_kept_file_a_domain_is_left(lake: ParquetLake, tmp_path: Path) -> None:
    for number in range(3):
        await lake.write([turn_event(f"s-{number}", 1, "alarm")])
        await read(lake, tmp_path)

    kept = [file.suffix for file in (tmp_path / GATHERED).rglob("*") if file.is_file()]
    assert sorted(kept) == [".arrow", ".json"]


async def test_an_empty_lake_is_read_as_such(lake: ParquetLake, tmp_path: Path) -> None:
    found = await read(lake, tmp_path)

    assert (found.events.num_rows, found.files, flows(found)) == (0, 0, [])


async def test_what_was_taken_out_of_the_lake_is_kept_nowhere(lake: ParquetLake, tmp_path: Path) -> None:
    await lake.write([turn_event("secret-session", 1, "alarm")])
    await read(lake, tmp_path)
    [kept] = (tmp_path / GATHERED).rglob("*.arrow")
    assert b"secret-session" in kept.read_bytes()
    for file in await lake.files():
        (tmp_path / "lake" / file.name).unlink()

    await read(lake, tmp_path)

    assert all(b"secret-session" not in file.read_bytes() for file in (tmp_path / GATHERED).rglob("*.*"))
