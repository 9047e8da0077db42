"""Erases a person's rows: from SQLite files, overwritten, and from the files of a lake."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from memory.errors import StorageFailed
from memory.objects import Objects
from memory.parquet import EVENTS, GROUP_ROWS, PARTITION, SESSIONS

OF_USER = "tenant = ? AND user = ?"
OF_EVENT = "tenant = ? AND json_extract(CAST(body AS TEXT), '$.user') = ?"
"""Rows of a user, where the user is a column and where it stands in an event."""

SESSION = ("session_id", "domain")


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that is there; what is deleted is overwritten.

    Raises:
        StorageFailed: it cannot be used.
    """
    try:
        with closing(sqlite3.connect(file, timeout=5)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            with connection:
                yield connection
    except sqlite3.Error as error:
        raise StorageFailed(str(file), str(error)) from None


def column(file: Path, sql: str, *values: str) -> set[str]:
    """Return the first column of what a query finds; nothing where the file was never made."""
    if not file.exists():
        return set()
    with _opened(file) as connection:
        return {row[0] for row in connection.execute(sql, values)}


def delete(file: Path, table: str, where: str, *values: str) -> int:
    """Delete rows; none where the file or its table was never made."""
    if not file.exists():
        return 0
    with _opened(file) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return 0
        return connection.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608


def truncate_log(file: Path) -> None:
    """The write-ahead log still holds the pages as they were."""
    if file.exists():
        with _opened(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class SqliteRecords:
    """What `SqliteStore` holds of one tenant, to be erased for good."""

    def __init__(self, file: Path, tenant: str) -> None:
        self._file = file
        self._tenant = tenant

    async def sessions(self, user: str) -> dict[str, str]:
        """Return the domain of each session of a user."""
        of_user = f"FROM conversations WHERE {OF_USER}"
        found = column(self._file, f"SELECT json_array(session_id, domain) {of_user}", self._tenant, user)
        return dict(json.loads(pair) for pair in found)

    async def erase_user(self, user: str) -> int:
        """Erase profile and sessions; returns how many profiles there were."""
        profiles = delete(self._file, "profiles", OF_USER, self._tenant, user)
        delete(self._file, "conversations", OF_USER, self._tenant, user)
        truncate_log(self._file)
        return profiles

    async def erase_releases(self, domain: str) -> list[str]:
        """Erase the releases of a domain, the live one too; returns the paths of their files."""
        of_domain = "tenant = ? AND domain = ?"
        found = f"SELECT json_extract(body, '$.path') FROM releases WHERE {of_domain}"  # noqa: S608
        paths = column(self._file, found, self._tenant, domain)
        for table in ("live", "releases"):
            delete(self._file, table, of_domain, self._tenant, domain)
        return sorted(paths)


# --- the lake --------------------------------------------------------------------------------------


class InLake(NamedTuple):
    """Where a user is in a lake."""

    files: list[str]
    sessions: dict[str, str]
    """The domain of each session."""


def find_in_lake(objects: Objects, tenant: str, user: str) -> InLake:
    """Look through the whole lake for a user.

    Raises:
        StorageFailed: a file cannot be read.
    """
    found = InLake([], {})
    for name in [file.name for table in (EVENTS, SESSIONS) for file in objects.list(table)]:
        if PARTITION.fullmatch(name):
            rows = _read(objects, name, ["tenant", "user", "session_id", "domain"])
            rows = rows.filter(_is_theirs(rows, tenant, user))
            if rows.num_rows:
                found.files.append(name)
                found.sessions.update(zip(*(rows[column].to_pylist() for column in SESSION), strict=True))
    return found


def erase_from_lake(objects: Objects, files: Sequence[str], tenant: str, user: str) -> int:
    """Write files again without a user; returns how many rows that took.

    The new file is there before the old one goes: a reader in between meets repeats, which it passes over.

    Raises:
        StorageFailed: a file cannot be read or written.
    """
    erased = 0
    for name in files:
        whole = _read(objects, name)
        rest = whole.filter(pc.invert(_is_theirs(whole, tenant, user)))
        if rest.num_rows:
            objects.put(_name_of(name, rest), _written(rest))
        objects.delete(name)
        erased += whole.num_rows - rest.num_rows
    return erased


def _is_theirs(rows: pa.Table, tenant: str, user: str) -> pa.ChunkedArray:
    theirs = pc.and_(pc.equal(rows["tenant"], tenant), pc.equal(rows["user"], user))
    return pc.fill_null(theirs, False)


def _read(objects: Objects, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    with objects.open(name) as file:
        try:
            return pq.read_table(file, columns=columns, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise StorageFailed(objects.where(name), str(error)) from None


def _name_of(name: str, rest: pa.Table) -> str:
    """Name a file by its events, as the lake does."""
    digest = hashlib.sha256("\n".join(sorted(rest["event_id"].to_pylist())).encode()).hexdigest()[:32]
    return f"{name.rsplit('/', 1)[0]}/{digest}.parquet"


def _written(rest: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    pq.write_table(rest, sink, compression="zstd", row_group_size=GROUP_ROWS, write_page_checksum=True)
    return memoryview(sink.getvalue())
