"""One SQLite file: a connection, its lock, its migrations, and its errors in our words."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from memory.errors import StorageFailed

BUSY_S = 5.0
"""How long to wait for another process that writes (seconds)."""

Migration = str
"""SQL script that takes a file from one version to the next."""

Result = TypeVar("Result")


class SqliteFile:
    """A connection that threads share; blocking work goes to a thread, quick reads may run at once."""

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, synchronous: Literal["FULL", "NORMAL"]
    ) -> None:
        """Open and migrate.

        Raises:
            StorageFailed: the file cannot be used, or is of a newer version.
        """
        self._path = path
        self._lock = threading.Lock()
        with self._translated():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(f"PRAGMA synchronous={synchronous}")
        self._migrate(migrations)

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query that is known to be quick."""
        with self._translated(), self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for writing; all of it is stored, or nothing."""
        with self._translated(), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in a transaction, in a thread, because it may wait for the disk."""

        def run() -> Result:
            with self.transaction() as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        with self.transaction() as connection:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            if version > len(migrations):
                raise StorageFailed(str(self._path), f"it is of version {version}, newer than this program")
            for number in range(version, len(migrations)):
                for statement in migrations[number].split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(migrations)}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageFailed(str(self._path), str(error)) from error
