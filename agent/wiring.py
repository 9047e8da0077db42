"""Puts the parts together: the only place that chooses adapters."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import cache, partial

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.checkpoints import open_session_memory
from agent.models import make_chat_model, make_embeddings, make_fallbacks
from agent.runtime import Parts, Runtime
from agent.search import open_opensearch
from agent.services import OnProgress, ServiceShelf
from agent.settings import Settings
from domains.loader import find_domain, load_domain
from domains.model import Domain
from graph.build import build_graph
from memory.announcements import DETAIL_TYPES
from memory.errors import AgentError, StorageFailed
from memory.objects import Objects
from memory.opensearch import OpenSearch
from memory.opensearch_releases import StoreWithSearch
from memory.outbox import Deliver, Queue, open_outbox
from memory.parquet import ParquetLake, open_lake
from memory.placeholders import open_key, session_redactor
from memory.ports import Lake, Store
from memory.publisher import Publisher, without_poison
from memory.releases import StoreWithFiles
from memory.s3 import open_bucket
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
    store, lake, bucket = _open_storage(settings, stack)
    outbox = stack.enter_context(
        open_outbox(
            settings.state_dir / "outbox.sqlite",
            announced=DETAIL_TYPES if settings.event_bus else (),
            most_bytes=settings.backlog_mb * 1_000_000,
        )
    )
    sessions = await open_session_memory(settings, stack)
    embedder = make_embeddings(settings)
    search = open_opensearch(settings)
    store = _with_search(store, search, settings, embedder, stack)
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
        search=search,
    )
    return Parts(
        store=store,
        outbox=outbox,
        lake=lake,
        publisher=Publisher(outbox, _routes(settings, lake, bucket)),
        graph=build_graph().compile(
            checkpointer=sessions.saver if settings.memory_enabled else None, name="slipstream"
        ),
        embedder=embedder,
        model=model,
        services=shelf.services,
        open_patterns=shelf.patterns,
        trim=sessions.trim,
        redactor=partial(session_redactor, open_key(settings.state_dir / "placeholder.key")),
        now=now,
    )


def _routes(settings: Settings, lake: Lake, bucket: Objects | None) -> dict[Queue, Deliver]:
    """Return where events go: to the lake, and to the bus when there is one."""
    routes: dict[Queue, Deliver] = {"lake": without_poison(lake.write)}
    if settings.event_bus is not None:
        from memory.eventbridge import open_bus

        @cache
        def source_of(domain: str) -> str:
            try:
                return load_domain(find_domain(domain, settings.domains_dir)).event_source
            except AgentError:  # taken away since; its last events still have to leave
                return str(Domain.model_fields["event_source"].default)

        routes["bus"] = open_bus(
            settings.event_bus, source_of=source_of, claims=bucket, bucket=settings.lake_bucket
        ).send
    return routes


def _open_cache(settings: Settings, stack: AsyncExitStack) -> ValkeyCache | None:
    if settings.redis_url is None:
        return None
    cache = ValkeyCache(settings.redis_url.get_secret_value())
    stack.push_async_callback(cache.close)
    return cache


def _open_storage(settings: Settings, stack: AsyncExitStack) -> tuple[Store, ParquetLake, Objects | None]:
    store = _open_store(settings, stack)
    if settings.lake_bucket is None:
        return store, open_lake(settings.state_dir / "lake"), None
    bucket = open_bucket(settings.lake_bucket)
    return StoreWithFiles(store, bucket, settings.state_dir), ParquetLake(bucket), bucket


def _with_search(
    store: Store, search: OpenSearch | None, settings: Settings, embedder: Embeddings, stack: AsyncExitStack
) -> Store:
    if search is None:
        return store
    stack.callback(search.close)
    engine = settings.opensearch_engine
    return StoreWithSearch(store, search, settings.state_dir, embedder, engine=engine)


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
