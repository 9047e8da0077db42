"""What the SQLite file promises beyond its ports: errors, other processes, migrations."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from memory.errors import StorageFailed
from memory.records import Profile
from memory.sqlite import open_store
from memory.sqlitefile import SqliteFile
from tests.conformance.samples import at, release

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
TABLE = [("CREATE TABLE notes (text TEXT)",)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def start(code: str, *arguments: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def test_what_was_stored_is_there_after_opening_again(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite") as store:
        await store.profiles("acme").put(Profile(user="u-1", turns=3))
        await store.conversations("acme").open("s-1", user="u-1", domain="pumps", at=at(0))
        await store.registry("acme").publish(release("r-1"))
        await store.registry("acme").promote("pumps", "r-1")

    with open_store(tmp_path / "store.sqlite") as store:
        assert (await store.profiles("acme").get("u-1")).turns == 3
        assert (await store.conversations("acme").get("s-1", user="u-1")).domain == "pumps"
        assert await store.registry("acme").live("pumps") == release("r-1")


@pytest.mark.parametrize("name", ["x'); DROP TABLE profiles; --", '"', "a\nb", "名前", "%", ""])
async def test_a_name_is_never_taken_for_sql(tmp_path: Path, name: str) -> None:
    with open_store(tmp_path / "store.sqlite") as store:
        await store.profiles(name).put(Profile(user=name, turns=1))
        await store.profiles("acme").put(Profile(user="u-1", turns=2))

        assert (await store.profiles(name).get(name)).turns == 1
        assert (await store.profiles("acme").get("u-1")).turns == 2


async def test_two_processes_count_on_one_file_without_losing_a_step(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from memory.sqlitefile import SqliteFile
from memory.sqlite import MIGRATIONS

async def main():
    file = SqliteFile(Path(sys.argv[1]), MIGRATIONS, synchronous="NORMAL")
    def step(c):
        [n] = c.execute("SELECT coalesce(max(number), 0) FROM releases").fetchone()
        c.execute("INSERT INTO releases VALUES ('acme', 'pumps', ?, ?, '')", (f"r-{n + 1}", n + 1))
    for _ in range(100):
        await file.write(step)
    file.close()

asyncio.run(main())
"""
    workers = [start(code, tmp_path / "store.sqlite") for _ in range(3)]
    codes = [worker.wait(60) for worker in workers]
    for worker in workers:
        worker.communicate()

    assert codes == [0, 0, 0]
    with sqlite3.connect(tmp_path / "store.sqlite") as plain:
        assert plain.execute("SELECT count(*), max(number) FROM releases").fetchone() == (300, 300)
    plain.close()


async def test_a_write_waits_in_a_thread_for_a_writer_of_another_process_and_reads_go_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        profiles = store.profiles("acme")
        await profiles.put(Profile(user="u-1", turns=1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        seen: list[int] = []

        async with anyio.create_task_group() as group:
            group.start_soon(profiles.put, Profile(user="u-1", turns=2))
            await anyio.lowlevel.checkpoint()
            seen.append((await profiles.get("u-1")).turns)
            other.execute("ROLLBACK")
        seen.append((await profiles.get("u-1")).turns)
        other.close()

    assert seen == [1, 2]


async def test_a_transaction_that_fails_leaves_nothing_and_the_file_usable(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "notes.sqlite", TABLE, synchronous="NORMAL")

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes VALUES ('half')")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await file.write(half)
    await file.write(lambda c: c.execute("INSERT INTO notes VALUES ('whole')"))

    assert file.read("SELECT text FROM notes") == [("whole",)]
    file.close()


async def test_reading_cannot_write(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "notes.sqlite", TABLE, synchronous="NORMAL")

    with pytest.raises(StorageFailed, match="readonly"):
        file.read("INSERT INTO notes VALUES ('x')")
    file.close()


def test_a_file_grows_by_the_migrations_it_has_not_seen(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    SqliteFile(path, TABLE, synchronous="NORMAL").close()

    later = [*TABLE, ("ALTER TABLE notes ADD COLUMN page INTEGER", "INSERT INTO notes VALUES ('new', 7)")]
    file = SqliteFile(path, later, synchronous="NORMAL")

    assert file.read("SELECT text, page FROM notes") == [("new", 7)]
    assert file.read("PRAGMA user_version") == [(2,)]
    file.close()


def test_a_migration_that_breaks_leaves_the_old_version(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    SqliteFile(path, TABLE, synchronous="NORMAL").close()

    with pytest.raises(StorageFailed, match=r"notes\.sqlite"):
        SqliteFile(path, [*TABLE, ("CREATE TABLE more (x)", "NO SQL AT ALL")], synchronous="NORMAL")

    file = SqliteFile(path, TABLE, synchronous="NORMAL")
    assert file.read("SELECT name FROM sqlite_master WHERE type = 'table'") == [("notes",)]
    file.close()


def test_a_file_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    SqliteFile(path, [*TABLE, ("CREATE TABLE more (x)",)], synchronous="NORMAL").close()

    with pytest.raises(StorageFailed, match="version 2, newer than this program"):
        SqliteFile(path, TABLE, synchronous="NORMAL")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is a letter to my aunt, " * 200)

    with pytest.raises(StorageFailed, match=r"store\.sqlite.*not a database") as refused, open_store(path):
        pass

    assert refused.value.kind == "unavailable"
    assert path.read_bytes().startswith(b"this is a letter")


@pytest.mark.parametrize("name", ["missing/store.sqlite", "file/store.sqlite", "folder"])
def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()

    with pytest.raises(StorageFailed, match=name), open_store(tmp_path / name):
        pass


async def test_damage_inside_the_file_is_told_and_not_raised_raw(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        for number in range(300):
            await store.profiles("acme").put(Profile(user=f"u-{number}", preferences={"x": "y" * 200}))
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    async def read_all() -> None:
        with open_store(path) as store:
            for number in range(300):
                await store.profiles("acme").get(f"u-{number}")

    with pytest.raises(StorageFailed, match=r"store\.sqlite"):
        await read_all()


async def test_a_full_disk_is_told_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "notes.sqlite", TABLE, synchronous="NORMAL")
    insert = "INSERT INTO notes VALUES (?)"
    await file.write(lambda c: c.execute("PRAGMA max_page_count=4").fetchall())

    with pytest.raises(StorageFailed, match="full"):
        await file.write(lambda c: c.execute(insert, ("x" * 100_000,)))
    await file.write(lambda c: c.execute("PRAGMA max_page_count=1000").fetchall())
    await file.write(lambda c: c.execute(insert, ("y" * 100_000,)))

    assert file.read("SELECT substr(text, 1, 1) FROM notes") == [("y",)]
    assert file.read("PRAGMA integrity_check") == [("ok",)]
    file.close()
