"""The whole program on a folder that fails, fills up or comes back from yesterday."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from memory.records import SessionEvent
from memory.sqlitefile import SqliteFile
from memory.turns import TurnReply, TurnRequest

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    """Goes on by a second with each look."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@asynccontextmanager
async def opened(folder: Path, clock: Clock) -> AsyncIterator[Runtime]:
    if not (folder / "domains").exists():
        new_domain("shop", folder / "domains")
    settings = Settings(
        state_dir=folder / "state", domains_dir=folder / "domains", domain="shop", holdout_share=0.0
    )
    runtime = await open_runtime(settings, now=clock)
    try:
        yield runtime
    finally:
        await runtime.close()


async def ask(runtime: Runtime, request: str, session: str = "s-1") -> TurnReply:
    asked = TurnRequest(
        query="How can I export my data?", session_id=session, request_id=request, domain="shop"
    )
    return await runtime.turn(asked)


def files(runtime: Runtime) -> list[SqliteFile]:
    return [runtime._parts.outbox._file, runtime._parts.store._file]  # type: ignore[attr-defined]


async def test_on_a_folder_that_is_read_only_every_reply_leaves_marked_and_recording_resumes(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, Clock()) as runtime:
        before = await ask(runtime, "r-1")
        for file in files(runtime):
            file._writer.execute("PRAGMA query_only=1")
        during = [await ask(runtime, f"r-2{n}", session) for n, session in enumerate(["s-1", "s-new"])]
        for file in files(runtime):
            file._writer.execute("PRAGMA query_only=0")
        after = await ask(runtime, "r-3")
        checks = [file.read("PRAGMA integrity_check") for file in files(runtime)]

    assert (before.recorded, before.degraded) == (True, [])
    assert [reply.reply for reply in during] == [before.reply] * 2
    assert [reply.recorded for reply in during] == [False, False]
    assert all("events: memory.storage_failed" in reply.degraded for reply in during)
    assert "session: memory.storage_failed" in during[1].degraded
    assert (after.recorded, after.degraded) == (True, [])
    assert checks == [[("ok",)], [("ok",)]]


async def test_a_folder_restored_from_yesterday_uses_no_event_id_again(tmp_path: Path) -> None:
    seen: dict[str, SessionEvent] = {}
    reused: list[str] = []

    async def note(runtime: Runtime) -> None:
        for event in await runtime.events("s-1", "local"):
            if event != seen.setdefault(event.event_id, event):
                reused.append(event.kind)

    clock = Clock()
    async with opened(tmp_path, clock) as runtime:
        await ask(runtime, "monday-1")
    shutil.copytree(tmp_path / "state", tmp_path / "yesterday")
    async with opened(tmp_path, clock) as runtime:
        await ask(runtime, "tuesday-1")
        await runtime.end_session(tenant="local", user="local", session_id="s-1")
        await note(runtime)
    shutil.rmtree(tmp_path / "state")
    shutil.move(tmp_path / "yesterday", tmp_path / "state")
    async with opened(tmp_path, clock) as runtime:
        await ask(runtime, "tuesday-again-1")
        await runtime.end_session(tenant="local", user="local", session_id="s-1")
        await note(runtime)

    finished = [event for event in seen.values() if event.kind == "turn_finished"]
    ends = [event for event in seen.values() if event.kind == "session_completed"]
    assert reused == []
    assert sorted(event.turn for event in finished) == [1, 2, 2]
    assert len(ends) == 2


async def test_the_machine_is_busy_until_the_outbox_is_empty(tmp_path: Path) -> None:
    async with opened(tmp_path, Clock()) as runtime:
        idle = runtime.is_busy()
        await ask(runtime, "r-1")
        waiting = runtime.is_busy()
        await runtime.drain()
        empty = runtime.is_busy()

    assert (idle, waiting, empty) == (False, True, False)


async def test_a_clock_that_jumps_a_day_and_back_keeps_order_and_loses_nothing(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as runtime:
        for number, jump in enumerate([0, 86_400, -2 * 86_400, 86_400]):
            clock.now += timedelta(seconds=jump)
            await ask(runtime, f"r-{number}")
            await runtime.drain()
        events = await runtime.events("s-1", "local")
        again = await ask(runtime, "r-3")

    assert [event.turn for event in events if event.kind == "turn_finished"] == [1, 2, 3, 4]
    assert again.turn == 4  # a repeat of the last request is known as such


def test_the_journal_syncs_before_it_acknowledges(tmp_path: Path) -> None:
    from memory.outbox import open_outbox

    with open_outbox(tmp_path / "outbox.sqlite") as outbox:
        [synchronous] = outbox._file._writer.execute("PRAGMA synchronous").fetchone()

    assert synchronous == 2  # FULL
