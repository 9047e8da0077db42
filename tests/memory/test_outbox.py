"""What the outbox promises beyond `EventSink`: nothing acknowledged is lost, whatever is killed when."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import pytest

from memory.errors import StorageFailed
from memory.outbox import SqliteOutbox, open_outbox
from memory.records import SessionEvent
from tests.conformance.samples import completed, turn_events

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def outbox(path: Path) -> Iterator[SqliteOutbox]:
    with open_outbox(path) as opened:
        yield opened


class Receiver:
    """Takes batches as the lake does."""

    def __init__(self) -> None:
        self.batches: list[list[SessionEvent]] = []

    async def __call__(self, events: Sequence[SessionEvent]) -> None:
        self.batches.append(list(events))

    @property
    def events(self) -> list[SessionEvent]:
        return [event for batch in self.batches for event in batch]


class Refused(Exception):
    pass


async def refuse(events: Sequence[SessionEvent]) -> None:
    raise Refused


def damage(path: Path, body: bytes, *, row: int) -> None:
    """Write over a row's body, as a broken disk or a foreign writer would."""
    with sqlite3.connect(path) as plain:
        plain.execute("UPDATE events SET body = ? WHERE position = ?", (body, row))
    plain.close()


async def test_events_are_delivered_in_order_and_forgotten(outbox: SqliteOutbox) -> None:
    events = [*turn_events(turn=1), *turn_events(turn=2), completed()]
    await outbox.append(events)
    lake = Receiver()

    taken = await outbox.drain(lake)

    assert (taken, lake.events, outbox.pending()) == (7, events, 0)
    assert await outbox.drain(lake) == 0
    assert len(lake.batches) == 1


async def test_batches_are_no_larger_than_asked(outbox: SqliteOutbox) -> None:
    await outbox.append([*turn_events(turn=1), *turn_events(turn=2)])
    lake = Receiver()

    taken = [await outbox.drain(lake, batch=4) for _ in range(3)]

    assert taken == [4, 2, 0]
    assert lake.events == [*turn_events(turn=1), *turn_events(turn=2)]


async def test_what_could_not_be_delivered_stays(outbox: SqliteOutbox) -> None:
    await outbox.append(turn_events())

    with pytest.raises(Refused):
        await outbox.drain(refuse)

    lake = Receiver()
    assert outbox.pending() == 3
    assert await outbox.drain(lake) == 3
    assert lake.events == turn_events()


async def test_pending_counts_what_waits(outbox: SqliteOutbox) -> None:
    counts = [outbox.pending()]
    await outbox.append(turn_events(turn=1))
    await outbox.append(turn_events(turn=1))
    counts.append(outbox.pending())
    await outbox.append(turn_events(turn=2))
    counts.append(outbox.pending())
    await outbox.drain(Receiver(), batch=2)
    counts.append(outbox.pending())

    assert counts == [0, 3, 6, 4]


async def test_what_is_appended_during_a_delivery_is_not_forgotten_with_it(outbox: SqliteOutbox) -> None:
    await outbox.append(turn_events(turn=1))

    async def deliver(events: Sequence[SessionEvent]) -> None:
        await outbox.append(turn_events(turn=2))

    await outbox.drain(deliver)

    assert await outbox.session("session-1", "acme") == turn_events(turn=2)


async def test_one_drains_at_a_time_and_the_other_takes_nothing(path: Path, outbox: SqliteOutbox) -> None:
    await outbox.append(turn_events())
    lake = Receiver()
    second: list[int] = []

    async def slowly(events: Sequence[SessionEvent]) -> None:
        with open_outbox(path) as other:
            second.append(await other.drain(lake))
        await lake(events)

    first = await outbox.drain(slowly)

    assert (first, second) == (3, [0])
    assert lake.events == turn_events()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "json_invalid"),
        (b"\xed\xa0\x80", "json_invalid"),
        (b'{"kind": "dream_told", "event_id": "x"}', "union_tag_invalid"),
        (b"[" * 1001, "json_invalid"),
        (b'"' + b"x" * 5_000_000 + b'"', "dict_type"),
    ],
)
async def test_a_row_that_cannot_be_read_is_put_aside_and_holds_nobody_up(
    path: Path, outbox: SqliteOutbox, body: bytes, reason: str
) -> None:
    events = turn_events()
    await outbox.append(events)
    damage(path, body, row=2)
    lake = Receiver()

    shown = await outbox.session("session-1", "acme")
    taken = await outbox.drain(lake)

    assert shown == lake.events == [events[0], events[2]]
    assert (taken, outbox.pending(), outbox.dead()) == (3, 0, 1)
    with sqlite3.connect(path) as plain:
        [(event_id, why, kept)] = plain.execute("SELECT event_id, reason, body FROM dead_letters")
    plain.close()
    assert (event_id, kept) == (events[1].event_id, body)
    assert reason in why


