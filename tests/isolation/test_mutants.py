"""The mutation test of isolation: with any one tenant filter taken out, the checks find a leak.

Each mutant is first run unchanged, so that a check that always fails kills nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import memory.erasing
import memory.ids
import memory.parquet
import memory.sqlite
from memory.erasing import SqliteRecords
from memory.objects import FolderObjects
from memory.outbox import SqliteOutbox
from memory.parquet import ParquetLake
from memory.sqlite import SqliteConversationStore, SqliteProfileStore, SqliteRegistry
from tests.conformance import samples
from tests.isolation import world as w
from tests.isolation.mutants import mutate, mutate_statements

WORLD = w.make_world(6)
ASKED = list(w.pairs(WORLD, 400))


async def records(folder: Path) -> None:
    with w.sqlite_store(folder) as store:
        await w.plant_records(WORLD, store)
        await w.check_records(WORLD, store, ASKED)


async def journal(folder: Path) -> None:
    with w.journal(folder) as outbox:
        await outbox.append(w.events_of(WORLD))
        await w.check_journal(WORLD, outbox, ASKED[:60])


async def lake(folder: Path) -> None:
    kept = w.lake_in(folder)
    await kept.write(w.events_of(WORLD))
    await w.check_lake(WORLD, kept, ASKED[:30])


async def erasing(folder: Path) -> None:
    with w.sqlite_store(folder) as store:
        await w.check_erasing(WORLD, store, partial(SqliteRecords, folder / "store.sqlite"), ASKED)


async def erasing_from_lake(folder: Path) -> None:
    objects = FolderObjects(folder / "lake")
    await w.check_erasing_from_lake(WORLD, w.lake_in(folder), objects, ASKED[:30])


class Mutant(NamedTuple):
    """A place that filters by tenant, and how it would look without."""

    check: Callable[[Path], Awaitable[None]]
    owner: Any
    name: str
    old: str
    new: str


SQL, NO_SQL = "tenant = ?", "(tenant = ? OR 1)"
FIELD, NO_FIELD = 'ds.field("tenant") == tenant', 'ds.field("tenant") != ""'

MUTANTS = {
    "profile read": Mutant(records, SqliteProfileStore, "get", SQL, NO_SQL),
    "profile written": Mutant(records, SqliteProfileStore, "put", "(self._tenant,", "('everybody',"),
    "session found": Mutant(records, SqliteConversationStore, "_find", SQL, NO_SQL),
    "session touched": Mutant(records, SqliteConversationStore, "touch", SQL, NO_SQL),
    "session completed": Mutant(records, SqliteConversationStore, "complete", SQL, NO_SQL),
    "idle sessions": Mutant(records, SqliteConversationStore, "idle", SQL, NO_SQL),
    "sessions of a user": Mutant(records, SqliteConversationStore, "of_user", SQL, NO_SQL),
    "release promoted": Mutant(records, SqliteRegistry, "promote", "self._tenant,", "'everybody',"),
    "release known": Mutant(records, SqliteRegistry, "promote", SQL, NO_SQL),
    "live release": Mutant(records, SqliteRegistry, "live", SQL, NO_SQL),
    "releases": Mutant(records, SqliteRegistry, "releases", SQL, NO_SQL),
    "waiting session": Mutant(journal, SqliteOutbox, "session", SQL, NO_SQL),
    "waiting turns": Mutant(journal, SqliteOutbox, "recent", SQL, NO_SQL),
    "event id": Mutant(journal, memory.ids, "make_event_id", "{tenant}", "everybody"),
    "lake scan": Mutant(lake, ParquetLake, "scan", FIELD, NO_FIELD),
    "lake session": Mutant(lake, ParquetLake, "session", FIELD, NO_FIELD),
    "lake turns": Mutant(lake, ParquetLake, "_recent", FIELD, NO_FIELD),
    "lake columns": Mutant(lake, memory.parquet, "_columns", FIELD, NO_FIELD),
    "erased person": Mutant(
        erasing, SqliteRecords, "erase_user", "OF_USER,", '"(tenant = ? OR 1) AND user = ?",'
    ),
    "erased sessions": Mutant(
        erasing, SqliteRecords, "sessions", "WHERE {OF_USER}", "WHERE (1 OR {OF_USER})"
    ),
    "erased releases": Mutant(erasing, SqliteRecords, "erase_releases", SQL, NO_SQL),
    "erased rows": Mutant(
        erasing_from_lake, memory.erasing, "_is_theirs", '(rows["tenant"], tenant)', '(rows["user"], user)'
    ),
    "lake guided turns": Mutant(lake, memory.parquet, "_guided_turns", FIELD, NO_FIELD),
}

KEYS = {
    "profiles": "PRIMARY KEY (tenant, user)",
    "conversations": "PRIMARY KEY (tenant, session_id)",
    "releases": "PRIMARY KEY (tenant, domain, release_id)",
    "live": "PRIMARY KEY (tenant, domain)",
}


@pytest.mark.parametrize("check", [records, journal, lake, erasing, erasing_from_lake])
def test_unchanged_code_passes(check: Callable[[Path], Any], tmp_path: Path) -> None:
    asyncio.run(check(tmp_path))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_query_without_its_tenant_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = MUTANTS[name]
    mutate(monkeypatch, *mutant[1:])
    monkeypatch.setattr(samples, "make_event_id", memory.ids.make_event_id)  # imported by name

    with pytest.raises(AssertionError):
        asyncio.run(mutant.check(tmp_path))  # type: ignore[arg-type]


@pytest.mark.parametrize("table", KEYS)
def test_a_table_whose_key_lacks_the_tenant_is_noticed(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = KEYS[table]
    mutate_statements(monkeypatch, memory.sqlite, key, key.replace("tenant, ", ""))

    with pytest.raises(AssertionError):
        asyncio.run(records(tmp_path))
