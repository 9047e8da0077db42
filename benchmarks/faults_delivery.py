"""Delivery while EventBridge fails, events are poisoned or repeated, and two processes share a journal."""

import asyncio
import itertools
import json
import os
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import eventload
from benchmarks.faultrow import FaultRow
from benchmarks.flaky_bus import Entry, FlakyBus
from benchmarks.killing import Death, fork, read_all, wait
from memory.announcements import DETAIL_TYPES
from memory.eventbridge import EventBridgeBus
from memory.outbox import open_outbox
from memory.parquet import open_lake
from memory.publisher import Publisher, without_poison
from memory.records import SessionEvent

GOAL = "lost 0, double after dedup 0, order kept, only failed entries resent"
POISON = {
    "half a JSON": b"{",
    "half a surrogate pair": b"\xed\xa0\x80",
    "a kind nobody knows": b'{"kind": "dream_told", "event_id": "x"}',
    "1,001 levels": b"[" * 1001,
    "5 MB of text": b'"' + b"x" * 5_000_000 + b'"',
}


def fault_rows(short: bool, seed: int) -> list[FaultRow]:
    """Return the rows of what goes wrong between the journal and whoever reads its events."""
    drawn = random.Random(seed)
    calls, turns = (64, 200) if short else (1024, 2000)
    return [
        _bus("PutEvents throttled, half of the time", _refusing(drawn, "ThrottlingException"), turns),
        _bus("PutEvents times out after it took all, half of the time", _refusing(drawn, "timeout"), turns),
        _subsets(calls, drawn),
        asyncio.run(_poison()),
        asyncio.run(_repeated(turns, drawn)),
        _two_processes(10 if short else 100),
    ]


class Clock:
    """A steady clock that the test moves on, so that nobody waits for a backoff."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time (seconds)."""
        return self.now


Prepare = Callable[[FlakyBus], None]
"""Sets what the next delivery meets."""


def _refusing(drawn: random.Random, code: str) -> Prepare:
    def prepare(flaky: FlakyBus) -> None:
        flaky.refuse_call = code if drawn.random() < 1 / 2 else None

    return prepare


def _bus(fault: str, prepare: Prepare, turns: int) -> FaultRow:
    flaky, clock = FlakyBus(), Clock()
    tries = asyncio.run(_deliver(flaky, clock, prepare, turns))
    return _bus_row(fault, tries, flaky, turns, is_repeating="times out" in fault)


async def _deliver(flaky: FlakyBus, clock: Clock, prepare: Prepare, turns: int) -> int:
    """Append turns and publish until nothing waits; returns how many deliveries met the fault."""
    bus = EventBridgeBus(flaky.client, "sessions", source_of=lambda domain: domain)
    met = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        open_outbox(Path(folder) / "outbox.sqlite", announced=DETAIL_TYPES) as outbox,
    ):
        publisher = Publisher(outbox, {"bus": bus.send}, monotonic=clock)
        for number in itertools.count():
            for turn in range(number * 20, min(turns, number * 20 + 20)):
                await outbox.append(eventload.turn_events(turn))
            prepare(flaky)
            clock.now += 100.0
            met += bool(await publisher.publish())
            if number * 20 >= turns and not outbox.is_waiting("bus"):
                break
    return met


def _bus_row(fault: str, tries: int, flaky: FlakyBus, turns: int, *, is_repeating: bool = False) -> FaultRow:
    ids = [detail["event_id"] for detail in flaky.taken]
    wanted = {eventload.turn_events(number)[1].event_id for number in range(turns)}
    lost, repeats = len(wanted - set(ids)), len(ids) - len(set(ids))
    disordered = _disordered(flaky)
    result = f"{turns:,} events: lost {lost}, repeats dropped {repeats}, out of order {disordered}"
    is_met = tries > 0 and not lost and not disordered and bool(repeats) == is_repeating
    return FaultRow(fault, tries, result, GOAL, is_met)


def _disordered(flaky: FlakyBus) -> int:
    last: Counter[str] = Counter()
    seen: set[str] = set()
    found = 0
    for detail in flaky.taken:
        if detail["event_id"] not in seen:
            seen.add(detail["event_id"])
            session, turn = detail["session_id"], detail["metadata"]["turn"]
            found += turn != last[session] + 1
            last[session] = turn
    return found


