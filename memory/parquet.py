"""The lake: Parquet files in Hive partitions by day, in a folder or in a bucket.

`raw/events` holds every event for traces and audit; `raw/sessions` holds what the learner reads, with
a column for each figure that somebody may want to query. Both keep the whole event as JSON besides.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from memory.errors import LakeFileBroken
from memory.events import dump_event, parse_event
from memory.objects import FolderObjects, Objects
from memory.ports import LakeFile
from memory.records import FeedbackGiven, SessionCompleted, SessionEvent, TurnFinished

EVENTS = "raw/events"
SESSIONS = "raw/sessions"

LEARNED = ("turn_finished", "feedback_given", "session_completed")
"""Kinds of event that the learner reads."""

REQUIRED = ("event_id", "kind", "session_id", "user", "turn", "seq", "at")
"""Columns without which a row says nothing; they stand in every version of the lake."""

COLUMNS = (
    *REQUIRED,
    "query",
    "reply_kind",
    "intent",
    "topic",
    "label_source",
    "grade",
    "rating",
    "resolved",
    "outcome",
)
"""What the learner reads of each event."""

DECODED_ROWS = 4096
"""Rows decoded at once (count); what a scan holds in memory."""

GROUP_ROWS = 16_384
"""Rows of a row group (count); a reader passes over groups without the tenant or session it looks for."""

REPAIRED = "\N{REPLACEMENT CHARACTER}".encode()
"""Stands in the JSON of an event for what UTF-8 cannot hold, and so must not reach a column either."""

FORMAT = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)
"""A flipped bit is an error, never another event."""

ENVELOPE = [
    ("event_id", pa.string()),
    ("kind", pa.string()),
    ("tenant", pa.string()),
    ("domain", pa.string()),
    ("session_id", pa.string()),
    ("user", pa.string()),
    ("turn", pa.int64()),
    ("seq", pa.int64()),
    ("at", pa.timestamp("us", tz="UTC")),
    ("release", pa.string()),
]
FIGURES = [
    ("query", pa.string()),
    ("response", pa.string()),
    ("reply_kind", pa.string()),
    ("intent", pa.string()),
    ("topic", pa.string()),
    ("confidence", pa.float32()),
    ("label_source", pa.string()),
    ("arm", pa.string()),
    ("suggested", pa.list_(pa.string())),
    ("hit", pa.bool_()),
    ("verdict", pa.string()),
    ("grade", pa.string()),
    ("duration_ms", pa.float64()),
    ("rating", pa.int8()),
    ("resolved", pa.bool_()),
    ("outcome", pa.string()),
    ("sample", pa.bool_()),
]
TURN_FIGURES = [name for name, _ in FIGURES if name in TurnFinished.model_fields]
"""Those that are fields of a turn; to ask a record for a field that it lacks costs as much as ten others."""

PARTITION = re.compile(r".*/year=\d+/month=\d+/day=\d+/[^/]+\.parquet")
"""Name of a file of the lake; whatever else lies beside is none of its business."""

SCHEMAS = {
    EVENTS: pa.schema([*ENVELOPE, ("body", pa.string())]),
    SESSIONS: pa.schema([*ENVELOPE, *FIGURES, ("body", pa.string())]),
}
"""Columns of each table; `body` is the whole event as JSON. Columns are only ever added."""


class ParquetLake:
    """`Lake` of Parquet files, wherever these lie.

    A file that cannot be read stops the scan with `LakeFileBroken`: to learn from the rest in silence
    would change what the same lake teaches.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def write(self, events: Sequence[SessionEvent]) -> None:
        await asyncio.to_thread(self._write, events)

    def _write(self, events: Sequence[SessionEvent]) -> None:
        """Write one file a day and table; its name follows from its events, so again is the same file."""
        by_day: dict[str, dict[str, dict[str, Any]]] = {}
        for event in events:
            day = f"year={event.at.astimezone(UTC):%Y/month=%m/day=%d}"
            row = _row(event)
            by_day.setdefault(f"{EVENTS}/{day}", {})[row["event_id"]] = row
            if event.kind in LEARNED:
                by_day.setdefault(f"{SESSIONS}/{day}", {})[row["event_id"]] = row
        for part, rows in by_day.items():
            name = hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()[:32]
            data = _parquet(rows.values(), SCHEMAS[part.split("/year=")[0]])
            self._objects.put(f"{part}/{name}.parquet", data)

    async def scan(self, *, tenant: str, domain: str | None = None) -> AsyncIterator[SessionEvent]:
        wanted = ds.field("tenant") == tenant
        if domain is not None:
            wanted &= ds.field("domain") == domain
        async for event in self._read(SESSIONS, wanted):
            yield event

    async def files(self) -> list[LakeFile]:
        return await asyncio.to_thread(self._files, SESSIONS)

    async def columns(self, file: LakeFile, *, tenant: str, domain: str) -> pa.Table:
        return await asyncio.to_thread(_columns, self._objects, file.name, tenant, domain)

    async def guided_turns(self, file: LakeFile, *, tenant: str, domain: str) -> list[TurnFinished]:
        return await asyncio.to_thread(_guided_turns, self._objects, file.name, tenant, domain)

    async def session(self, session_id: str, *, tenant: str) -> AsyncIterator[SessionEvent]:
        wanted = (ds.field("session_id") == session_id) & (ds.field("tenant") == tenant)
        found = [event async for event in self._read(EVENTS, wanted)]
        for event in sorted(found, key=lambda event: (event.turn, event.seq)):
            yield event

    async def recent(self, tenant: str, *, domain: str, limit: int) -> list[TurnFinished]:
        """Return the last turns of a domain, newest first."""
        return await asyncio.to_thread(self._recent, tenant, domain, limit)

    def _recent(self, tenant: str, domain: str, limit: int) -> list[TurnFinished]:
        """Read the newest days first and stop when there are enough turns."""
        wanted = (ds.field("tenant") == tenant) & (ds.field("domain") == domain)
        wanted &= ds.field("kind") == "turn_finished"
        found: dict[str, TurnFinished] = {}
        days = groupby(reversed(self._files(SESSIONS)), key=_day)
        for _, of_day in days:
            for batch in _batches(self._objects, of_day, wanted):
                found |= {event.event_id: event for event in batch if isinstance(event, TurnFinished)}
            if len(found) >= limit:
                break
        return sorted(found.values(), key=lambda turn: turn.at, reverse=True)[:limit]

    async def _read(self, table: str, wanted: ds.Expression) -> AsyncIterator[SessionEvent]:
        """Yield events in batches that a thread decodes; a repeat is passed over.

        The ids of two days are held at a time, so that memory does not grow with the lake.
        """
        files = await asyncio.to_thread(self._files, table)
        before: set[str] = set()
        for _, of_day in groupby(files, key=_day):
            seen: set[str] = set()
            batches = _batches(self._objects, of_day, wanted)
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                for event in batch:
                    if event.event_id not in seen and event.event_id not in before:
                        seen.add(event.event_id)
                        yield event
            before = seen  # a repeat lies in the same day, or in the next one when it was made over midnight

    def _files(self, table: str) -> list[LakeFile]:
        return [file for file in self._objects.list(table) if PARTITION.fullmatch(file.name)]


