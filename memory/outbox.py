"""The outbox: events are journalled here before a reply leaves, and from here they go to the lake."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from memory.events import dump_event, parse_event
from memory.records import SessionEvent, TurnFinished
from memory.sqlitefile import SqliteFile

MIGRATIONS = [
    """
    CREATE TABLE events (
        position INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
        session_id TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL
    );
    CREATE INDEX events_session ON events (tenant, session_id);
    CREATE TABLE dead (event_id TEXT PRIMARY KEY, reason TEXT NOT NULL, body BLOB NOT NULL)
    """,
]

FREED_PAGES = 200
"""Pages given back to the disk after a batch, so that the file shrinks without stopping anybody."""

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
                "INSERT OR IGNORE INTO events (event_id, tenant, session_id, kind, body) "
                "VALUES (?, ?, ?, ?, ?)",
                rows,
            )
        )

    async def drain(self, deliver: Deliver, *, batch: int = 5000) -> int:
        """Deliver the oldest events and forget them; returns how many were taken.

        They are forgotten only when `deliver` has returned, so a crash in between delivers them again.
        A row that cannot be read is put aside with the reason and holds nobody up.
        """
        rows = self._file.read("SELECT position, body FROM events ORDER BY position LIMIT ?", (batch,))
        good: list[SessionEvent] = []
        bad: list[tuple[str, int]] = []
        for position, body in rows:
            try:
                good.append(parse_event(body))
            except ValueError as error:
                bad.append((str(error), position))
        if good:
            await deliver(good)
        if rows:
            await self._file.write(lambda c: _forget(c, rows[-1][0], bad))
        return len(rows)

    def pending(self) -> int:
        """Return how many events wait (count)."""
        [(count,)] = self._file.read("SELECT count(*) FROM events")
        return int(count)

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


def _readable(bodies: Iterator[bytes]) -> Iterator[SessionEvent]:
    for body in bodies:
        try:
            yield parse_event(body)
        except ValueError:
            continue


def _forget(connection: sqlite3.Connection, last: int, bad: Sequence[tuple[str, int]]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO dead SELECT event_id, ?, body FROM events WHERE position = ?", bad
    )
    connection.execute("DELETE FROM events WHERE position <= ?", (last,))
    connection.execute(f"PRAGMA incremental_vacuum({FREED_PAGES})").fetchall()
