"""A person is erased from all files of the state folder, and nobody else is touched."""

import shutil
from pathlib import Path

import pytest

from agent.forgetting import Forgotten, KeptElsewhere, forget
from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from memory.records import Profile
from memory.redact import user_key
from memory.turns import TurnReply, TurnRequest

pytestmark = pytest.mark.anyio

ANN, BOB = "ann", "bob"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder in which two people asked, one part of it in the lake and the rest still waiting."""
    folder = tmp_path_factory.mktemp("forget")
    new_domain("shop", folder / "domains")
    runtime = await open_runtime(settings_of(folder))
    try:
        for user in (ANN, BOB):
            await ask(runtime, user, "one", f"How can {user} export zebra{user} data?")
            await runtime.end_session(tenant="local", user=user, session_id=f"{user}-one")
        await runtime.drain()
        for user in (ANN, BOB):
            await ask(runtime, user, "two", f"Why does the zebra{user} import fail?")
    finally:
        await runtime.close()
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "run")


def settings_of(folder: Path) -> Settings:
    return Settings(
        state_dir=folder / "state", domains_dir=folder / "domains", domain="shop", tenant="local", user=ANN
    )


async def ask(runtime: Runtime, user: str, session: str, query: str) -> TurnReply:
    return await runtime.turn(
        TurnRequest(
            query=query,
            domain="shop",
            tenant="local",
            user=user,
            session_id=f"{user}-{session}",
            request_id=f"{user}-{session}",
        )
    )


def holding(folder: Path, text: str) -> list[str]:
    """Return the files in which a text stands, packed columns of the lake included."""
    import pyarrow.parquet as pq

    found = []
    for file in sorted((folder / "state").rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            if file.suffix == ".parquet" and "lake" in file.parts:
                data = str(pq.read_table(file, partitioning=None).to_pylist()).encode()
            if text.encode() in data:
                found.append(file.name)
    return found


async def test_nothing_of_the_person_is_left_and_the_other_is_whole(folder: Path) -> None:
    before = holding(folder, "zebrabob")

    done = await forget(settings_of(folder), ANN)

    assert (done.sessions, done.profiles) == (2, 1)
    assert min(done.checkpoints, done.waiting, done.lake_rows, done.lake_files) > 0
    assert holding(folder, "zebraann") == []
    assert holding(folder, user_key("local", ANN)) == []
    assert len(holding(folder, "zebrabob")) == len(before) > 1


async def test_again_finds_nothing_and_the_program_goes_on(folder: Path) -> None:
    await forget(settings_of(folder), ANN)

    again = await forget(settings_of(folder), ANN)

    assert again == Forgotten(
        user=user_key("local", ANN),
        sessions=0,
        checkpoints=0,
        waiting=0,
        lake_rows=0,
        lake_files=0,
        profiles=0,
    )
    runtime = await open_runtime(settings_of(folder))
    try:
        assert (await ask(runtime, ANN, "one", "How can I export my data?")).turn == 1
        assert (await ask(runtime, BOB, "three", "And what about the price?")).turn == 1
        assert {turn.user for turn in await runtime.traces("shop", 100)} == {
            user_key("local", ANN),
            user_key("local", BOB),
        }
        profiles = runtime._parts.store.profiles("local")
        assert (await profiles.get(user_key("local", BOB))) != Profile(user=user_key("local", BOB))
    finally:
        await runtime.close()


async def test_the_same_name_at_another_tenant_is_another_person(folder: Path) -> None:
    elsewhere = settings_of(folder).model_copy(update={"tenant": "acme"})

    done = await forget(elsewhere, ANN)

    assert (done.sessions, done.lake_rows, done.profiles) == (0, 0, 0)
    assert holding(folder, "zebraann")


async def test_an_empty_folder_has_nothing_to_forget(tmp_path: Path) -> None:
    assert (await forget(settings_of(tmp_path), ANN)).sessions == 0


async def test_records_kept_elsewhere_are_named(folder: Path) -> None:
    with pytest.raises(KeptElsewhere, match="`lake_bucket` keep records elsewhere"):
        await forget(settings_of(folder).model_copy(update={"lake_bucket": "b"}), ANN)