def open_lake(folder: Path) -> ParquetLake:
    """Return the lake in `folder`, which is made with the first event."""
    return ParquetLake(FolderObjects(folder))


# --- reading ---------------------------------------------------------------------------------------


def _day(file: LakeFile) -> PurePosixPath:
    return PurePosixPath(file.name).parent


def _batches(
    objects: Objects, files: Iterable[LakeFile], wanted: ds.Expression
) -> Iterator[list[SessionEvent]]:
    """Yield the events of each file in batches that fit into memory, whatever the size of the file.

    Raises:
        LakeFileBroken: a file is damaged, or was not written by a lake.
        StorageFailed: a file cannot be opened.
    """
    for file in files:
        with _opened(objects, file.name) as data:
            yield from _decoded(data, wanted)


def _decoded(data: ds.Fragment, wanted: ds.Expression) -> Iterator[list[SessionEvent]]:
    for batch in data.to_batches(columns=["body"], filter=wanted, batch_size=DECODED_ROWS, batch_readahead=1):
        yield list(_events(batch.column("body").to_pylist()))


@contextmanager
def _opened(objects: Objects, name: str) -> Iterator[ds.Fragment]:
    """Open a file for a scan, and name it when it turns out to be no Parquet.

    Raises:
        LakeFileBroken: it is damaged, or was not written by a lake.
        StorageFailed: it cannot be opened.
    """
    with objects.open(name) as file:
        try:
            yield FORMAT.make_fragment(file)
        except (pa.ArrowException, ValueError, OSError):  # OSError: how pyarrow reports damaged pages
            raise LakeFileBroken(objects.where(name)) from None


