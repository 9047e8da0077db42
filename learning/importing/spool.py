"""What was read, in a private file that is gone when closed: turns are put together, sessions put in order.

Rows of one turn lie anywhere in an export, and an export may be larger than memory; SQLite sorts on disk.
Whatever comes here is clean: users are keys, texts are redacted.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import orjson

from learning.importing.fragment import DEEP, Fragment
from learning.importing.session import ImportedSession, ImportedTurn
from learning.recorded import EPOCH
from memory.errors import StorageFailed
from memory.records import Outcome

CACHE_KIB = 65_536
"""Memory for pages (KiB); more lies on disk."""

PENDING = 200
"""Rows written at once."""

TABLES = """
CREATE TABLE fragments (
    turn TEXT, rank INTEGER, at REAL, place TEXT, facts BLOB
);
CREATE TABLE turns (session TEXT, at REAL, turn TEXT, facts BLOB);
CREATE TABLE outcomes (session TEXT, at REAL, outcome TEXT);
CREATE TABLE sessions (
    session TEXT PRIMARY KEY, start REAL, user TEXT, turns INTEGER, labelled INTEGER, outcome TEXT, body BLOB
) WITHOUT ROWID;
"""


class Wordless(NamedTuple):
    """A turn in which nobody said anything that can be learned from."""

    turn: str
    place: str


class Figures(NamedTuple):
    """What the sessions of a spool add up to (counts)."""

    sessions: int
    turns: int
    users: int
    labelled: int
    """Turns that the log has named."""

    outcomes: int
    """Sessions of which is known how they ended."""

    first: float | None
    """Unix time at which the first session starts (seconds)."""

    last: float | None


@contextmanager
def open_spool() -> Iterator["Spool"]:
    """Open an empty spool and delete it in the end."""
    with _translated():
        connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        with _translated():
            connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.executescript(TABLES)
            connection.execute("BEGIN")  # once and for all: nothing here outlives the connection
        yield Spool(connection)
    finally:
        connection.close()


class Spool:
    """Takes sessions and fragments in any order; gives sessions back in order of their start."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._fragments: list[tuple[Any, ...]] = []

    def add_session(self, session: ImportedSession) -> bool:
        """Keep a session; False when one of its id is there already."""
        turns = session.turns
        row = (
            session.session_id,
            min(turn.at for turn in turns).timestamp(),
            session.user,
            len(turns),
            sum(turn.label is not None for turn in turns),
            session.outcome,
            orjson.dumps([tuple(turn) for turn in turns]),
        )
        with _translated():
            done = self._connection.execute("INSERT OR IGNORE INTO sessions VALUES (?,?,?,?,?,?,?)", row)
            return done.rowcount == 1

    def add_fragment(self, fragment: Fragment, place: str) -> None:
        """Keep what a row said of a turn; `place` is where the row stands."""
        at = fragment.at.timestamp() if fragment.at else None
        if not fragment.turn:
            if fragment.session and fragment.outcome:
                row = (fragment.session, at, fragment.outcome)
                with _translated():
                    self._connection.execute("INSERT INTO outcomes VALUES (?, ?, ?)", row)
            return
        facts = orjson.dumps((fragment.at, *fragment[2:]))
        self._fragments.append((fragment.turn, fragment.rank, at, place, facts))
        if len(self._fragments) >= PENDING:
            self._flush()

    def _flush(self) -> None:
        with _translated():
            self._connection.executemany("INSERT INTO fragments VALUES (?, ?, ?, ?, ?)", self._fragments)
        self._fragments = []

    def assemble(self, on_wordless: Callable[[Wordless], None], user_key: Callable[[str], str]) -> None:
        """Put turns together from fragments, and sessions from turns.

        `on_wordless` hears of what is no turn; `user_key` makes the key of a session that names no user.
        """
        self._flush()
        with _translated():
            rows = self._connection.execute("SELECT * FROM fragments ORDER BY turn, rank, at, facts")
            for turn, group in groupby(rows, key=lambda row: str(row[0])):
                facts = [(place, *orjson.loads(facts)) for _, _, _, place, facts in group]
                merged = _merge(turn, facts)
                if isinstance(merged, Wordless):
                    on_wordless(merged)
                elif merged is not None:
                    at = merged[1] or EPOCH.isoformat()
                    seconds = datetime.fromisoformat(at).timestamp()
                    self._connection.execute(
                        "INSERT INTO turns VALUES (?, ?, ?, ?)",
                        (merged[0], seconds, turn, orjson.dumps(merged)),
                    )
            self._connection.execute("DELETE FROM fragments")
            self._sessions_from_turns(user_key)

    def _sessions_from_turns(self, user_key: Callable[[str], str]) -> None:
        said = dict(self._connection.execute("SELECT session, outcome FROM outcomes ORDER BY at"))
        rows = self._connection.execute("SELECT * FROM turns ORDER BY session, at, turn")
        for session_id, group in groupby(rows, key=lambda row: str(row[0])):
            session = _session(session_id, [(turn, *orjson.loads(facts)) for _, _, turn, facts in group])
            outcome = said.get(session_id, session.outcome)
            user = session.user or user_key(session_id)
            self.add_session(session._replace(outcome=outcome, user=user))

    def sessions(self) -> Iterator[ImportedSession]:
        """Yield all sessions by their start, so that neighbours lie in the same days of the lake."""
        with _translated():
            rows = self._connection.execute(
                "SELECT session, user, outcome, body FROM sessions ORDER BY start, session"
            )
            for session_id, user, outcome, body in rows:
                yield ImportedSession(session_id, user, _load(body), outcome)

    def figures(self) -> "Figures":
        """Return what the sessions add up to."""
        with _translated():
            [row] = self._connection.execute(
                "SELECT count(*), coalesce(sum(turns), 0), count(DISTINCT user), coalesce(sum(labelled), 0), "
                "coalesce(sum(outcome != 'unknown'), 0), min(start), max(start) FROM sessions"
            )
        return Figures(*row)


