"""The lake on disk: Parquet files in Hive partitions by day.

`raw/events` holds every event for traces and audit; `raw/sessions` holds what the learner reads, with
a column for each figure that somebody may want to query. Both keep the whole event as JSON besides.
"""

import asyncio
import hashlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from memory.errors import LakeFileBroken, StorageFailed
from memory.events import dump_event, parse_event
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

SCHEMAS = {
    EVENTS: pa.schema([*ENVELOPE, ("body", pa.string())]),
    SESSIONS: pa.schema([*ENVELOPE, *FIGURES, ("body", pa.string())]),
}
"""Columns of each table; `body` is the whole event as JSON. Columns are only ever added."""


class ParquetLake:
    """`Lake` in a folder.

    A file that cannot be read stops the scan with `LakeFileBroken`: to learn from the rest in silence
    would change what the same lake teaches.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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
            file = self._folder / part / f"{name}.parquet"
            try:
                if not file.exists():
                    _write_file(file, rows.values(), SCHEMAS[part.split("/year=")[0]])
            except OSError as error:
                raise StorageFailed(str(file), error.strerror or "it cannot be written") from None

    async def scan(self, *, tenant: str, domain: str | None = None) -> AsyncIterator[SessionEvent]:
        wanted = ds.field("tenant") == tenant
        if domain is not None:
            wanted &= ds.field("domain") == domain
        async for event in self._read(SESSIONS, wanted):
            yield event

    async def files(self) -> list[LakeFile]:
        return await asyncio.to_thread(self._list)

    def _list(self) -> list[LakeFile]:
        return [
            LakeFile(file.relative_to(self._folder).as_posix(), file.stat().st_size)
            for file in _files(self._folder / SESSIONS)
        ]

    async def columns(self, file: LakeFile, *, tenant: str, domain: str) -> pa.Table:
        return await asyncio.to_thread(_columns, self._folder / file.name, tenant, domain)

    async def guided_turns(self, file: LakeFile, *, tenant: str, domain: str) -> list[TurnFinished]:
        return await asyncio.to_thread(_guided_turns, self._folder / file.name, tenant, domain)

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
        for day in sorted((self._folder / SESSIONS).glob("year=*/month=*/day=*"), reverse=True):
            for batch in _batches(sorted(day.glob("*.parquet")), wanted):
                found |= {event.event_id: event for event in batch if isinstance(event, TurnFinished)}
            if len(found) >= limit:
                break
        return sorted(found.values(), key=lambda turn: turn.at, reverse=True)[:limit]

    async def _read(self, table: str, wanted: ds.Expression) -> AsyncIterator[SessionEvent]:
        """Yield events in batches that a thread decodes; a repeat is passed over.

        The ids of two days are held at a time, so that memory does not grow with the lake.
        """
        files = await asyncio.to_thread(_files, self._folder / table)
        before: set[str] = set()
        for _, of_day in groupby(files, key=lambda file: file.parent):
            seen: set[str] = set()
            batches = _batches(of_day, wanted)
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                for event in batch:
                    if event.event_id not in seen and event.event_id not in before:
                        seen.add(event.event_id)
                        yield event
            before = seen  # a repeat lies in the same day, or in the next one when it was made over midnight


def open_lake(folder: Path) -> ParquetLake:
    """Return the lake in `folder`, which is made with the first event."""
    return ParquetLake(folder)


# --- reading ---------------------------------------------------------------------------------------


def _files(table: Path) -> list[Path]:
    return sorted(table.glob("year=*/month=*/day=*/*.parquet"))


def _batches(files: Iterable[Path], wanted: ds.Expression) -> Iterator[list[SessionEvent]]:
    """Yield the events of each file in batches that fit into memory, whatever the size of the file.

    Raises:
        LakeFileBroken: a file is damaged, or was not written by a lake.
        StorageFailed: a file cannot be opened.
    """
    for file in files:
        with _told(file):
            data = ds.dataset(str(file), format=FORMAT, partitioning=None)
            for batch in data.to_batches(
                columns=["body"], filter=wanted, batch_size=DECODED_ROWS, batch_readahead=1
            ):
                yield list(_events(batch.column("body").to_pylist()))


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Name the file when it cannot be read."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # how pyarrow reports damaged pages
            raise LakeFileBroken(str(file)) from None
        raise StorageFailed(str(file), os.strerror(error.errno)) from None
    except (pa.ArrowException, ValueError):
        raise LakeFileBroken(str(file)) from None


def _columns(file: Path, tenant: str, domain: str) -> pa.Table:
    """Return `COLUMNS` of a file, of one domain; a column that an older version did not write is made."""
    types = {field.name: field.type for field in SCHEMAS[SESSIONS]}
    with _told(file):
        data = ds.dataset(str(file), format=FORMAT, partitioning=None)
        there = [name for name in COLUMNS if name in data.schema.names]
        absent = [name for name in COLUMNS if name not in data.schema.names]
        wanted = (ds.field("tenant") == tenant) & (ds.field("domain") == domain)
        wanted &= ds.field("kind").isin(LEARNED)
        for name in REQUIRED:
            wanted &= ds.field(name).is_valid()
        found = data.to_table(columns=[*there, *(["body"] if absent else [])], filter=wanted)
        made = _from_bodies(found.column("body").to_pylist(), absent, types) if absent else {}
        return pa.table({name: made.get(name, _cast(found, name, types)) for name in COLUMNS})


def _guided_turns(file: Path, tenant: str, domain: str) -> list[TurnFinished]:
    """Return the turns of sessions with an arm; only their rows are decoded."""
    wanted = (ds.field("tenant") == tenant) & (ds.field("domain") == domain)
    wanted &= ds.field("kind") == "turn_finished"
    with _told(file):
        if "arm" in ds.dataset(str(file), format=FORMAT, partitioning=None).schema.names:
            wanted &= ds.field("arm") != "off"
    found = [event for batch in _batches([file], wanted) for event in batch]
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


def _write_file(file: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write beside, sync, rename, sync the folder: readers see the whole file or none, even after a crash."""
    in_order = sorted(rows, key=lambda row: (row["tenant"], row["session_id"], row["turn"], row["seq"]))
    table = pa.table(
        {field.name: pa.array([row.get(field.name) for row in in_order], field.type) for field in schema}
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{secrets.token_hex(4)}.new")
    try:
        with beside.open("wb") as stream:
            pq.write_table(
                table, stream, compression="zstd", row_group_size=GROUP_ROWS, write_page_checksum=True
            )
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