async def test_recent_shows_the_newest_turns_of_the_tenant_first(outbox: SqliteOutbox) -> None:
    for number in range(1, 4):
        await outbox.append(turn_events(f"s-{number}"))
    await outbox.append(turn_events("s-9", tenant="globex"))

    assert [turn.session_id for turn in await outbox.recent("acme", limit=2)] == ["s-3", "s-2"]


async def test_the_file_shrinks_when_events_have_left(path: Path, outbox: SqliteOutbox) -> None:
    await outbox.append([event for n in range(300) for event in turn_events(f"s-{n}", query="x" * 5_000)])
    with sqlite3.connect(path) as plain:
        [(before,)] = plain.execute("PRAGMA page_count")
        await outbox.drain(Receiver())
        [(after,)] = plain.execute("PRAGMA page_count")
    plain.close()

    assert before > 500
    assert after < before / 10


async def test_a_full_disk_is_told_nothing_is_half_written_and_draining_makes_room(
    outbox: SqliteOutbox,
) -> None:
    await outbox.append(turn_events("s-0"))
    pages = 60
    await outbox._file.write(lambda c: c.execute(f"PRAGMA max_page_count={pages}").fetchall())
    kept = 0

    async def fill() -> None:
        nonlocal kept
        for number in range(1, 1000):
            await outbox.append(turn_events(f"s-{number}", query="x" * 3_000))
            kept = number

    with pytest.raises(StorageFailed, match=r"outbox\.sqlite.*full"):
        await fill()

    assert await outbox.session(f"s-{kept + 1}", "acme") == []
    lake = Receiver()
    assert await outbox.drain(lake) == 3 * (kept + 1)
    await outbox.append(turn_events("s-after"))
    assert await outbox.session("s-after", "acme") == turn_events("s-after")
    assert outbox._file.read("PRAGMA integrity_check") == [("ok",)]


APPEND = """
import asyncio, sys
from pathlib import Path
from memory.outbox import open_outbox
from tests.conformance.samples import turn_events

async def main():
    with open_outbox(Path(sys.argv[1])) as outbox:
        for number in range(100_000):
            await outbox.append(turn_events(f"{sys.argv[2]}-{number}"))
            print(number, flush=True)

asyncio.run(main())
"""

DRAIN = """
import asyncio, sys
from pathlib import Path
from memory.outbox import open_outbox

async def main():
    async def deliver(events):
        with open(sys.argv[2], "a") as lake:
            lake.writelines(event.event_id + chr(10) for event in events)
        print("delivered", flush=True)
        await asyncio.sleep(600)
    with open_outbox(Path(sys.argv[1])) as outbox:
        await outbox.drain(deliver)

asyncio.run(main())
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill without warning; returns the lines that had come out."""
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    return out.splitlines()


@pytest.mark.parametrize("lines", [1, 7, 30])
async def test_what_was_acknowledged_is_there_after_a_kill(path: Path, lines: int) -> None:
    process = start(APPEND, path, "s")
    assert process.stdout
    acknowledged = [process.stdout.readline() for _ in range(lines)]
    acknowledged += kill(process)

    with open_outbox(path) as outbox:
        for number in range(len(acknowledged)):
            assert await outbox.session(f"s-{number}", "acme") == turn_events(f"s-{number}")
        assert outbox.pending() % 3 == 0
        assert outbox._file.read("PRAGMA integrity_check") == [("ok",)]


async def test_two_processes_append_while_a_third_drains_and_nothing_is_lost(path: Path) -> None:
    lake = Receiver()
    with open_outbox(path) as outbox:
        writers = [start(APPEND, path, name) for name in "ab"]
        while len(lake.events) < 300:
            await outbox.drain(lake)
            await anyio.lowlevel.checkpoint()
        acknowledged = [len(kill(writer)) for writer in writers]
        while await outbox.drain(lake):
            pass

    known = {event.event_id for event in lake.events}
    wanted = {
        event.event_id
        for name, count in zip("ab", acknowledged, strict=True)
        for number in range(count)
        for event in turn_events(f"{name}-{number}")
    }
    assert wanted <= known
    assert len(known) == len(lake.events)


async def test_a_kill_between_delivery_and_forgetting_delivers_again(path: Path, tmp_path: Path) -> None:
    with open_outbox(path) as outbox:
        await outbox.append(turn_events())
    process = start(DRAIN, path, tmp_path / "lake.txt")
    assert process.stdout
    assert process.stdout.readline() == "delivered\n"
    kill(process)
    lake = Receiver()

    with open_outbox(path) as outbox:
        taken = await outbox.drain(lake)

    delivered = (tmp_path / "lake.txt").read_text().split()
    assert taken == 3
    assert [event.event_id for event in lake.events] == delivered
    assert len({*delivered, *(event.event_id for event in turn_events())}) == 3
