"""Erases a person from all that is kept in the state folder, and what was learned where they were."""

import asyncio
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from agent.settings import Settings
from graph.run import thread_id
from learning.pipeline import PATTERNS, TRAINED
from learning.preparing import TRAINING_DATA
from learning.reading import GATHERED, INTENTS
from learning.stored import Source
from memory.errors import AgentError, StorageFailed
from memory.objects import FolderObjects
from memory.parquet import EVENTS, GROUP_ROWS, PARTITION, SESSIONS
from memory.redact import user_key

OF_USER = "tenant = ? AND user = ?"
OF_EVENT = "tenant = ? AND json_extract(CAST(body AS TEXT), '$.user') = ?"
"""Rows of a user, where the user is a column and where it stands in an event."""

DOMAIN_OF_EVENT = "json_extract(CAST(body AS TEXT), '$.domain')"


class KeptElsewhere(AgentError):
    """The settings keep sessions or the lake outside of the state folder."""

    code = "agent.kept_elsewhere"
    kind = "input"

    def __init__(self, names: Sequence[str]) -> None:
        told = ", ".join(f"`{name}`" for name in names)
        super().__init__(
            f"`slipstream forget` erases from the state folder; {told} keep records elsewhere.",
            fix="Delete the rows with the user's key there, then run it without these settings for the rest.",
        )


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What was erased of one person; all zero when there was nothing, or it was done before (counts)."""

    user: str
    """Key of the user (`user_key`)."""

    sessions: int
    checkpoints: int
    waiting: int
    """Events that waited for the lake or the bus, dead letters too."""

    lake_rows: int
    lake_files: int
    """Files that were written again without the person, or taken away."""

    profiles: int
    domains: tuple[str, ...]
    """Where the person was; what was learned there is gone until the next `slipstream learn`."""

    releases: int
    """Releases that were learned there, with the person's own steps in them."""

    learned_files: int
    """Files beside them that learning had made from what the person did, or that were written again."""


async def forget(settings: Settings, user: str) -> Forgotten:
    """Erase a user of the settings' tenant; what is learned from then on knows nothing of them.

    Raises:
        KeptElsewhere: not all records are in the state folder.
        StorageFailed: a file cannot be read or written; what was erased until then is gone.
    """
    elsewhere = [name for name in ("dynamodb_table_prefix", "lake_bucket") if getattr(settings, name)]
    if settings.session_memory != "state":
        elsewhere.append("session_memory")
    if elsewhere:
        raise KeptElsewhere(elsewhere)
    key = user_key(settings.tenant, user)
    return await asyncio.to_thread(_forget, settings.state_dir, settings.tenant, key)


def _forget(state: Path, tenant: str, user: str) -> Forgotten:
    """Erase; profile and list of sessions go last, so that a run that was killed can be run again."""
    store, outbox, saver = (state / f"{name}.sqlite" for name in ("store", "outbox", "sessions"))
    sessions = _column(store, f"SELECT session_id FROM conversations WHERE {OF_USER}", tenant, user)  # noqa: S608
    sessions |= _column(outbox, f"SELECT session_id FROM events WHERE {OF_EVENT}", tenant, user)  # noqa: S608
    domains = _column(store, f"SELECT domain FROM conversations WHERE {OF_USER}", tenant, user)  # noqa: S608
    domains |= _column(outbox, f"SELECT {DOMAIN_OF_EVENT} FROM events WHERE {OF_EVENT}", tenant, user)  # noqa: S608
    waiting = sum(_delete(outbox, table, OF_EVENT, tenant, user) for table in ("events", "dead_letters"))
    lake_rows, lake_files, in_lake, domains_in_lake = _erase_from_lake(
        FolderObjects(state / "lake"), state / "lake", tenant, user
    )
    sessions, domains = sessions | in_lake, domains | domains_in_lake
    threads = [thread_id(tenant, user, session) for session in sorted(sessions)]
    checkpoints = sum(_delete(saver, "checkpoints", "thread_id = ?", thread) for thread in threads)
    for thread in threads:
        _delete(saver, "writes", "thread_id = ?", thread)
    learned_files = _erase_names(state / INTENTS, user)
    releases = 0
    for domain in sorted(domains):
        learned_files += _erase_learned(state, tenant, domain)
        releases += _erase_releases(state, tenant, domain)
    profiles = _delete(store, "profiles", OF_USER, tenant, user)
    _delete(store, "conversations", OF_USER, tenant, user)
    for file in (store, outbox, saver):
        _truncate_log(file)
    return Forgotten(
        user=user,
        sessions=len(sessions),
        checkpoints=checkpoints,
        waiting=waiting,
        lake_rows=lake_rows,
        lake_files=lake_files,
        profiles=profiles,
        domains=tuple(sorted(domains)),
        releases=releases,
        learned_files=learned_files,
    )


