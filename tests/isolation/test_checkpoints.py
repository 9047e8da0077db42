"""Rows of session memory that were forged, changed or moved are refused; the session goes on without."""

import logging
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.base import CheckpointTuple, empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG
from pydantic import SecretStr

from agent.checkpoints import open_session_memory, signing_keys
from agent.settings import Settings, SettingsInvalid
from graph.build import build_graph
from graph.remembering import session_memory_breaker
from graph.run import thread_id
from graph.signing import SignedSaver
from memory.breaker import FAILURES
from tests.agentcore_memory import serve_agentcore_memory
from tests.dynamodb import own_tables
from tests.services import environment
from tests.turns import Bench, open_bench

pytestmark = pytest.mark.anyio

LEAK = "My P1 has a leaking seal, what now?"
REFUSED = ["session memory: refused"]
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
FLIPS = 300
"""Bits turned round, one at a time, in each column of a stored row (count)."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def saver_in(folder: Path, **fields: Any) -> AsyncIterator[SignedSaver]:
    async with AsyncExitStack() as stack:
        folder.mkdir(exist_ok=True)
        memory = await open_session_memory(Settings(state_dir=folder, **fields), stack)
        assert isinstance(memory.saver, SignedSaver)
        yield memory.saver


@asynccontextmanager
async def bench_in(folder: Path) -> AsyncIterator[Bench]:
    """Yield a bench whose sessions lie in `folder`/sessions.sqlite, as on a laptop."""
    async with saver_in(folder) as saver, open_bench(folder) as bench:
        bench.graph = build_graph().compile(checkpointer=saver)
        yield bench


def at(thread: str, **more: str) -> Any:
    return {"configurable": {"thread_id": thread, "actor_id": "ann", "checkpoint_ns": "", **more}}


def thread(user: str, session: str = "session-1") -> str:
    return thread_id("local", user, session)


def execute(folder: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Change the file behind the program's back."""
    with closing(sqlite3.connect(folder / "sessions.sqlite")) as file, file:
        return file.execute(sql, values).fetchall()


async def put(saver: Any, thread: str, text: str) -> Any:
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"session": {"text": text}}
    checkpoint["channel_versions"] = {"session": 1}
    return await saver.aput(at(thread), checkpoint, {"step": 1}, {"session": 1})


# --- turns on the real file ------------------------------------------------------------------------


async def test_a_session_whose_row_was_changed_starts_without_its_past_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench_in(tmp_path / "state") as bench:
        for _ in range(2):
            await bench.ask(LEAK)
        [(row, blob)] = execute(
            tmp_path / "state",
            "SELECT rowid, checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1",
        )
        at_value = blob.index(b"leaking")
        changed = blob[:at_value] + bytes([blob[at_value] ^ 1]) + blob[at_value + 1 :]
        execute(tmp_path / "state", "UPDATE checkpoints SET checkpoint = ? WHERE rowid = ?", changed, row)
        with caplog.at_level(logging.INFO):
            third = await bench.ask(LEAK)
        fourth = await bench.ask(LEAK)
        kept = (await bench.graph.aget_state(at(thread("ann")))).values["session"]

    assert (third.degraded, third.kind, third.recorded) == (REFUSED, "answer", True)
    assert fourth.degraded == []
    assert [turn["query"] for turn in kept["turns"]] == [LEAK, LEAK]
    assert "refused" in caplog.text
    assert "leaking" not in caplog.text


async def test_the_session_of_another_person_is_not_taken_over_by_moving_its_row(tmp_path: Path) -> None:
    async with bench_in(tmp_path / "state") as bench:
        await bench.ask("Ann's zebra has a leaking seal.", user="ann")
        moved = "UPDATE checkpoints SET thread_id = ? WHERE thread_id = ?"
        execute(tmp_path / "state", moved, thread("bob"), thread("ann"))
        reply = await bench.ask(LEAK, user="bob")
        kept = (await bench.graph.aget_state(at(thread("bob")))).values["session"]

    assert reply.degraded == REFUSED
    assert "zebra" not in str(kept)
    assert "zebra" not in reply.model_dump_json()


