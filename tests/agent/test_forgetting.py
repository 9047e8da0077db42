"""A person is erased from all files of the state folder, and nobody else is touched."""

import shutil
from pathlib import Path

import pytest

from agent.cli import main
from agent.forgetting import Forgotten, forget
from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from learning.pipeline import NothingToLearn
from learning.recorded import RecordedSession, recorded_events
from learning.trust import MIN_USERS
from memory.histories import user_number
from memory.records import Profile, SessionEvent
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


def holding(folder: Path, text: str, encoding: str = "utf-8") -> list[str]:
    """Return the files in which a text stands, packed columns of the lake included."""
    import pyarrow.parquet as pq

    found = []
    for file in sorted((folder / "state").rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            if file.suffix == ".parquet" and "lake" in file.parts:
                data += str(pq.read_table(file, partitioning=None).to_pylist()).encode()
            if text.encode(encoding) in data:
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
        domains=(),
        releases=0,
        learned_files=0,
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


# --- what was learned ------------------------------------------------------------------------------

FEW, MANY = ["seal", "leak", "order"], ["alarm", "diagnose", "repair"]
"""Steps of as few people as a pattern may rest on, and of more."""


@pytest.fixture(scope="module")
async def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with a release in which Ann is one of the few."""
    folder = tmp_path_factory.mktemp("learned")
    new_domain("shop", folder / "domains")
    runtime = await open_runtime(settings_of(folder))
    try:
        people = [(ANN, FEW), *((f"few-{n}", FEW) for n in range(1, MIN_USERS))]
        people += [(f"many-{n}", MANY) for n in range(2 * MIN_USERS)]
        await runtime.replay([event for person in people for event in recorded(*person)])
        await ask(runtime, ANN, "own", "How can I export data?")  # a turn that learning has to name
        await runtime.learn("shop", lambda *_: None)
        await runtime.training_data("pattern-recognition", "shop", lambda *_: None)
        assert {"seal", "alarm"} <= await first_steps(runtime)
    finally:
        await runtime.close()
    return folder


def recorded(user: str, labels: list[str], *, tenant: str = "local") -> list[SessionEvent]:
    sessions = [
        RecordedSession(
            session_id=f"{user}-{day}", user_id=user, labels=labels, start=1.77e9 + 86_400 * day, success=True
        )
        for day in range(4)
    ]
    return [event for one in sessions for event in recorded_events(one, tenant=tenant, domain="shop")]


async def first_steps(runtime: Runtime) -> set[str]:
    """Return the steps with which the live patterns begin."""
    index = await runtime.patterns("shop")
    return {one.sequence[0].label for one in await index.patterns(limit=1000)} if index else set()


async def test_patterns_that_then_rest_on_too_few_people_disappear(learned: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(learned, tmp_path / "run")

    done = await forget(settings_of(folder), ANN)
    runtime = await open_runtime(settings_of(folder))
    try:
        at_once = await first_steps(runtime)
        report = await runtime.learn("shop", lambda *_: None)
        after = await first_steps(runtime)
    finally:
        await runtime.close()

    assert (done.domains, done.releases) == (("shop",), 1)
    assert at_once == set()
    assert "alarm" in after
    assert not after & set(FEW)
    assert report.users == 3 * MIN_USERS - 1


async def test_no_file_of_learning_holds_the_person(learned: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(learned, tmp_path / "run")
    key = user_key("local", ANN)
    number = user_number(key).to_bytes(8, "little").decode("latin-1")
    held = {*holding(folder, key), *holding(folder, number, encoding="latin-1")}

    done = await forget(settings_of(folder), ANN)

    assert done.learned_files > 0
    assert len(held) > 5
    assert holding(folder, key) == holding(folder, number, encoding="latin-1") == []


async def test_when_nobody_is_left_nothing_learned_is_left(learned: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(learned, tmp_path / "run")
    names = [ANN, *(f"few-{n}" for n in range(1, MIN_USERS)), *(f"many-{n}" for n in range(2 * MIN_USERS))]

    for name in names:
        await forget(settings_of(folder), name)

    runtime = await open_runtime(settings_of(folder))
    try:
        with pytest.raises(NothingToLearn):
            await runtime.learn("shop", lambda *_: None)
        assert await first_steps(runtime) == set()
    finally:
        await runtime.close()


def test_the_command_learns_again_without_the_person(
    learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(learned, tmp_path / "run")
    monkeypatch.setenv("SLIPSTREAM_DOMAINS_DIR", str(folder / "domains"))

    with pytest.raises(SystemExit) as left:
        main(["forget", "--user", ANN, "--yes", "--state", str(folder / "state")])

    told = capsys.readouterr()
    assert left.value.code in (0, None)
    assert "releases             1" in told.out
    assert f"patterns of {3 * MIN_USERS - 1} people" in told.err