# --- SQLite ----------------------------------------------------------------------------------------


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


def _column(file: Path, sql: str, *values: str) -> set[str]:
    if not file.exists():
        return set()
    with _opened(file) as connection:
        return {row[0] for row in connection.execute(sql, values)}


def _delete(file: Path, table: str, where: str, *values: str) -> int:
    """Delete rows; none where the file or its table was never made."""
    if not file.exists():
        return 0
    with _opened(file) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return 0
        return connection.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608


def _truncate_log(file: Path) -> None:
    """The write-ahead log still holds the pages as they were."""
    if file.exists():
        with _opened(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


# --- the lake --------------------------------------------------------------------------------------


def _erase_from_lake(
    objects: FolderObjects, folder: Path, tenant: str, user: str
) -> tuple[int, int, set[str], set[str]]:
    """Write each file that holds the user again without them; returns rows, files, sessions and domains.

    The new file is there before the old one goes: a reader in between meets repeats, which it passes over.

    Raises:
        StorageFailed: a file cannot be read or written.
    """
    rows, files, sessions, domains = 0, 0, set[str](), set[str]()
    for table in (EVENTS, SESSIONS):
        for name in [file.name for file in objects.list(table) if PARTITION.fullmatch(file.name)]:
            try:
                whole = pq.read_table(folder / name, partitioning=None)
            except (pa.ArrowException, OSError) as error:
                raise StorageFailed(str(folder / name), str(error)) from None
            theirs = pc.and_(pc.equal(whole["tenant"], tenant), pc.equal(whole["user"], user))
            erased = whole.filter(theirs)
            if not erased.num_rows:
                continue
            rest = whole.filter(pc.invert(pc.fill_null(theirs, False)))
            if rest.num_rows:
                objects.put(_name_of(name, rest), _written(rest))
            (folder / name).unlink(missing_ok=True)
            rows, files = rows + erased.num_rows, files + 1
            sessions.update(erased["session_id"].to_pylist())
            domains.update(erased["domain"].to_pylist())
    return rows, files, sessions, domains


def _name_of(name: str, rest: pa.Table) -> str:
    """Name a file by its events, as the lake does."""
    digest = hashlib.sha256("\n".join(sorted(rest["event_id"].to_pylist())).encode()).hexdigest()[:32]
    return f"{name.rsplit('/', 1)[0]}/{digest}.parquet"


def _written(rest: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    pq.write_table(rest, sink, compression="zstd", row_group_size=GROUP_ROWS, write_page_checksum=True)
    return memoryview(sink.getvalue())


# --- what was learned ------------------------------------------------------------------------------


def _erase_names(folder: Path, user: str) -> int:
    """Write what names the user's turns again without them; returns how many files held any.

    Raises:
        StorageFailed: a file cannot be read or written.
    """
    files = 0
    for file in sorted(folder.rglob("*.parquet")):
        try:
            whole = pq.read_table(file, partitioning=None)
            rest = whole.filter(pc.not_equal(whole["user"], user))
            if rest.num_rows == whole.num_rows:
                continue
            if rest.num_rows:
                beside = file.with_name(f".{file.stem}.new")
                pq.write_table(rest, beside, compression="zstd")
                beside.replace(file)
            else:
                file.unlink()
        except (pa.ArrowException, OSError) as error:
            raise StorageFailed(str(file), str(error)) from None
        files += 1
    return files


def _erase_learned(state: Path, tenant: str, domain: str) -> int:
    """Remove what learning keeps of a domain between runs; the next run makes it anew from the lake."""
    place = f"domain={quote(domain, safe='')}/tenant={quote(tenant, safe='')}"
    source = Source(tenant, domain, classifier="").folder
    folders = [state / GATHERED / source, state / TRAINED / source]
    folders += [*(state / PATTERNS).glob(f"*/{place}"), *(state / TRAINING_DATA).glob(f"*/{place}")]
    return sum(_remove(folder) for folder in folders)


def _erase_releases(state: Path, tenant: str, domain: str) -> int:
    """Take every release of a domain out of service, then remove its files; returns how many there were.

    Each holds the last steps of every user, and patterns that may now rest on too few people.
    """
    store, of_domain = state / "store.sqlite", "tenant = ? AND domain = ?"
    found = f"SELECT json_extract(body, '$.path') FROM releases WHERE {of_domain}"  # noqa: S608
    paths = _column(store, found, tenant, domain)
    _delete(store, "live", of_domain, tenant, domain)
    for path in paths:
        _remove(state / path)
    return _delete(store, "releases", of_domain, tenant, domain)


def _remove(folder: Path) -> int:
    """Remove a folder; returns how many files were in it.

    Raises:
        StorageFailed: it cannot be removed.
    """
    files = sum(file.is_file() for file in folder.rglob("*"))
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or "it cannot be removed") from None
    return files
