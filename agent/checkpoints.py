"""Session memory: LangGraph's own checkpointers, in the state folder (kept small) or on AWS."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agent.settings import Settings, SettingsInvalid
from graph.signing import SignedSaver, strict_serializer
from memory.errors import StorageFailed
from memory.placeholders import open_key

Needed = TypeVar("Needed")

KEEP_CHECKPOINTS = 2
"""Checkpoints kept of a session: the last one, and the one before it in case that one is damaged."""

FREED_PAGES = 50
"""Pages given back to the disk with each trim."""

KEEP_S = 30 * 86_400
"""How long a session is kept in DynamoDB or Valkey after its last turn (seconds)."""

CONNECT_S, READ_S = 1.0, 2.0
"""Bounds of one call to a service (seconds): a turn that waits for its past is no longer prompt."""


class SessionMemory(NamedTuple):
    """A checkpointer and what keeps it small."""

    saver: BaseCheckpointSaver[Any]
    trim: Callable[[str], Awaitable[None]]
    """Drops all but the last checkpoints of a thread, where time does not."""

    erase: Callable[[str, str], Awaitable[None]]
    """Removes a thread of a user (by key)."""


async def open_session_memory(settings: Settings, stack: AsyncExitStack) -> SessionMemory:
    """Open the checkpointer that the settings choose; `stack` closes it. Services are not asked yet.

    Raises:
        SettingsInvalid: the setting that it needs besides is missing.
        StorageFailed: the file in the state folder cannot be used.
    """
    keys = signing_keys(settings)
    if settings.session_memory == "dynamodb":
        prefix = _needed(settings.dynamodb_table_prefix, "dynamodb_table_prefix", settings)
        return _signed(_open_dynamodb(prefix), keys)
    if settings.session_memory == "valkey":
        url = _needed(settings.redis_url, "redis_url", settings).get_secret_value()
        return _signed(_open_valkey(url, stack), keys)
    if settings.session_memory == "agentcore":
        memory_id = _needed(settings.agentcore_memory_id, "agentcore_memory_id", settings)
        saver = _open_agentcore(memory_id)
        return _signed(saver, keys)._replace(erase=saver.adelete_thread)  # it keeps them by user
    saver = await open_checkpoints(settings.state_dir / "sessions.sqlite", stack)
    return _signed(saver, keys)._replace(trim=partial(trim_checkpoints, saver))


def _signed(saver: BaseCheckpointSaver[Any], keys: Sequence[bytes]) -> SessionMemory:
    async def expire(_: str) -> None:
        """Leave it to the time to live."""

    async def erase(thread: str, _: str) -> None:
        await saver.adelete_thread(thread)

    return SessionMemory(SignedSaver(saver, keys), expire, erase)


def signing_keys(settings: Settings) -> list[bytes]:
    """Return the keys of checkpoints, the one that signs first.

    Without the setting the key lies beside the state folder, so that no copy of the folder holds it; an older
    one beside it with the suffix `.old` still counts.

    Raises:
        SettingsInvalid: the file cannot be used, or sessions are kept elsewhere, where every process needs
            the same key.
    """
    if settings.checkpoint_keys is not None:
        return [key.strip().encode() for key in settings.checkpoint_keys.get_secret_value().split(",")]
    if settings.session_memory != "state":
        _needed(None, "checkpoint_keys", settings)
    state = settings.state_dir.resolve()
    file, older = (state.with_name(f"{state.name}.key{suffix}") for suffix in ("", ".old"))
    try:
        return [open_key(file), *([open_key(older)] if older.exists() else [])]
    except StorageFailed as failed:
        problem = f"it is not set, and the key beside the state folder fails: {str(failed).removesuffix('.')}"
        fix = "Set it (`openssl rand -hex 32` makes a key), or let that file be readable for you alone."
        raise SettingsInvalid("`checkpoint_keys`", problem, fix=fix) from None


def _needed(value: Needed | None, name: str, settings: Settings) -> Needed:
    if value is None:
        problem = f"it is `{settings.session_memory}`, and `{name}` is not set"
        raise SettingsInvalid(
            "`session_memory`", problem, fix=f"Set `{name}` too; docs/settings.md says how."
        )
    return value


def _client_config() -> Any:
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": 2}
    return Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)


def _open_dynamodb(prefix: str) -> Any:
    from langgraph_checkpoint_aws import DynamoDBSaver

    from memory.dynamodb_tables import CHECKPOINTS

    saver: Any = DynamoDBSaver(
        f"{prefix}-{CHECKPOINTS.name}", boto_config=_client_config(), ttl_seconds=KEEP_S
    )
    saver.serializer.serde = strict_serializer()  # it takes none when it is made
    return saver


def _open_valkey(url: str, stack: AsyncExitStack) -> Any:
    from langgraph_checkpoint_aws import AsyncValkeySaver
    from valkey.asyncio import Valkey

    client = Valkey.from_url(url, socket_connect_timeout=CONNECT_S, socket_timeout=READ_S)
    stack.push_async_callback(client.aclose)
    return AsyncValkeySaver(client, ttl=KEEP_S, serde=strict_serializer())


def _open_agentcore(memory_id: str) -> Any:
    from langgraph_checkpoint_aws import AgentCoreMemorySaver

    # a snapshot is written once and read with two calls; the older format asks more with every turn
    return AgentCoreMemorySaver(
        memory_id,
        checkpoint_format="snapshot",
        serde=strict_serializer(),
        max_retries=2,
        config=_client_config(),
    )


async def open_checkpoints(file: Path, stack: AsyncExitStack) -> AsyncSqliteSaver:
    """Open the saver; `stack` closes it.

    Raises:
        StorageFailed: the file cannot be used.
    """
    try:
        connecting = aiosqlite.connect(file)
        connecting._thread.daemon = True  # whoever fails to close it must not keep the process alive
        connection = await stack.enter_async_context(connecting)
        # a row that is no text is refused as any other; SQLite's own error would count as a file that is down
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        await connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        await connection.execute("PRAGMA journal_mode=WAL")
        # a lost checkpoint costs the context of one turn, an fsync a turn costs everybody milliseconds
        await connection.execute("PRAGMA synchronous=NORMAL")
        await connection.execute("PRAGMA busy_timeout=5000")
        saver = AsyncSqliteSaver(connection, serde=strict_serializer())
        await saver.setup()
    except aiosqlite.Error as error:
        raise StorageFailed(str(file), str(error)) from None
    return saver


async def trim_checkpoints(saver: AsyncSqliteSaver, thread_id: str) -> None:
    """Drop all but the last checkpoints of a thread; no saver of LangGraph does it by itself.

    Raises:
        StorageFailed: the file cannot be written.
    """
    older = (
        "SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = '' "
        "ORDER BY checkpoint_id DESC LIMIT -1 OFFSET ?"
    )
    try:
        async with saver.lock:
            for table in ("writes", "checkpoints"):
                await saver.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id IN ({older})",  # noqa: S608
                    (thread_id, thread_id, KEEP_CHECKPOINTS),
                )
            await saver.conn.commit()
            await saver.conn.execute_fetchall(f"PRAGMA incremental_vacuum({FREED_PAGES})")
    except aiosqlite.Error as error:
        raise StorageFailed("sessions.sqlite", str(error)) from None