async def test_a_forged_row_calls_nothing_and_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[object] = []
    monkeypatch.setattr(os, "getenv", called.append)
    call = ormsgpack.Ext(EXT_CONSTRUCTOR_SINGLE_ARG, ormsgpack.packb(("os", "getenv", "HOME")))
    checkpoint = empty_checkpoint() | {
        "channel_values": {"session": call},
        "channel_versions": {"session": 1},
    }
    row = (thread("ann"), "ffffffff", "msgpack", ormsgpack.packb(checkpoint), b"{}")
    async with bench_in(tmp_path / "state") as bench:
        await bench.ask(LEAK)
        insert = "INSERT INTO checkpoints (thread_id, checkpoint_id, type, checkpoint, metadata)"
        execute(tmp_path / "state", f"{insert} VALUES (?, ?, ?, ?, ?)", *row)
        reply = await bench.ask(LEAK)

    assert (reply.degraded, reply.kind) == (REFUSED, "answer")
    assert "HOME" not in called


async def test_refused_rows_do_not_take_the_memory_from_others(tmp_path: Path) -> None:
    async with bench_in(tmp_path / "state") as bench:
        bench.memory = session_memory_breaker()
        for number in range(FAILURES + 1):
            await bench.ask(LEAK, session=f"s-{number}")
        execute(tmp_path / "state", "UPDATE checkpoints SET checkpoint = x'00'")
        refused = [(await bench.ask(LEAK, session=f"s-{number}")).degraded for number in range(FAILURES + 1)]
        await bench.ask(LEAK, session="last")
        reply = await bench.ask(LEAK, session="last")

    assert refused == [REFUSED] * (FAILURES + 1)
    assert reply.degraded == []


# --- every column, every bit -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "column", ["checkpoint", "type", "metadata", "checkpoint_id", "parent_checkpoint_id"]
)
async def test_a_flipped_bit_is_refused_or_makes_no_difference(column: str, tmp_path: Path) -> None:
    async with saver_in(tmp_path / "state") as saver:
        first = await put(saver, "a", "first")
        last = await saver.aput({"configurable": first["configurable"]}, *_more("second"))
        written = await saver.aget_tuple(at("a"))
        own = last["configurable"]["checkpoint_id"]
        [(value,)] = execute(
            tmp_path / "state", f"SELECT CAST({column} AS BLOB) FROM checkpoints WHERE checkpoint_id = ?", own
        )
        chosen = random.Random(7).sample(range(8 * len(value)), min(FLIPS, 8 * len(value)))
        outcomes = [await _with_flipped(saver, column, value, bit, own) for bit in chosen]

    assert written is not None
    assert all(found is None or _content(found) == _content(written) for found in outcomes)
    assert None in outcomes or column in {"metadata", "parent_checkpoint_id"}  # not believed anyway


def _more(text: str) -> Any:
    checkpoint = empty_checkpoint() | {"channel_values": {"session": {"text": text}}, "channel_versions": {}}
    return checkpoint, {"step": 2}, {"session": 2}


def _content(found: CheckpointTuple) -> object:
    return found.checkpoint, found.metadata, found.parent_config


