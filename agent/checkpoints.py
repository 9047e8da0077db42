"""Session memory on a laptop: LangGraph's SQLite checkpointer, kept small."""

from contextlib import AsyncExitStack
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from memory.errors import StorageFailed

KEEP_CHECKPOINTS = 2
"""Checkpoints kept of a session: the last one, and the one before it in case that one is damaged."""


FREED_PAGES = 50
"""Pages given back to the disk with each trim."""


async def open_checkpoints(file: Path, stack: AsyncExitStack) -> AsyncSqliteSaver:
    """Open the saver; `stack` closes it.

    Raises:
        StorageFailed: the file cannot be used.
    """
    try:
        connecting = aiosqlite.connect(file)
        connecting._thread.daemon = True  # whoever fails to close it must not keep the process alive
        connection = await stack.enter_async_context(connecting)
        await connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        await connection.execute("PRAGMA journal_mode=WAL")
        # a lost checkpoint costs the context of one turn, an fsync a turn costs everybody milliseconds
        await connection.execute("PRAGMA synchronous=NORMAL")
        await connection.execute("PRAGMA busy_timeout=5000")
        # the state is JSON-plain, so nothing but plain values may come out of a stored row
        saver = AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
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
