"""The whole runtime with a clock that jumps by a day, on a folder from yesterday, and twice on one folder."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from benchmarks.faultrow import FaultRow
from domains.loader import new_domain
from memory.records import SessionEvent
from memory.turns import TurnReply, TurnRequest

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SESSIONS = 4


def fault_rows(short: bool, seed: int) -> list[FaultRow]:
    """Return a row of clocks, one of a restored folder, and one of a shared folder."""
    turns = 16 if short else 400
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new_domain("shop", folder / "domains")
        return [
            asyncio.run(_jumps(folder, turns, random.Random(seed))),
            asyncio.run(_restored(folder, turns)),
            asyncio.run(_shared(folder, turns, random.Random(seed))),
        ]


class Clock:
    """Goes on by a second with each look."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """Return the time."""
        self.now += timedelta(seconds=1)
        return self.now


@asynccontextmanager
async def _opened(folder: Path, state: str, clock: Callable[[], datetime]) -> AsyncIterator[Runtime]:
    settings = Settings(
        state_dir=folder / state, domains_dir=folder / "domains", domain="shop", holdout_share=0.0
    )
    runtime = await open_runtime(settings, now=clock)
    try:
        yield runtime
    finally:
        await runtime.close()


async def _ask(runtime: Runtime, number: int, told: str = "r") -> TurnReply:
    request = TurnRequest(
        query=f"How do I set up {number} files?",
        session_id=f"s-{number % SESSIONS}",
        request_id=f"{told}-{number}",
        domain="shop",
    )
    return await runtime.turn(request)


async def _events(runtime: Runtime) -> list[SessionEvent]:
    return [event for one in range(SESSIONS) for event in await runtime.events(f"s-{one}", "local")]


async def _jumps(folder: Path, turns: int, drawn: random.Random) -> FaultRow:
    """Ask the same with a clock that goes and one that jumps; what is kept differs in times alone."""
    kept, jumps = [], 0
    for state in ("steady", "jumping"):
        clock = Clock()
        async with _opened(folder, state, clock) as runtime:
            for number in range(turns):
                if state == "jumping" and drawn.random() < 0.5:
                    clock.now += drawn.choice([DAY, -DAY])
                    jumps += 1
                await _ask(runtime, number)
                if number % 5 == 4:
                    await runtime.drain()
            await runtime.drain()
            waiting = runtime._parts.outbox.pending()
            kept.append([_without_times(event) for event in await _events(runtime)])
    is_same = kept[0] == kept[1]
    result = f"{len(kept[1])} events {'equal' if is_same else 'DIFFERENT'}, {waiting} left waiting"
    is_met = is_same and not waiting and jumps > 0 and len(kept[0]) > turns
    return FaultRow("clock jumps by a day", jumps, result, "state equals the clean run", is_met)


def _without_times(event: SessionEvent) -> tuple[object, ...]:
    text = getattr(event, "response", ""), getattr(event, "query", ""), getattr(event, "degraded", [])
    return event.event_id, event.kind, event.session_id, event.turn, event.seq, str(text)


async def _restored(folder: Path, turns: int) -> FaultRow:
    """Go on from a copy of the first day's folder, again and again; an id must never stand for two things."""
    today, yesterday = folder / "today", folder / "yesterday"
    seen: dict[str, SessionEvent] = {}
    reused, restores, clock = 0, 1 if turns < 100 else 12, Clock()
    for day in range(restores + 2):
        if day == 1:
            shutil.copytree(today, yesterday)
        elif day:
            shutil.rmtree(today)
            shutil.copytree(yesterday, today)
        async with _opened(folder, "today", clock) as runtime:
            for number in range(turns // 4):
                await _ask(runtime, number, told=f"day-{day}")
                if number == turns // 8:
                    await runtime.drain()
            await runtime.end_session(tenant="local", user="local", session_id="s-0")
            for event in await _events(runtime):
                reused += event != seen.setdefault(event.event_id, event)
    ended = sum(event.kind == "session_completed" for event in seen.values())
    result = f"{len(seen)} events, {ended} completions, ids reused {reused}"
    is_met = reused == 0 and ended == restores + 2
    return FaultRow("yesterday's folder restored", restores, result, "no id reused", is_met)


async def _shared(folder: Path, turns: int, drawn: random.Random) -> FaultRow:
    """Let two servers answer the same sessions on one folder, at once and each request at either."""
    clock = Clock()
    async with _opened(folder, "shared", clock) as one, _opened(folder, "shared", clock) as other:
        replies: list[TurnReply] = []
        for start in range(0, turns, SESSIONS):
            asked = [_ask(drawn.choice([one, other]), number) for number in range(start, start + SESSIONS)]
            replies += await asyncio.gather(*asked)
        await asyncio.gather(one.drain(), other.drain())
        events = await _events(one)
        checks = {one._parts.outbox._file.read("PRAGMA integrity_check")[0][0]}
    told = sorted((event.session_id, event.turn) for event in events if event.kind == "turn_finished")
    wanted = [(f"s-{session}", turn + 1) for session in range(SESSIONS) for turn in range(turns // SESSIONS)]
    lost = sum(not reply.recorded for reply in replies) + len(set(wanted) - set(told))
    doubled = len(told) - len(set(told))
    result = f"{len(replies)} turns, lost {lost}, double {doubled}, integrity_check {', '.join(checks)}"
    is_met = told == wanted and not lost and checks == {"ok"}
    return FaultRow("two servers on one folder", turns, result, "lost 0, double 0, order kept", is_met)
