"""Session memory wherever it may lie: what is kept, what it costs, and what happens while it is down."""

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session
from langgraph.checkpoint.base import empty_checkpoint
from pydantic import SecretStr

from agent.checkpoints import SessionMemory, open_session_memory
from agent.settings import Settings, SettingsInvalid
from graph.build import build_graph
from graph.remembering import session_memory_breaker
from graph.run import thread_id
from memory.breaker import FAILURES
from memory.records import Step
from tests.agentcore_memory import AgentCoreMemory, serve_agentcore_memory
from tests.dynamodb import own_tables
from tests.services import environment
from tests.turns import Bench, open_bench

pytestmark = pytest.mark.anyio

LEAK = "My P1 has a leaking seal, what now?"
HOW = "How do I change the seal of a P1?"
KEYS = "checkpoints of this test are signed with it"
NOBODY = "127.0.0.1:1"
"""Where no service listens."""

PLACES = [
    "state",
    pytest.param("dynamodb", marks=pytest.mark.services("dynamodb")),
    pytest.param("valkey", marks=pytest.mark.services("redis")),
    "agentcore",
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def agentcore(monkeypatch: pytest.MonkeyPatch) -> Iterator[AgentCoreMemory]:
    with serve_agentcore_memory() as server:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", server.url)
        yield server


@pytest.fixture
def settings(place: str, tmp_path: Path, agentcore: AgentCoreMemory) -> Iterator[Settings]:
    with ExitStack() as stack:
        fields: dict[str, Any] = {
            "state_dir": tmp_path / "state",
            "session_memory": place,
            "checkpoint_keys": KEYS,
        }
        fields["state_dir"].mkdir()
        if place == "dynamodb":
            fields["dynamodb_table_prefix"] = stack.enter_context(own_tables())
        if place == "valkey":
            fields["redis_url"] = environment()["REDIS_URL"]
        if place == "agentcore":
            fields["agentcore_memory_id"] = "sessions-0123456789"
        yield Settings(**fields)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[SessionMemory]:
    """Open the memory as a process of its own would."""
    async with AsyncExitStack() as stack:
        yield await open_session_memory(settings, stack)


@asynccontextmanager
async def bench_on(settings: Settings, folder: Path) -> AsyncIterator[Bench]:
    folder.mkdir(exist_ok=True)
    async with opened(settings) as memory, open_bench(folder) as bench:
        bench.graph = build_graph().compile(checkpointer=memory.saver)
        yield bench


def on_agentcore(folder: Path) -> Settings:
    return Settings(
        state_dir=folder,
        session_memory="agentcore",
        agentcore_memory_id="sessions-0123456789",
        checkpoint_keys=SecretStr(KEYS),
    )


def new_session() -> str:
    return uuid.uuid4().hex


async def remembered(bench: Bench, session: str, user: str = "ann") -> dict[str, Any]:
    config = {"configurable": {"thread_id": thread_id("local", user, session), "actor_id": user}}
    state = await bench.graph.aget_state(config)  # type: ignore[arg-type]
    return dict(state.values.get("session", {}))


@pytest.mark.parametrize("place", PLACES)
async def test_another_process_goes_on_where_the_first_one_ended(settings: Settings, tmp_path: Path) -> None:
    session = new_session()
    async with bench_on(settings, tmp_path / "one") as bench:
        await bench.ask(LEAK, session=session)
    async with bench_on(settings, tmp_path / "two") as bench:
        bench.turns[session] = 1
        reply = await bench.ask(HOW, session=session)
        kept = await remembered(bench, session)

    assert (reply.degraded, reply.turn) == ([], 2)
    assert [turn["query"] for turn in kept["turns"]] == [LEAK, HOW]
    assert kept["flow"] == ["troubleshooting/seal"] * 2
    assert kept["last_reply"]["reply"] == reply.reply


@pytest.mark.parametrize("place", PLACES)
async def test_a_request_sent_again_to_another_process_is_not_done_again(
    settings: Settings, tmp_path: Path
) -> None:
    session = new_session()
    async with bench_on(settings, tmp_path / "one") as bench:
        first = await bench.ask(LEAK, session=session, request="r-1")
    async with bench_on(settings, tmp_path / "two") as bench:
        bench.turns[session] = 1
        again = await bench.ask(LEAK, session=session, request="r-1")
        kept = await remembered(bench, session)

    assert (again.reply, again.turn) == (first.reply, 1)
    assert len(kept["turns"]) == 1


@pytest.mark.parametrize("place", PLACES)
async def test_nobody_else_finds_a_session_by_its_name(settings: Settings, tmp_path: Path) -> None:
    session = new_session()
    async with bench_on(settings, tmp_path / "one") as bench:
        await bench.ask(LEAK, session=session, user="ann")

        assert await remembered(bench, session, user="bob") == {}
        assert await remembered(bench, session, user="ann") != {}


@pytest.mark.parametrize("place", PLACES)
async def test_a_stored_row_cannot_make_objects(settings: Settings) -> None:
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"session": Step(intent="a", topic="b")}
    checkpoint["channel_versions"] = {"session": 1}
    at = {"configurable": {"thread_id": new_session(), "actor_id": "ann", "checkpoint_ns": ""}}
    async with opened(settings) as memory:
        await memory.saver.aput(at, checkpoint, {}, {"session": 1})  # type: ignore[arg-type]
        found = await memory.saver.aget_tuple(at)  # type: ignore[arg-type]

    assert found is not None
    assert not isinstance(found.checkpoint["channel_values"]["session"], Step)