def _columns(objects: Objects, name: str, tenant: str, domain: str) -> pa.Table:
    """Return `COLUMNS` of a file, of one domain; a column that an older version did not write is made."""
    types = {field.name: field.type for field in SCHEMAS[SESSIONS]}
    with _opened(objects, name) as data:
        there = [one for one in COLUMNS if one in data.physical_schema.names]
        absent = [one for one in COLUMNS if one not in data.physical_schema.names]
        wanted = (ds.field("tenant") == tenant) & (ds.field("domain") == domain)
        wanted &= ds.field("kind").isin(LEARNED)
        for required in REQUIRED:
            wanted &= ds.field(required).is_valid()
        found = data.to_table(columns=[*there, *(["body"] if absent else [])], filter=wanted)
        made = _from_bodies(found.column("body").to_pylist(), absent, types) if absent else {}
        return pa.table({one: made.get(one, _cast(found, one, types)) for one in COLUMNS})


def _guided_turns(objects: Objects, name: str, tenant: str, domain: str) -> list[TurnFinished]:
    """Return the turns of sessions with an arm; only their rows are decoded."""
    wanted = (ds.field("tenant") == tenant) & (ds.field("domain") == domain)
    wanted &= ds.field("kind") == "turn_finished"
    with _opened(objects, name) as data:
        if "arm" in data.physical_schema.names:
            wanted &= ds.field("arm") != "off"
        found = [event for batch in _decoded(data, wanted) for event in batch]
    return [one for one in found if isinstance(one, TurnFinished) and one.guidance.arm != "off"]


def _cast(found: pa.Table, name: str, types: Mapping[str, pa.DataType]) -> pa.ChunkedArray | None:
    return found.column(name).cast(types[name]) if name in found.column_names else None


def _from_bodies(
    bodies: Iterable[str | bytes | None], names: Iterable[str], types: Mapping[str, pa.DataType]
) -> dict[str, pa.Array]:
    """Return columns from the events as they were written, in the rows' order; what is not there is null."""
    rows = [json.loads(body) if body else {} for body in bodies]
    return {name: pa.array([row.get(name) for row in rows], types[name]) for name in names}


def _events(bodies: Iterable[str | bytes]) -> Iterator[SessionEvent]:
    """Parse; kinds that a newer version wrote are passed over."""
    for body in bodies:
        try:
            yield parse_event(body)
        except ValueError:
            continue


# --- writing ---------------------------------------------------------------------------------------


def _row(event: SessionEvent) -> dict[str, Any]:
    """Return the columns of an event; what does not apply to its kind is absent."""
    body = dump_event(event)
    if REPAIRED in body:
        event = parse_event(body)
    row: dict[str, Any] = {name: getattr(event, name) for name, _ in ENVELOPE}
    if isinstance(event, TurnFinished):
        row |= {name: getattr(event, name) for name in TURN_FIGURES}
        row |= {
            "arm": event.guidance.arm,
            "suggested": [suggestion.label for suggestion in event.guidance.suggestions],
        }
    elif isinstance(event, SessionCompleted):
        row |= {"outcome": event.outcome, "sample": event.sample}
    elif isinstance(event, FeedbackGiven):
        row |= {"rating": event.rating, "resolved": event.resolved}
        row["outcome"] = {True: "solved", False: "unsolved", None: None}[event.resolved]
    row["body"] = body
    return row


def _parquet(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> memoryview:
    """Return a Parquet file; the same rows in any order give the same bytes."""
    in_order = sorted(rows, key=lambda row: (row["tenant"], row["session_id"], row["turn"], row["seq"]))
    table = pa.table(
        {field.name: pa.array([row.get(field.name) for row in in_order], field.type) for field in schema}
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=GROUP_ROWS, write_page_checksum=True)
    return memoryview(sink.getvalue())
