"""Puts the parts together: the only place that chooses adapters."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from langchain_core.language_models import BaseChatModel

from agent.checkpoints import open_checkpoints, trim_checkpoints
from agent.models import make_chat_model, make_embeddings, make_fallbacks
from agent.runtime import Parts, Runtime
from agent.services import OnProgress, ServiceShelf
from agent.settings import Settings
from graph.build import build_graph
from memory.errors import StorageFailed
from memory.outbox import open_outbox
from memory.parquet import open_lake
from memory.ports import Store
from memory.publisher import Publisher, without_poison
from memory.redact import redact
from memory.sqlite import open_store
from memory.valkey import ValkeyCache
from tools.catalog import Tool
from tools.mcp import open_mcp_servers


def utc_now() -> datetime:
    """Return the present time; the only clock of the program."""
    return datetime.now(UTC)


async def open_runtime(
    settings: Settings,
    *,
    on_progress: OnProgress | None = None,
    now: Callable[[], datetime] = utc_now,
    model: BaseChatModel | None = None,
) -> Runtime:
    """Open everything below the state folder; `model` takes the place of the one that the settings name.

    Raises:
        StorageFailed: the state folder cannot be used.
        ModelUnknown: the settings name a chat model that cannot be made.
        McpServerUnreachable: a configured MCP server does not answer.
    """
    state = settings.state_dir
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(str(state), error.strerror or "it cannot be made") from None
    stack = AsyncExitStack()
    try:
        parts = await _open_parts(settings, stack, on_progress, now, model)
    except BaseException:
        await stack.aclose()
        raise
    return Runtime(settings, parts, stack)


async def _open_parts(
    settings: Settings,
    stack: AsyncExitStack,
    on_progress: OnProgress | None,
    now: Callable[[], datetime],
    model: BaseChatModel | None,
) -> Parts:
    """Choose an adapter for each port; `stack` closes what was opened."""
    store = _open_store(settings, stack)
    outbox = stack.enter_context(
        open_outbox(settings.state_dir / "outbox.sqlite", most_bytes=settings.backlog_mb * 1_000_000)
    )
    saver = await open_checkpoints(settings.state_dir / "sessions.sqlite", stack)
    lake = open_lake(settings.state_dir / "lake")
    embedder = make_embeddings(settings)
    model = model or make_chat_model(settings.model, settings)
    shelf = ServiceShelf(
        settings,
        store=store,
        embedder=embedder,
        model=model,
        fallbacks=make_fallbacks(settings),
        tools=await _mcp_tools(settings, stack),
        on_progress=on_progress,
        cache=_open_cache(settings, stack),
    )
    return Parts(
        store=store,
        outbox=outbox,
        lake=lake,
        publisher=Publisher(outbox, {"lake": without_poison(lake.write)}),
        graph=build_graph().compile(
            checkpointer=saver if settings.memory_enabled else None, name="slipstream"
        ),
        embedder=embedder,
        model=model,
        services=shelf.services,
        open_patterns=shelf.patterns,
        trim=partial(trim_checkpoints, saver),
        redact=redact,
        now=now,
    )


def _open_cache(settings: Settings, stack: AsyncExitStack) -> ValkeyCache | None:
    if settings.redis_url is None:
        return None
    cache = ValkeyCache(settings.redis_url.get_secret_value())
    stack.push_async_callback(cache.close)
    return cache


def _open_store(settings: Settings, stack: AsyncExitStack) -> Store:
    if settings.dynamodb_table_prefix is None:
        return stack.enter_context(open_store(settings.state_dir / "store.sqlite"))
    from memory.dynamodb import open_tables
    from memory.dynamodb_store import DynamoStore

    return DynamoStore(open_tables(settings.dynamodb_table_prefix))


async def _mcp_tools(settings: Settings, stack: AsyncExitStack) -> dict[str, Tool]:
    tools: dict[str, Tool] = {}
    if settings.mcp_enabled:
        for connection in await open_mcp_servers(settings.mcp_servers):
            stack.push_async_callback(connection.close)
            tools |= connection.tools
    return tools
