"""The outbox: events are journalled here before a reply leaves, and go on from here to the lake and the bus.

Each destination has a queue of its own, so that one that is down does not hold the other up.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from memory.errors import AgentError, StorageFailed
from memory.events import dump_event, parse_event
from memory.ids import make_event_id
from memory.records import EventsDropped, SessionEvent, TurnFinished
from memory.sqlitefile import Migration, SqliteFile

Queue = Literal["lake", "bus"]
QUEUES: tuple[Queue, ...] = ("lake", "bus")

MIGRATIONS: list[Migration] = [
    (
        """CREATE TABLE events (
            position INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
            session_id TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL
        )""",
        "CREATE INDEX events_session ON events (tenant, session_id)",
        "CREATE TABLE dead (event_id TEXT PRIMARY KEY, reason TEXT NOT NULL, body BLOB NOT NULL)",
    ),
    (
        "ALTER TABLE events RENAME TO events_before",
        "DROP INDEX events_session",
        # Positions are never used twice: whoever deletes what it has delivered cannot meet anything newer.
        """CREATE TABLE events (
            position INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, event_id TEXT NOT NULL,
            tenant TEXT NOT NULL, session_id TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
            tries INTEGER NOT NULL DEFAULT 0, UNIQUE (event_id, queue)
        )""",
        """INSERT INTO events (position, queue, event_id, tenant, session_id, kind, body)
            SELECT position, 'lake', event_id, tenant, session_id, kind, body FROM events_before""",
        "DROP TABLE events_before",
        "CREATE INDEX events_session ON events (tenant, session_id)",
        "CREATE INDEX events_queue ON events (queue, position)",
        """CREATE TABLE dead_letters (
            queue TEXT, event_id TEXT, tenant TEXT NOT NULL, session_id TEXT NOT NULL, kind TEXT NOT NULL,
            reason TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (queue, event_id)
        )""",
        "INSERT INTO dead_letters SELECT 'lake', event_id, '', '', '', reason, body FROM dead",
        "DROP TABLE dead",
        "CREATE TABLE dropped (kind TEXT PRIMARY KEY, count INTEGER NOT NULL)",
        "CREATE TABLE troubles (queue TEXT PRIMARY KEY, reason TEXT NOT NULL)",
    ),
]

# A repeat of what still waits for the lake is passed over. Rows for the bus go in before those for the lake,
# which has every event, so that the same question answers for both.
INSERT = """INSERT OR IGNORE INTO events (queue, event_id, tenant, session_id, kind, body)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE event_id = ?2 AND queue = 'lake')"""

# The window ends a batch at a size as well as at a number.
TAKE = """SELECT position, event_id, tries, body FROM (
        SELECT *, sum(length(body)) OVER (ORDER BY position) - length(body) AS bytes_before
        FROM events WHERE queue = ? ORDER BY position LIMIT ?
    ) WHERE bytes_before < ?"""

NOTE_TROUBLE = "INSERT OR REPLACE INTO troubles VALUES (?, ?)"

FREED_PAGES = 2000
"""Pages given back to the disk after a batch, so that the file shrinks without stopping anybody for long."""

MOST_BYTES = 256_000_000
"""Waiting events above which those of low value are dropped (bytes)."""

BATCH_BYTES = 32_000_000
"""Where a batch ends before it has its number of events (bytes), so that it fits into memory."""

MOST_TRIES = 10
"""Times an event itself is refused until it is a dead letter; a service that is down counts none."""

LOW_VALUE = frozenset({"turn_started", "node_finished", "model_called", "tool_called"})
"""Kinds that only a trace shows: dropped first when too much waits. What is learned from is never dropped."""


class BacklogFull(StorageFailed):
    """So many events wait for a destination that is down that no more are taken."""

    code = "memory.backlog_full"

    def __init__(self, path: Path, used: int) -> None:
        AgentError.__init__(
            self,
            f"`{path}` holds {used / 1e6:,.0f} MB of events that wait, and takes no more.",
            fix="`slipstream events status` says what they wait for; raise `backlog_mb` if there is room.",
        )


class Refusal(NamedTuple):
    """Why an event was not taken."""

    reason: str
    fate: Literal["dead", "again", "held"] = "again"
    """`dead`: it never will be; `again`: a try is counted; `held`: not its own fault, or not even tried."""

    after_s: float = 0.0
    """Wait asked for by the service (seconds)."""


Deliver = Callable[[Sequence[SessionEvent]], Awaitable[Mapping[str, Refusal] | None]]
"""Takes events, oldest first; returns those it did not take, by id. When it raises, it took none."""


class DeadLetter(NamedTuple):
    """An event that was put aside because it could not be delivered."""

    queue: Queue
    event_id: str
    session_id: str
    kind: str
    reason: str


class QueueStatus(NamedTuple):
    """What waits for one destination."""

    queue: Queue
    waiting: int
    dead: int
    trouble: str | None
    """Why the last delivery failed; `None` when it did not."""


@contextmanager
def open_outbox(
    path: Path, *, announced: Collection[str] = (), most_bytes: int = MOST_BYTES
) -> Iterator["SqliteOutbox"]:
    """Open the journal and close it in the end; events of the `announced` kinds go to the bus too.

    Raises:
        StorageFailed: it cannot be used.
    """
    file = SqliteFile(path, MIGRATIONS, synchronous="FULL")
    try:
        yield SqliteOutbox(file, announced=announced, most_bytes=most_bytes)
    finally:
        file.close()


class SqliteOutbox:
    """`EventSink` that hands its events on, at least once and in order."""

    def __init__(
        self, file: SqliteFile, *, announced: Collection[str] = (), most_bytes: int = MOST_BYTES
    ) -> None:
        self._file = file
        self._announced = frozenset(announced)
        self._most_bytes = most_bytes

    async def append(self, events: Sequence[SessionEvent]) -> None:
        """Write all or none.

        Raises:
            StorageFailed: they could not be stored, or (`BacklogFull`) too much waits already.
        """
        dropped: Counter[str] = Counter()
        used = self.used_bytes()
        if used > 2 * self._most_bytes:
            await self._file.write(lambda c: _count_dropped(c, Counter(event.kind for event in events)))
            raise BacklogFull(self._file.path, used)
        if used > self._most_bytes:
            events, dropped = _without_low_value(events)
        rows = [("lake", e.event_id, e.tenant, e.session_id, e.kind, dump_event(e)) for e in events]
        announced = [("bus", *row[1:]) for row in rows if row[4] in self._announced]

        def store(connection: sqlite3.Connection) -> None:
            connection.executemany(INSERT, [*announced, *rows])
            _count_dropped(connection, dropped)

        await self._file.write(store)

    async def drain(self, deliver: Deliver, *, queue: Queue = "lake", batch: int = 5000) -> int:
        """Deliver the oldest events and forget what was taken; returns how many left the queue.

        They are forgotten only when `deliver` has returned, so a crash in between delivers them again.
        A row that cannot be read, or is refused for good, becomes a dead letter and holds nobody up. While
        somebody else drains, nothing is taken.
        """
        if not self.is_waiting(queue):
            return 0
        claim = self._claim(queue)
        if claim is None:
            return 0
        with closing(claim):
            taken = await asyncio.to_thread(self._take, queue, batch)
            try:
                refused = (await deliver(taken.events) or {}) if taken.events else {}
            except AgentError as failure:
                await self._note_trouble(queue, str(failure))
                raise
            left = await self._file.write(lambda c: taken.settle(c, refused))
            await self._file.shrink(FREED_PAGES)
            return left

    def pending(self, queue: Queue = "lake") -> int:
        """Return how many events wait (count)."""
        [(count,)] = self._file.read("SELECT count(*) FROM events WHERE queue = ?", (queue,))
        return int(count)

    def is_waiting(self, queue: Queue) -> bool:
        """True while an event waits in `queue`; dead letters wait for nothing. Quick."""
        return bool(self._file.read("SELECT 1 FROM events WHERE queue = ? LIMIT 1", (queue,)))

    def used_bytes(self) -> int:
        """Return how much of the file holds something (bytes)."""
        [(used,)] = self._file.read(
            "SELECT (page_count - freelist_count) * page_size "
            "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(used)

    def status(self) -> list[QueueStatus]:
        """Return what waits for each destination."""
        found = []
        for queue in QUEUES:
            [(dead,)] = self._file.read("SELECT count(*) FROM dead_letters WHERE queue = ?", (queue,))
            trouble = self._file.read("SELECT reason FROM troubles WHERE queue = ?", (queue,))
            found.append(QueueStatus(queue, self.pending(queue), dead, trouble[0][0] if trouble else None))
        return found

    def dead(self) -> int:
        """Return how many dead letters there are (count)."""
        return sum(status.dead for status in self.status())

    def dead_letters(self, *, limit: int) -> list[DeadLetter]:
        """Return the oldest dead letters."""
        rows = self._file.read(
            "SELECT queue, event_id, session_id, kind, reason FROM dead_letters ORDER BY rowid LIMIT ?",
            (limit,),
        )
        return [DeadLetter(*row) for row in rows]

    def dropped(self) -> dict[str, int]:
        """Return how many events were ever dropped because too much waited (count), by kind."""
        return dict(self._file.read("SELECT kind, count FROM dropped ORDER BY kind"))

    async def redrive(self) -> int:
        """Put every dead letter back into its queue, behind what waits; returns how many (count)."""

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "INSERT OR IGNORE INTO events (queue, event_id, tenant, session_id, kind, body) "
                "SELECT queue, event_id, tenant, session_id, kind, body FROM dead_letters ORDER BY rowid"
            )
            return connection.execute("DELETE FROM dead_letters").rowcount

        return await self._file.write(work)

    async def session(self, session_id: str, tenant: str) -> list[SessionEvent]:
        """Return the events of one session that wait for the lake."""
        rows = self._file.read(
            "SELECT body FROM events WHERE queue = 'lake' AND tenant = ? AND session_id = ? "
            "ORDER BY position",
            (tenant, session_id),
        )
        return list(_readable(body for (body,) in rows))

    async def recent(self, tenant: str, *, limit: int) -> list[TurnFinished]:
        """Return the last waiting turns, newest first."""
        rows = self._file.read(
            "SELECT body FROM events WHERE queue = 'lake' AND tenant = ? AND kind = 'turn_finished' "
            "ORDER BY position DESC LIMIT ?",
            (tenant, limit),
        )
        return [event for event in _readable(body for (body,) in rows) if isinstance(event, TurnFinished)]

    def _take(self, queue: Queue, batch: int) -> "_Batch":
        rows = self._file.read(TAKE, (queue, batch, BATCH_BYTES))
        events: list[SessionEvent] = []
        unreadable: dict[str, str] = {}
        for _, event_id, _, body in rows:
            try:
                events.append(parse_event(body))
            except ValueError as error:
                unreadable[event_id] = str(error)
        taken = {event_id: (position, tries) for position, event_id, tries, _ in rows}
        return _Batch(queue, taken, events, unreadable)

    async def _note_trouble(self, queue: Queue, reason: str) -> None:
        """Keep the reason for `status`; where not even that can be written, the failure itself says it."""
        with suppress(StorageFailed):
            await self._file.write(lambda c: c.execute(NOTE_TROUBLE, (queue, reason)))

    def _claim(self, queue: Queue) -> sqlite3.Connection | None:
        """Take the right to drain, given up on closing; `None` when somebody else has it.

        The lease is a lock on a file beside the journal: one that a killed process leaves is gone at once,
        and no clock says when it ends.
        """
        path = self._file.path.with_suffix(".drain" if queue == "lake" else f".drain-{queue}")
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
    """What one round takes out of a queue."""

    queue: Queue
    rows: dict[str, tuple[int, int]]
    """Position, and how often it was refused before, by event id."""

    events: list[SessionEvent]
    unreadable: dict[str, str]
    """Reason by event id."""

    def settle(self, connection: sqlite3.Connection, refused: Mapping[str, Refusal]) -> int:
        """Forget what was taken, count tries, put aside what is dead; returns how many rows left."""
        dead = {id_: one.reason for id_, one in refused.items() if self._is_dead(id_, one)} | self.unreadable
        again = [id_ for id_, one in refused.items() if one.fate == "again" and id_ not in dead]
        leaving = [id_ for id_ in self.rows if id_ not in refused or id_ in dead]
        connection.executemany(
            "INSERT OR REPLACE INTO dead_letters "
            "SELECT queue, event_id, tenant, session_id, kind, ?, body FROM events WHERE position = ?",
            [(reason, self.rows[id_][0]) for id_, reason in dead.items()],
        )
        connection.executemany(
            "UPDATE events SET tries = tries + 1 WHERE position = ?", [(self.rows[id_][0],) for id_ in again]
        )
        connection.executemany(
            "DELETE FROM events WHERE position = ?", [(self.rows[id_][0],) for id_ in leaving]
        )
        waiting = [one.reason for id_, one in refused.items() if id_ not in dead]
        if waiting:
            connection.execute(NOTE_TROUBLE, (self.queue, waiting[0]))
        else:
            connection.execute("DELETE FROM troubles WHERE queue = ?", (self.queue,))
        return len(leaving)

    def _is_dead(self, event_id: str, refusal: Refusal) -> bool:
        is_last = self.rows[event_id][1] + 1 >= MOST_TRIES
        return refusal.fate == "dead" or (refusal.fate == "again" and is_last)


def _without_low_value(events: Sequence[SessionEvent]) -> tuple[list[SessionEvent], Counter[str]]:
    """Put one `gap` event a turn in place of what is dropped."""
    kept: list[SessionEvent] = []
    gaps: dict[tuple[str, str, int], tuple[SessionEvent, Counter[str]]] = {}
    for event in events:
        if event.kind in LOW_VALUE:
            _, counts = gaps.setdefault((event.tenant, event.session_id, event.turn), (event, Counter()))
            counts[event.kind] += 1
        else:
            kept.append(event)
    marks = [_gap(first, counts) for first, counts in gaps.values()]
    return [*marks, *kept], sum((counts for _, counts in gaps.values()), Counter())


def _gap(first: SessionEvent, counts: Counter[str]) -> EventsDropped:
    envelope = {name: getattr(first, name) for name in ("session_id", "tenant", "domain", "user", "turn")}
    return EventsDropped(
        **envelope,
        event_id=make_event_id(
            first.session_id, f"gap:{first.event_id}", first.turn, first.seq, tenant=first.tenant
        ),
        seq=first.seq,
        at=first.at,
        release=first.release,
        redactor=first.redactor,
        dropped=dict(counts),
    )


def _count_dropped(connection: sqlite3.Connection, dropped: Counter[str]) -> None:
    connection.executemany(
        "INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        dropped.items(),
    )


def _readable(bodies: Iterable[bytes]) -> Iterator[SessionEvent]:
    """Yield what this version can read; a newer one may have written the rest."""
    for body in bodies:
        try:
            yield parse_event(body)
        except ValueError:
            continue
