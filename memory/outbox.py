"""The outbox: events are journalled here before a reply leaves, and from here they go to the lake."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from memory.errors import StorageFailed
from memory.events import dump_event, parse_event
from memory.records import SessionEvent, TurnFinished
from memory.sqlitefile import Migration, SqliteFile

MIGRATIONS: list[Migration] = [
    (
        # Positions are never used twice: whoever deletes what it has delivered cannot meet anything newer.
        """CREATE TABLE events (
            position INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
            session_id TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL
        )""",
        "CREATE INDEX events_session ON events (tenant, session_id)",
        "CREATE TABLE dead (event_id TEXT PRIMARY KEY, reason TEXT NOT NULL, body BLOB NOT NULL)",
    ),
]

FREED_PAGES = 2000
"""Pages given back to the disk after a batch, so that the file shrinks without stopping anybody for long."""

Deliver = Callable[[Sequence[SessionEvent]], Awaitable[None]]


@contextmanager
def open_outbox(path: Path) -> Iterator["SqliteOutbox"]:
    """Open the journal and close it in the end.

    Raises:
        StorageFailed: it cannot be used.
    """
    file = SqliteFile(path, MIGRATIONS, synchronous="FULL")
    try:
        yield SqliteOutbox(file)
    finally:
        file.close()


class SqliteOutbox:
    """`EventSink` that hands its events on, at least once and in order."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def append(self, events: Sequence[SessionEvent]) -> None:
        rows = [(e.event_id, e.tenant, e.session_id, e.kind, dump_event(e)) for e in events]
        await self._file.write(
            lambda c: c.executemany(
                "INSERT INTO events (event_id, tenant, session_id, kind, body) SELECT ?1, ?2, ?3, ?4, ?5 "
                "WHERE NOT EXISTS (SELECT 1 FROM events WHERE event_id = ?1)",  # a conflict leaves a gap
                rows,
            )
        )

    async def drain(self, deliver: Deliver, *, batch: int = 5000) -> int:
        """Deliver the oldest events and forget them; returns how many were taken.

        They are forgotten only when `deliver` has returned, so a crash in between delivers them again.
        A row that cannot be read is put aside with the reason and holds nobody up. While somebody else
        drains, nothing is taken.
        """
        if self.pending() == 0:
            return 0
        claim = self._claim()
        if claim is None:
            return 0
        with closing(claim):
            taken = await asyncio.to_thread(self._take, batch)
            if taken.events:
                await deliver(taken.events)
            if taken.rows:
                await self._file.write(taken.forget)
                await self._file.shrink(FREED_PAGES)
            return taken.rows

    def pending(self) -> int:
        """Return how many events wait (count); quick for any number, because positions have no gaps."""
        [(count,)] = self._file.read(
            "SELECT (SELECT max(position) FROM events) - (SELECT min(position) FROM events) + 1"
        )
        return int(count or 0)

    def dead(self) -> int:
        """Return how many rows could not be read and were put aside (count)."""
        [(count,)] = self._file.read("SELECT count(*) FROM dead")
        return int(count)

    async def session(self, session_id: str, tenant: str) -> list[SessionEvent]:
        """Return the waiting events of one session."""
        rows = self._file.read(
            "SELECT body FROM events WHERE tenant = ? AND session_id = ? ORDER BY position",
            (tenant, session_id),
        )
        return list(_readable(body for (body,) in rows))

    async def recent(self, tenant: str, *, limit: int) -> list[TurnFinished]:
        """Return the last waiting turns, newest first."""
        rows = self._file.read(
            "SELECT body FROM events WHERE tenant = ? AND kind = 'turn_finished' "
            "ORDER BY position DESC LIMIT ?",
            (tenant, limit),
        )
        return [event for event in _readable(body for (body,) in rows) if isinstance(event, TurnFinished)]

    def _take(self, batch: int) -> "_Batch":
        rows = self._file.read("SELECT position, body FROM events ORDER BY position LIMIT ?", (batch,))
        events: list[SessionEvent] = []
        unreadable: list[tuple[str, int]] = []
        for position, body in rows:
            try:
                events.append(parse_event(body))
            except ValueError as error:
                unreadable.append((str(error), position))
        return _Batch(len(rows), rows[-1][0] if rows else 0, events, unreadable)

    def _claim(self) -> sqlite3.Connection | None:
        """Take the right to drain, given up on closing; `None` when somebody else has it.

        It is a lock on a file beside the journal: one that a killed process leaves is gone at once.
        """
        path = self._file.path.with_suffix(".drain")
        try:
            claim = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                claim.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                claim.close()
                if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                    return None
                raise
        except sqlite3.Error as error:
            raise StorageFailed(str(path), str(error)) from error
        return claim


class _Batch(NamedTuple):
    """What one round takes out of the journal."""

    rows: int
    """How many (count)."""

    last: int
    """Position of the last row taken."""

    events: list[SessionEvent]
    unreadable: list[tuple[str, int]]
    """Reason and position."""

    def forget(self, connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO dead SELECT event_id, ?, body FROM events WHERE position = ?",
            self.unreadable,
        )
        connection.execute("DELETE FROM events WHERE position <= ?", (self.last,))


def _readable(bodies: Iterable[bytes]) -> Iterator[SessionEvent]:
    """Yield what this version can read; a newer one may have written the rest."""
    for body in bodies:
        try:
            yield parse_event(body)
        except ValueError:
            continue
