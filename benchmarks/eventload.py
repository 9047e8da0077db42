"""Load for one journal: several append turns at once while a publisher moves them to lake and bus."""

import asyncio
import json
import os
import struct
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.killing import Death
from memory.announcements import DETAIL_TYPES
from memory.ids import make_event_id
from memory.outbox import Refusal, open_outbox
from memory.parquet import open_lake
from memory.publisher import Publisher, without_poison
from memory.records import NodeFinished, SessionEvent, TurnFinished

SESSIONS = 8
WRITERS = 4
"""Who append at once; each has sessions of its own, whose turns follow each other."""

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ACK = struct.Struct("<I")
"""A turn that was acknowledged, as a child tells it."""


class Found(NamedTuple):
    """What is left after the faults."""

    lost: int
    """Acknowledged events that are not in the lake, or not on the bus (count)."""

    doubled: int
    """Events that a reader sees twice (count)."""

    repeats: int
    """Deliveries to the bus that a reader drops by their id (count)."""

    disordered: int
    """Turns that came to the bus before an earlier one of their session (count)."""

    integrity: str


def turn_events(number: int) -> list[SessionEvent]:
    """Return the events of a turn; the same number gives the same turn."""
    session, turn = f"s-{number % SESSIONS}", number // SESSIONS + 1
    common = {"session_id": session, "tenant": "acme", "domain": "pumps", "user": "u", "turn": turn}
    ids = [make_event_id(session, f"r-{number}", turn, seq, tenant="acme") for seq in range(2)]
    at = START + timedelta(seconds=number)
    return [
        NodeFinished(
            **common, event_id=ids[0], seq=0, at=at, node="retriever", run=1, start_ms=1, duration_ms=2
        ),
        TurnFinished(
            **common,
            event_id=ids[1],
            seq=1,
            at=at,
            query="Why does it leak?",
            response="Because the seal is worn.",
            intent="troubleshooting",
            confidence=0.9,
            duration_ms=40,
        ),
    ]


def run(state: Path, starts: Sequence[int], turns: int, death: Death, out: int) -> None:
    """Append `turns` turns a writer from its start on, tell each acknowledged one, and publish meanwhile."""
    asyncio.run(_run(state, starts, turns, death, out))


async def _run(state: Path, starts: Sequence[int], turns: int, death: Death, out: int) -> None:
    with open_outbox(state / "outbox.sqlite", announced=DETAIL_TYPES) as outbox:
        publisher = _publisher(outbox, state, death)

        async def write(writer: int) -> None:
            for step in range(starts[writer], starts[writer] + turns):
                number = step * WRITERS + writer
                death.phase = "append"
                await outbox.append(turn_events(number))
                os.write(out, ACK.pack(number))

        async def publish() -> None:
            while True:
                await publisher.publish()
                await asyncio.sleep(0)

        publishing = asyncio.create_task(publish())
        await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        publishing.cancel()


def _publisher(outbox: object, state: Path, death: Death) -> Publisher:
    lake = open_lake(state / "lake")

    async def to_lake(events: Sequence[SessionEvent]) -> dict[str, Refusal]:
        death.reached("send")
        await lake.write(events)
        death.reached("sent")
        return {}

    async def to_bus(events: Sequence[SessionEvent]) -> dict[str, Refusal]:
        death.reached("announce")
        lines = "".join(f"{json.dumps([e.event_id, e.session_id, e.turn])}\n" for e in events)
        with (state / "bus.jsonl").open("a") as bus:
            bus.write(lines)
        death.reached("announced")
        return {}

    return Publisher(outbox, {"lake": to_lake, "bus": to_bus})  # type: ignore[arg-type]


def settle(state: Path) -> None:
    """Deliver all that waits, without faults."""
    asyncio.run(_settle(state))


async def _settle(state: Path) -> None:
    with open_outbox(state / "outbox.sqlite", announced=DETAIL_TYPES) as outbox:
        publisher = Publisher(outbox, {"lake": without_poison(open_lake(state / "lake").write)})
        await publisher.drain("lake")
        await _publisher(outbox, state, Death(None, 0)).drain("bus")


def found(state: Path, acknowledged: set[int]) -> Found:
    """Read back what was acknowledged, as the learner, a trace and a consumer of the bus would."""
    wanted = {event.event_id for number in acknowledged for event in turn_events(number)}
    finished = {turn_events(number)[1].event_id for number in acknowledged}
    seen = Counter(asyncio.run(_read(state)))
    lines = [json.loads(line) for line in (state / "bus.jsonl").read_text().splitlines()]
    first: dict[str, tuple[str, int]] = {}
    for event_id, session, turn in lines:
        first.setdefault(event_id, (session, turn))
    last: Counter[str] = Counter()
    disordered = 0
    for session, turn in first.values():
        disordered += turn < last[session]
        last[session] = max(last[session], turn)
    with open_outbox(state / "outbox.sqlite") as outbox:
        integrity = str(outbox._file.read("PRAGMA integrity_check")[0][0])
    return Found(
        lost=len(wanted - seen.keys()) + len(finished - first.keys()),
        doubled=sum(count > 1 for count in seen.values()),
        repeats=len(lines) - len(first),
        disordered=disordered,
        integrity=integrity,
    )


async def _read(state: Path) -> list[str]:
    lake = open_lake(state / "lake")
    sessions = [f"s-{number}" for number in range(SESSIONS)]
    return [event.event_id for one in sessions async for event in lake.session(one, tenant="acme")]
