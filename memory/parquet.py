"""The lake on disk: Parquet files in Hive partitions by day."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from memory.errors import AgentError, StorageFailed
from memory.events import dump_event, parse_event
from memory.records import FeedbackGiven, SessionCompleted, SessionEvent, TurnFinished

EVENTS = "raw/events"
"""All that happened, for traces and audit."""

SESSIONS = "raw/sessions"
"""What the learner reads: turns, feedback, completions."""

LEARNED = ("turn_finished", "feedback_given", "session_completed")
ROWS = 4096
"""Rows decoded at once."""

SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("kind", pa.dictionary(pa.int8(), pa.string())),
        ("tenant", pa.string()),
        ("domain", pa.string()),
        ("session_id", pa.string()),
        ("user", pa.string()),
        ("turn", pa.int32()),
        ("seq", pa.int32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("intent", pa.string()),
        ("topic", pa.string()),
        ("confidence", pa.float32()),
        ("outcome", pa.string()),
        ("body", pa.binary()),
    ]
)
"""Columns that queries filter or group by, and the whole event as JSON; columns are only ever added."""


class LakeFileBroken(AgentError):
    """A file of the lake is not readable Parquet."""

    code = "memory.lake_file_broken"

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"`{file}` is not a readable Parquet file.",
            fix="Move it out of the lake (nothing else depends on it) and run the command again.",
        )


class ParquetLake:
    """`Lake` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, events: Sequence[SessionEvent]) -> None:
        await asyncio.to_thread(self._write, events)

    def _write(self, events: Sequence[SessionEvent]) -> None:
        """Write one file a day and table; its name follows from its events, so again is the same file."""
        by_day: dict[str, list[SessionEvent]] = {}
        for event in events:
            day = event.at.astimezone(UTC)
            part = f"year={day:%Y}/month={day:%m}/day={day:%d}"
            by_day.setdefault(f"{EVENTS}/{part}", []).append(event)
            if event.kind in LEARNED:
                by_day.setdefault(f"{SESSIONS}/{part}", []).append(event)
        for part, members in by_day.items():
            name = hashlib.sha256("".join(event.event_id for event in members).encode()).hexdigest()[:32]
            file = self._folder / part / f"{name}.parquet"
            try:
                if not file.exists():
                    _write_file(file, members)
            except OSError as error:
                raise StorageFailed(str(file), error.strerror or "it cannot be written") from None

    async def scan(self, *, tenant: str, domain: str | None = None) -> AsyncIterator[SessionEvent]:
        wanted = pc.field("tenant") == tenant
        if domain is not None:
            wanted &= pc.field("domain") == domain
        async for event in self._read(SESSIONS, wanted):
            yield event

    async def session(self, session_id: str, *, tenant: str) -> AsyncIterator[SessionEvent]:
        wanted = (pc.field("session_id") == session_id) & (pc.field("tenant") == tenant)
        found = [event async for event in self._read(EVENTS, wanted)]
        for event in sorted(found, key=lambda event: (event.turn, event.seq)):
            yield event

    async def recent(self, tenant: str, *, domain: str, limit: int) -> list[TurnFinished]:
        return await asyncio.to_thread(self._recent, tenant, domain, limit)

    def _recent(self, tenant: str, domain: str, limit: int) -> list[TurnFinished]:
        """Read the newest days first and stop when there are enough turns."""
        wanted = (pc.field("tenant") == tenant) & (pc.field("domain") == domain)
        wanted &= pc.field("kind") == "turn_finished"
        found: dict[str, TurnFinished] = {}
        for day in sorted((self._folder / SESSIONS).glob("year=*/month=*/day=*"), reverse=True):
            for event in _events(_bodies(sorted(day.glob("*.parquet")), wanted)):
                if isinstance(event, TurnFinished):
                    found[event.event_id] = event
            if len(found) >= limit:
                break
        return sorted(found.values(), key=lambda turn: turn.at, reverse=True)[:limit]

    async def _read(self, table: str, wanted: pc.Expression) -> AsyncIterator[SessionEvent]:
        """Yield events in batches that a thread decodes; a repeat is passed over."""
        files = sorted((self._folder / table).glob("year=*/month=*/day=*/*.parquet"))
        seen: set[str] = set()
        batches = _batches(files, wanted)
        while batch := await asyncio.to_thread(next, batches, None):
            for event in batch:
                if event.event_id not in seen:
                    seen.add(event.event_id)
                    yield event


def open_lake(folder: Path) -> ParquetLake:
    """Return the lake in `folder`, which is made with the first event."""
    return ParquetLake(folder)


def _batches(files: Sequence[Path], wanted: pc.Expression) -> Iterator[list[SessionEvent]]:
    batch: list[SessionEvent] = []
    for event in _events(_bodies(files, wanted)):
        batch.append(event)
        if len(batch) == ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _bodies(files: Iterable[Path], wanted: pc.Expression) -> Iterator[bytes]:
    for file in files:
        try:
            table = pq.read_table(file, columns=["body"], filters=wanted, partitioning=None)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
            raise LakeFileBroken(file) from None
        for chunk in table.column("body").chunks:
            yield from chunk.to_pylist()


def _events(bodies: Iterable[bytes]) -> Iterator[SessionEvent]:
    """Parse; kinds that a newer version wrote are passed over."""
    for body in bodies:
        try:
            yield parse_event(body)
        except ValueError:
            continue


def _row(event: SessionEvent) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(event, name)
        for name in ("event_id", "kind", "tenant", "domain", "session_id", "user", "turn", "seq", "at")
    }
    if isinstance(event, TurnFinished):
        row |= {"intent": event.intent, "topic": event.topic, "confidence": event.confidence}
    elif isinstance(event, SessionCompleted):
        row["outcome"] = event.outcome
    elif isinstance(event, FeedbackGiven) and event.resolved is not None:
        row["outcome"] = "solved" if event.resolved else "unsolved"
    row["body"] = dump_event(event)
    return row


def _write_file(file: Path, events: Sequence[SessionEvent]) -> None:
    """Write beside, sync, rename: readers see the whole file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([_row(event) for event in events], schema=SCHEMA)
    beside = file.with_suffix(f".{os.getpid()}.new")
    with beside.open("wb") as stream:
        pq.write_table(table, stream, compression="zstd")
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(file)