# --- turns from fragments --------------------------------------------------------------------------


def _merge(turn: str, facts: list[tuple[Any, ...]]) -> tuple[Any, ...] | Wordless | None:
    """Return session, time, user, query, response, label, outcome and duration of a turn.

    `facts` come by rank, then by time. Who speaks for the whole turn is heard first; of equal ones the first
    knows what was asked, the last what was answered and how it ended.
    """
    columns = list(zip(*facts, strict=True))
    places, ats, ranks, sessions, users, queries, responses, labels, outcomes, durations = columns
    query, label = _first(queries), _first(labels)
    if query is None and label is None:
        # a score of a trace that is not in the export, or a call that embeds, is nothing to worry about
        return Wordless(turn, places[0]) if min(ranks) < DEEP or any(sessions) else None
    at = min((at for at in ats if at), key=datetime.fromisoformat, default=None)
    return (
        _first(sessions) or turn,
        at,
        _first(users),
        query or "",
        _answer(ranks, responses),
        label,
        _first(outcomes[::-1]) or "unknown",
        _first(durations) or 0.0,
    )


def _answer(ranks: tuple[int, ...], responses: tuple[str | None, ...]) -> str:
    """Return the last answer of the highest rank that has one."""
    answers = [
        (-rank, number, text)
        for number, (rank, text) in enumerate(zip(ranks, responses, strict=True))
        if text
    ]
    return max(answers, default=(0, 0, ""))[2]


def _first(values: tuple[Any, ...]) -> Any:
    return next((value for value in values if value is not None), None)


def _session(session_id: str, turns: list[tuple[Any, ...]]) -> ImportedSession:
    """Return a session of turns in order; its last known outcome is how it ended."""
    known: list[Outcome] = [row[7] for row in turns if row[7] != "unknown"]
    return ImportedSession(
        session_id,
        _first(tuple(row[3] for row in turns)),
        [
            ImportedTurn(
                datetime.fromisoformat(at) if at else EPOCH, query, response, label, turn, duration_ms
            )
            for turn, _, at, _, query, response, label, _, duration_ms in turns
        ],
        known[-1] if known else "unknown",
    )


def _load(body: bytes) -> list[ImportedTurn]:
    return [ImportedTurn(datetime.fromisoformat(at), *rest) for at, *rest in orjson.loads(body)]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageFailed("the temporary folder", str(error)) from error
