"""Erases a person from wherever the settings keep anything, and what was learned where they were."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from agent.checkpoints import open_session_memory
from agent.search import open_opensearch
from agent.settings import Settings
from graph.run import thread_id
from learning.pipeline import PATTERNS, TRAINED
from learning.preparing import TRAINING_DATA
from learning.reading import GATHERED, INTENTS
from learning.stored import Source
from memory.breaker import ServiceUnavailable
from memory.erasing import (
    OF_EVENT,
    SqliteRecords,
    column,
    delete,
    erase_from_lake,
    find_in_lake,
    truncate_log,
)
from memory.errors import StorageFailed
from memory.objects import FolderObjects, Objects
from memory.opensearch_patterns import Place, erase_patterns
from memory.redact import user_key
from memory.s3 import open_bucket

WAITING = ("events", "dead_letters")


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What was erased of one person; all zero when there was nothing, or it was done before (counts)."""

    user: str
    """Key of the user (`user_key`)."""

    sessions: int
    checkpoints: int
    """Checkpoints in the state folder, or sessions whose memory lay elsewhere."""

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


class Records(Protocol):
    """Profiles, sessions and releases of one tenant, wherever they are."""

    async def sessions(self, user: str) -> dict[str, str]:
        """Return the domain of each session of a user."""
        ...

    async def erase_user(self, user: str) -> int:
        """Erase profile and sessions; returns how many profiles there were."""
        ...

    async def erase_releases(self, domain: str) -> list[str]:
        """Erase the releases of a domain; returns the paths of their files."""
        ...


async def forget(settings: Settings, user: str) -> Forgotten:
    """Erase a user of the settings' tenant; what is learned from then on knows nothing of them.

    What says where the person was goes last, so that a run that was killed can be run again.

    Raises:
        StorageFailed: something cannot be read or written; what was erased until then is gone.
    """
    state, tenant, key = settings.state_dir, settings.tenant, user_key(settings.tenant, user)
    records, lake, journal = _open_records(settings), _open_lake(settings), state / "outbox.sqlite"
    waiting = await asyncio.to_thread(_find_in_journal, journal, tenant, key)
    found = await asyncio.to_thread(find_in_lake, lake, tenant, key)
    sessions = {**waiting, **found.sessions, **await records.sessions(key)}
    checkpoints = await _erase_session_memory(settings, key, sorted(sessions))
    learned_files = await asyncio.to_thread(_erase_names, state / INTENTS, key)
    domains, releases = sorted(set(sessions.values())), 0
    for domain in domains:
        learned_files += await asyncio.to_thread(_erase_learned, state, tenant, domain)
        releases += await _erase_releases(settings, records, domain)
    return Forgotten(
        user=key,
        sessions=len(sessions),
        checkpoints=checkpoints,
        waiting=await asyncio.to_thread(_erase_from_journal, journal, tenant, key),
        lake_rows=await asyncio.to_thread(erase_from_lake, lake, found.files, tenant, key),
        lake_files=len(found.files),
        profiles=await records.erase_user(key),
        domains=tuple(domains),
        releases=releases,
        learned_files=learned_files,
    )


def _open_records(settings: Settings) -> Records:
    if settings.dynamodb_table_prefix is None:
        return SqliteRecords(settings.state_dir / "store.sqlite", settings.tenant)
    from memory.dynamodb import open_tables
    from memory.dynamodb_erasing import DynamoRecords

    return DynamoRecords(open_tables(settings.dynamodb_table_prefix), settings.tenant)


def _open_lake(settings: Settings) -> Objects:
    bucket = settings.lake_bucket
    return FolderObjects(settings.state_dir / "lake") if bucket is None else open_bucket(bucket)


def _find_in_journal(file: Path, tenant: str, user: str) -> dict[str, str]:
    """Return the domain of each session of a user that waits."""
    domain = "json_extract(CAST(body AS TEXT), '$.domain')"
    found = f"SELECT json_array(session_id, {domain}) FROM {{}} WHERE {OF_EVENT}"  # noqa: S608
    pairs = {pair for table in WAITING for pair in column(file, found.format(table), tenant, user)}
    return dict(json.loads(pair) for pair in pairs)


def _erase_from_journal(file: Path, tenant: str, user: str) -> int:
    erased = sum(delete(file, table, OF_EVENT, tenant, user) for table in WAITING)
    truncate_log(file)
    return erased


async def _erase_session_memory(settings: Settings, user: str, sessions: Sequence[str]) -> int:
    """Erase the memory of sessions; returns how many checkpoints (elsewhere: sessions) there were."""
    threads = [thread_id(settings.tenant, user, session) for session in sessions]
    if settings.session_memory == "state":
        return await asyncio.to_thread(_erase_threads, settings.state_dir / "sessions.sqlite", threads)
    found = 0
    try:
        async with AsyncExitStack() as stack:
            memory = await open_session_memory(settings, stack)
            for thread in threads:
                at: Any = {"configurable": {"thread_id": thread, "actor_id": user}}
                found += await memory.saver.aget_tuple(at) is not None
                await memory.erase(thread, user)
    except StorageFailed:
        raise
    except Exception as error:
        raise ServiceUnavailable("Session memory", type(error).__name__) from error
    return found


def _erase_threads(file: Path, threads: Sequence[str]) -> int:
    found = 0
    for thread in threads:
        found += delete(file, "checkpoints", "thread_id = ?", thread)
        delete(file, "writes", "thread_id = ?", thread)
    truncate_log(file)
    return found


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


async def _erase_releases(settings: Settings, records: Records, domain: str) -> int:
    """Take every release of a domain out of service, then remove its files; returns how many there were.

    Each holds the last steps of every user, and patterns that may now rest on too few people.
    """
    paths = await records.erase_releases(domain)
    client = open_opensearch(settings)
    if client is not None:
        with closing(client):
            await asyncio.to_thread(erase_patterns, client, Place(settings.tenant, domain))
    for path in paths:
        await asyncio.to_thread(_remove, settings.state_dir / path)
        if settings.lake_bucket is not None:
            await asyncio.to_thread(_remove_objects, open_bucket(settings.lake_bucket), path)
    return len(paths)


def _remove_objects(objects: Objects, folder: str) -> None:
    for file in objects.list(folder):
        objects.delete(file.name)


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