def _subsets(count: int, drawn: random.Random) -> FaultRow:
    """Fail each subset of ten entries once; 1,024 of them are all there are."""
    flaky = FlakyBus()
    bus = EventBridgeBus(flaky.client, "sessions", source_of=lambda domain: domain)
    every = list(itertools.product((True, False), repeat=10))
    resent_wrongly = lost = repeats = 0
    for failing in drawn.sample(every, count):
        flaky.taken.clear()
        events = [_finished(number) for number in range(10)]
        wrong = {event.event_id for event, fails in zip(events, failing, strict=True) if fails}
        flaky.fail = _failing(wrong)
        refused = asyncio.run(bus.send(events))
        flaky.fail = _failing(set())
        asyncio.run(bus.send([event for event in events if event.event_id in refused]))
        ids = [detail["event_id"] for detail in flaky.taken]
        resent_wrongly += refused.keys() != wrong
        lost += len({event.event_id for event in events} - set(ids))
        repeats += len(ids) - len(set(ids))
    result = f"lost {lost}, repeats {repeats}, calls that resent what had been taken {resent_wrongly}"
    is_met = (lost, repeats, resent_wrongly) == (0, 0, 0)
    return FaultRow("PutEvents: subsets of ten entries fail", count, result, GOAL, is_met)


def _finished(number: int) -> SessionEvent:
    """Return a turn of a session of its own."""
    return eventload.turn_events(number)[1].model_copy(update={"session_id": f"s-{number}"})


def _failing(ids: set[str]) -> Callable[[Sequence[Entry]], list[str | None]]:
    def fail(entries: Sequence[Entry]) -> list[str | None]:
        return [
            "InternalFailure" if json.loads(one["Detail"])["event_id"] in ids else None for one in entries
        ]

    return fail


async def _poison() -> FaultRow:
    """Damage rows of the journal, add an event that Parquet cannot hold, and deliver once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_outbox(folder / "outbox.sqlite") as outbox:
            events = [event for number in range(50) for event in eventload.turn_events(number)]
            await outbox.append(events)
            too_large = events[0].model_copy(update={"event_id": "f" * 32, "turn": 2**70})
            await outbox.append([too_large])
            _damage(folder / "outbox.sqlite")
            lake = open_lake(folder / "lake")
            await Publisher(outbox, {"lake": without_poison(lake.write)}).publish()
            dead, waiting = outbox.dead(), outbox.pending()
        found = [event.event_id for event in await _all(folder)]
    wanted = len(POISON) + 1
    is_met = dead == wanted and waiting == 0 and len(set(found)) == len(found) == len(events) - len(POISON)
    result = f"dead letters {dead}, still waiting after one cycle {waiting}, others delivered {len(found)}"
    return FaultRow(
        "poison events", wanted, result, "one dead letter each, the others leave in one cycle", is_met
    )


def _damage(path: Path) -> None:
    with sqlite3.connect(path) as plain:
        for row, body in enumerate(POISON.values(), 2):
            plain.execute("UPDATE events SET body = ? WHERE position = ?", (body, 3 * row))
    plain.close()


async def _all(folder: Path) -> list[SessionEvent]:
    lake = open_lake(folder / "lake")
    sessions = [f"s-{number}" for number in range(eventload.SESSIONS)]
    return [event for one in sessions async for event in lake.session(one, tenant="acme")]


async def _repeated(turns: int, drawn: random.Random) -> FaultRow:
    """Write the same events twice over, in pieces and out of order, and read what a clean run would show."""
    events = [event for number in range(turns) for event in eventload.turn_events(number)]
    with tempfile.TemporaryDirectory() as clean, tempfile.TemporaryDirectory() as odd:
        await open_lake(Path(clean) / "lake").write(events)
        shuffled = drawn.sample([*events, *events], 2 * len(events))
        for start in range(0, len(shuffled), 97):
            await open_lake(Path(odd) / "lake").write(shuffled[start : start + 97])
        is_same = await _all(Path(clean)) == await _all(Path(odd))
        files = len(await open_lake(Path(odd) / "lake").files())
    same = "equal" if is_same else "DIFFERENT"
    result = f"{2 * len(events):,} events in {files} files read as {len(events):,}: {same}"
    return FaultRow("duplicates and reordering", 1, result, "state equals the clean run", is_same)


def _two_processes(turns: int) -> FaultRow:
    """Let two processes append the same turns to one journal and publish from it at once."""
    state = Path(tempfile.mkdtemp())

    def work(out: int) -> None:
        eventload.run(state, [0] * eventload.WRITERS, turns, Death(None, 0), out)

    children = [fork(work) for _ in range(2)]
    told = [read_all(end) for _, end in children]
    ended = [wait(pid, at_most_s=60) for pid, _ in children]
    acknowledged = {number for text in told for (number,) in eventload.ACK.iter_unpack(text)}

    def check(out: int) -> None:
        eventload.settle(state)
        os.write(out, json.dumps(eventload.found(state, acknowledged)).encode())

    pid, end = fork(check)
    found = eventload.Found(*json.loads(read_all(end)))
    wait(pid, at_most_s=60)
    result = (
        f"{len(acknowledged)} turns, lost {found.lost}, double {found.doubled} "
        f"(repeats dropped {found.repeats}), out of order {found.disordered}"
    )
    is_met = ended == [0, 0] and found[:2] == (0, 0) and found.disordered == 0 and found.integrity == "ok"
    return FaultRow(
        "two processes on one journal", 2, result, "lost 0, double after dedup 0, order kept", is_met
    )