async def _with_flipped(
    saver: SignedSaver, column: str, value: bytes, bit: int, own: str
) -> CheckpointTuple | None:
    """Return what is found with one bit turned round; the file is as before afterwards."""
    flipped = bytearray(value)
    flipped[bit // 8] ^= 1 << bit % 8
    inner: Any = saver._saver
    kept = "CAST(? AS TEXT)" if column not in {"checkpoint", "metadata"} else "?"
    change = f"UPDATE checkpoints SET {column} = {kept} WHERE rowid = (SELECT MAX(rowid) FROM checkpoints)"
    await inner.conn.execute(change, (bytes(flipped),))
    wanted = {} if column != "checkpoint_id" else {"checkpoint_id": flipped.decode(errors="replace")}
    found = await saver.aget_tuple(at("a", **wanted))
    await inner.conn.rollback()
    return found


async def test_a_pending_write_is_bound_to_task_channel_and_checkpoint(tmp_path: Path) -> None:
    changes = ("channel = 'other'", "task_id = 'other'", "value = x'00'", "type = 'null'")
    async with saver_in(tmp_path / "state") as saver:
        last = await put(saver, "a", "first")
        await saver.aput_writes(last, [("__interrupt__", {"text": "which one?"})], "task-1")
        found = await saver.aget_tuple(at("a"))
        refused = []
        for change in changes:
            await saver._saver.conn.execute(f"UPDATE writes SET {change}")  # type: ignore[attr-defined]
            refused.append(await saver.aget_tuple(at("a")))
            await saver._saver.conn.rollback()  # type: ignore[attr-defined]

    assert found is not None
    assert found.pending_writes == [("task-1", "__interrupt__", {"text": "which one?"})]
    assert refused == [None] * len(changes)


# --- every saver -----------------------------------------------------------------------------------


@pytest.fixture
def fields(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Yield the settings of a place where sessions may lie."""
    keys = {"session_memory": place, "checkpoint_keys": SecretStr(KEY.decode())}
    if place == "dynamodb":
        with own_tables() as prefix:
            yield keys | {"dynamodb_table_prefix": prefix}
    elif place == "valkey":
        yield keys | {"redis_url": environment()["REDIS_URL"]}
    elif place == "agentcore":
        with serve_agentcore_memory() as server:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.setenv(name, "test")
            monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", server.url)
            yield keys | {"agentcore_memory_id": "sessions-0123456789"}
    else:
        yield keys


PLACES = [
    "state",
    pytest.param("dynamodb", marks=pytest.mark.services("dynamodb")),
    pytest.param("valkey", marks=pytest.mark.services("redis")),
    "agentcore",
]


@pytest.mark.parametrize("place", PLACES)
async def test_wherever_it_lies_a_row_is_read_by_its_own_thread_and_key_alone(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    mine, foreign = os.urandom(8).hex(), os.urandom(8).hex()
    refused: list[str] = []
    async with saver_in(tmp_path / "state", **fields) as saver:
        await put(saver, mine, "mine")
        inside = await saver._saver.aget_tuple(at(mine))
        assert inside is not None
        await saver._saver.aput(at(foreign), inside.checkpoint, {}, {"sealed": "1"})
        found = await saver.aget_tuple(at(mine))
        moved = await saver.telling(lambda: refused.append("moved")).aget_tuple(at(foreign))
    async with saver_in(
        tmp_path / "state", **fields | {"checkpoint_keys": SecretStr(OTHER_KEY.decode())}
    ) as stranger:
        unknown = await stranger.telling(lambda: refused.append("key")).aget_tuple(at(mine))
    both = SecretStr(f"{OTHER_KEY.decode()}, {KEY.decode()}")
    async with saver_in(tmp_path / "state", **fields | {"checkpoint_keys": both}) as changed:
        rotated = await changed.aget_tuple(at(mine))

    assert found is not None
    assert rotated is not None
    assert found.checkpoint["channel_values"] == {"session": {"text": "mine"}}
    assert rotated.checkpoint == found.checkpoint
    assert (moved, unknown, refused) == (None, None, ["moved", "key"])


@pytest.mark.parametrize("place", PLACES)
async def test_wherever_it_lies_a_session_is_erased_and_no_other(
    fields: dict[str, Any], tmp_path: Path
) -> None:
    mine, other = os.urandom(8).hex(), os.urandom(8).hex()
    async with AsyncExitStack() as stack:
        memory = await open_session_memory(Settings(state_dir=tmp_path, **fields), stack)
        for name in (mine, other):
            last = await put(memory.saver, name, name)
            last["configurable"].setdefault("actor_id", "ann")
            await memory.saver.aput_writes(last, [("__interrupt__", {"text": name})], "task-1")
        await memory.erase(mine, "ann")
        gone, kept = await memory.saver.aget_tuple(at(mine)), await memory.saver.aget_tuple(at(other))

    assert gone is None
    assert kept is not None
    assert kept.pending_writes == [("task-1", "__interrupt__", {"text": other})]


# --- keys ------------------------------------------------------------------------------------------


def test_the_key_lies_beside_the_state_folder_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    (tmp_path / "state").mkdir()

    keys = signing_keys(settings)

    file = tmp_path / "state.key"
    assert keys == signing_keys(settings) == [file.read_bytes()]
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "state").iterdir())


def test_an_older_key_beside_it_still_counts(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    [older] = signing_keys(settings)
    (tmp_path / "state.key").rename(tmp_path / "state.key.old")

    newer, *others = signing_keys(settings)

    assert newer != older
    assert others == [older]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    signing_keys(settings)
    (tmp_path / "state.key").chmod(0o644)

    with pytest.raises(SettingsInvalid, match="chmod 600") as refused:
        signing_keys(settings)

    assert "openssl rand" in refused.value.fix


def test_a_short_key_is_refused_and_not_shown() -> None:
    from agent.settings import load_settings

    with pytest.raises(SettingsInvalid, match="shorter than 32") as refused:
        load_settings(checkpoint_keys="short-secret")

    assert "short-secret" not in str(refused.value)
