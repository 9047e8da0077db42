"""One SQLite file: its two connections, their locks, its migrations, and its errors in our words."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from memory.errors import StorageFailed

BUSY_MS = 5000
"""How long to wait for another process that writes (milliseconds)."""

JOURNAL_BYTES = 8_000_000
"""To this size the write-ahead log shrinks again after a burst."""

Migration = tuple[str, ...]
"""Statements that take a file from one version to the next."""

Result = TypeVar("Result")


class _Busy(Exception):
    """Somebody else is writing at this moment."""


class SqliteFile:
    """A file that threads and processes share.

    Reads go over a connection of their own and run at once: in WAL mode they wait for nobody. A write that
    does not reach the disk at once (`NORMAL`) runs at once too, because a thread costs four times as much;
    it goes to a thread when the file is busy, and always when it has to wait for the disk (`FULL`).
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, synchronous: Literal["FULL", "NORMAL"]
    ) -> None:
        """Open and migrate.

        Raises:
            StorageFailed: the file cannot be used, or is of a newer version.
        """
        self.path = path
        self._writes_at_once = synchronous == "NORMAL"
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        with self._translated():
            self._writer = self._connect()
            try:
                self._writer.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                self._writer.execute("PRAGMA auto_vacuum=INCREMENTAL")
                self._writer.execute("PRAGMA journal_mode=WAL")
                self._writer.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES}")
                self._writer.execute(f"PRAGMA synchronous={synchronous}")
                self._migrate(migrations)
                self._reader = self._connect()
                self._reader.execute("PRAGMA query_only=1")
            except BaseException:
                self._writer.close()
                raise

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query that is known to be quick.

        Raises:
            StorageFailed: the file cannot be read.
        """
        with self._translated(), self._reading:
            return self._reader.execute(sql, values).fetchall()

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in a transaction: all of it is stored, or nothing.

        Raises:
            StorageFailed: it could not be stored.
        """
        if self._writes_at_once:
            try:
                return self._transaction(work, wait=False)
            except _Busy:
                pass
        return await asyncio.to_thread(self._transaction, work, wait=True)

    async def shrink(self, pages: int) -> None:
        """Give up to `pages` unused pages back to the disk.

        Raises:
            StorageFailed: the file cannot be written.
        """

        def work() -> None:
            with self._translated(), self._writing:
                # A script, because `execute` stops at the first page.
                self._writer.executescript(f"PRAGMA incremental_vacuum({pages})")

        await asyncio.to_thread(work)

    def close(self) -> None:
        """Close both connections."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)

    def _transaction(self, work: Callable[[sqlite3.Connection], Result], *, wait: bool) -> Result:
        if not self._writing.acquire(blocking=wait):
            raise _Busy
        try:
            with self._translated():
                self._begin(wait=wait)
                try:
                    result = work(self._writer)
                    self._writer.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
                    raise
                return result
        finally:
            self._writing.release()

    def _begin(self, *, wait: bool) -> None:
        """Take the write lock before `work` reads anything, so that nobody can write in between."""
        self._writer.execute(f"PRAGMA busy_timeout={BUSY_MS if wait else 0}")
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY and not wait:
                raise _Busy from None
            raise

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        [version] = self._writer.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise StorageFailed(str(self.path), f"it is of version {version}, newer than this program")
        for statements in migrations[version:]:
            for statement in statements:
                self._writer.execute(statement)
        self._writer.execute(f"PRAGMA user_version={len(migrations)}")
        self._writer.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageFailed(str(self.path), str(error)) from error