# --- what it costs -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["agentcore"])
async def test_a_turn_writes_once_and_reads_twice_however_long_the_session(
    settings: Settings, agentcore: AgentCoreMemory, tmp_path: Path
) -> None:
    session, costs = new_session(), []
    async with bench_on(settings, tmp_path / "one") as bench:
        for _ in range(12):
            agentcore.calls.clear()
            agentcore.bytes = 0
            await bench.ask(LEAK, session=session)
            costs.append((agentcore.calls.count("CreateEvent"), agentcore.calls.count("ListEvents")))

    assert costs == [(1, 1)] + [(1, 2)] * 11
    assert agentcore.bytes < 40_000


@pytest.mark.services("dynamodb")
@pytest.mark.parametrize("place", ["dynamodb"])
async def test_a_turn_asks_dynamodb_a_fixed_number_of_times(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    send = URLLib3Session.send

    def count(self: URLLib3Session, request: Any) -> Any:
        sent.append(request.headers["X-Amz-Target"].decode().split(".")[-1])
        return send(self, request)

    monkeypatch.setattr(URLLib3Session, "send", count)
    session, costs = new_session(), []
    async with bench_on(settings, tmp_path / "one") as bench:
        for _ in range(5):
            sent.clear()
            await bench.ask(LEAK, session=session)
            costs.append(sorted(sent))

    first = ["PutItem", "PutItem", "Query"]
    assert costs == [first] + [["GetItem", *first, "Query"]] * 4


# --- while it is down ----------------------------------------------------------------------------

DOWN: dict[str, dict[str, str]] = {
    "dynamodb": {"dynamodb_table_prefix": "none"},
    "valkey": {"redis_url": f"redis://{NOBODY}"},
    "agentcore": {"agentcore_memory_id": "sessions-0123456789"},
}


@pytest.mark.parametrize("place", DOWN)
async def test_a_session_that_cannot_be_read_is_answered_without_its_past(
    place: str, tmp_path: Path, agentcore: AgentCoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("DYNAMODB", "BEDROCK_AGENTCORE"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://{NOBODY}")
    settings = Settings(
        state_dir=tmp_path,
        session_memory=place,  # type: ignore[arg-type]
        checkpoint_keys=SecretStr(KEYS),
        **DOWN[place],  # type: ignore[arg-type]
    )
    async with bench_on(settings, tmp_path / "one") as bench:
        reply = await bench.ask(LEAK)

    [told] = reply.degraded
    assert told.startswith("session memory: ")
    assert (reply.kind, reply.recorded) == ("answer", True)


async def test_a_memory_that_keeps_failing_is_left_alone(
    tmp_path: Path, agentcore: AgentCoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = on_agentcore(tmp_path)
    agentcore.fails = True
    async with bench_on(settings, tmp_path / "one") as bench:
        bench.memory = session_memory_breaker()
        for number in range(FAILURES):
            await bench.ask(LEAK, session=f"s-{number}")
        asked = len(agentcore.calls)
        reply = await bench.ask(LEAK, session="last")

    assert len(agentcore.calls) == asked > 0
    assert reply.degraded == ["session memory: left alone after failures"]
    assert reply.kind == "answer"


async def test_a_session_that_cannot_be_written_gets_its_answer(
    tmp_path: Path, agentcore: AgentCoreMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = on_agentcore(tmp_path)

    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise OSError("on purpose")  # the connection closes without an answer

    monkeypatch.setattr(agentcore, "create", refuse)
    monkeypatch.setattr(agentcore, "handle_error", lambda *_: None)
    async with bench_on(settings, tmp_path / "one") as bench:
        reply = await bench.ask(LEAK)

    [told] = reply.degraded
    assert told.startswith("session memory: ")
    assert "[1]" in reply.reply


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("dynamodb", "dynamodb_table_prefix"),
        ("valkey", "redis_url"),
        ("agentcore", "agentcore_memory_id"),
        ("agentcore", "checkpoint_keys"),
    ],
)
async def test_a_setting_that_is_needed_besides_is_named(place: Any, missing: str, tmp_path: Path) -> None:
    keys = None if missing == "checkpoint_keys" else SecretStr(KEYS)
    settings = Settings(state_dir=tmp_path, session_memory=place, checkpoint_keys=keys)
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsInvalid, match=missing):
            await open_session_memory(settings, stack)
