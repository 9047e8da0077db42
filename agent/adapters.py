"""Tries each adapter that the settings choose: what works, how fast, and what to do about what does not."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from agent.models import make_chat_model, make_embeddings
from agent.search import open_opensearch
from agent.settings import Settings
from memory.errors import AgentError, StorageFailed

CONNECT_S, READ_S = 2.0, 10.0
"""Bounds of one call to a service (seconds)."""

CREDENTIALS = "Give boto3 credentials: a role, `AWS_PROFILE`, or `aws sso login`."
MAKE = "Make it with `slipstream config check --create`, or correct the setting `{setting}`."
REACH = "Check the setting `{setting}`, that the service runs, and that the network lets calls through."

Try = Callable[[], object]


class Adapter(NamedTuple):
    """One adapter that the settings choose."""

    name: str
    holds: str
    setting: str
    """The setting that chooses it."""

    attempt: Try
    """Makes one plain call; raises what is wrong."""

    create: Try | None = None
    """Makes what is missing; `None` when there is nothing to make."""

    costs: bool = False
    """A call costs money, so only one is made."""


class Tried(NamedTuple):
    """How it went."""

    name: str
    holds: str
    works: bool
    latency_ms: float | None
    """Wall time of one call over an open connection (milliseconds); `None` when it failed."""

    problem: str = ""
    fix: str = ""


async def try_adapters(settings: Settings, *, create: bool = False) -> list[Tried]:
    """Try all adapters at once; `create` makes tables, bucket and bus that are not there."""
    found = adapters(settings)
    return list(await asyncio.gather(*(asyncio.to_thread(_try, one, create=create) for one in found)))


def adapters(settings: Settings) -> list[Adapter]:
    """Return what the settings choose, in the order of a turn."""
    chosen = [_state_folder(settings), *_models(settings), _embedder(settings), _dynamodb(settings)]
    chosen += [_bucket(settings), _bus(settings), _opensearch(settings), _knowledge_base(settings)]
    chosen += [_guardrail(settings), _valkey(settings), _agentcore_memory(settings)]
    return [one for one in chosen if one is not None]


def _try(adapter: Adapter, *, create: bool) -> Tried:
    try:
        if create and adapter.create is not None:
            adapter.create()
        if not adapter.costs:
            adapter.attempt()  # connects
        start = time.perf_counter()
        adapter.attempt()
        took = (time.perf_counter() - start) * 1000
    except Exception as error:  # noqa: BLE001 - whatever a library raises is what the reader wants to know
        problem, fix = explain(error, adapter.setting)
        return Tried(adapter.name, adapter.holds, False, None, problem, fix)
    return Tried(adapter.name, adapter.holds, True, round(took, 1))


# --- the adapters ------------------------------------------------------------------------------


def _state_folder(settings: Settings) -> Adapter:
    def attempt() -> None:
        try:
            settings.state_dir.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=settings.state_dir) as file:
                file.write(b"written by `slipstream config check`")
        except OSError as error:
            raise StorageFailed(str(settings.state_dir), error.strerror or "it cannot be written") from None

    holds = ["the journal of events", "indexes"]
    holds += ["session memory"] if settings.session_memory == "state" else []
    holds += [] if settings.dynamodb_table_prefix else ["profiles, sessions, releases"]
    holds += [] if settings.lake_bucket else ["the lake"]
    name = f"state folder {settings.state_dir}"
    return Adapter(name, ", ".join(holds), "state_dir", attempt)


def _models(settings: Settings) -> list[Adapter]:
    """Return the chat models; a call of each costs money."""
    named = {settings.model: "model"} | dict.fromkeys(settings.model_fallbacks, "model_fallbacks")

    def tried(name: str) -> Try:
        def attempt() -> None:
            model = make_chat_model(name, settings)
            if model is not None:
                model.invoke("ping")

        return attempt

    holds = "classifies, writes, judges"
    return [
        Adapter(f"chat model {name}", holds, setting, tried(name), costs=True)
        for name, setting in named.items()
        if name != "local"
    ]


def _embedder(settings: Settings) -> Adapter:
    embedder: list[Any] = []

    def attempt() -> None:
        if not embedder:
            embedder.append(make_embeddings(settings))
        embedder.append(embedder[0].embed_query(f"ping {len(embedder)}"))  # never the same: it may remember

    return Adapter(f"embedder {settings.embedder}", "turns text into vectors", "embedder", attempt)


def _dynamodb(settings: Settings) -> Adapter | None:
    prefix = settings.dynamodb_table_prefix
    if prefix is None:
        return None
    from memory.dynamodb_tables import PROFILES, TABLES, create_tables

    client = _Client("dynamodb")
    there: set[str] = set()

    def attempt() -> None:
        for table in {table.name for table in TABLES} - there:
            client().describe_table(TableName=f"{prefix}-{table}")
            there.add(table)
        client().get_item(TableName=f"{prefix}-{PROFILES.name}", Key={PROFILES.partition: {"S": "check"}})

    return Adapter(
        f"DynamoDB tables {prefix}-*",
        "profiles, sessions, releases, published patterns",
        "dynamodb_table_prefix",
        attempt,
        create=lambda: create_tables(client(), prefix),
    )


def _bucket(settings: Settings) -> Adapter | None:
    bucket = settings.lake_bucket
    if bucket is None:
        return None
    client = _Client("s3")

    def create() -> None:
        region = client().meta.region_name
        where = {"LocationConstraint": region} if region != "us-east-1" else None
        more = {"CreateBucketConfiguration": where} if where else {}
        mine = (client().exceptions.BucketAlreadyOwnedByYou,)
        try:
            client().create_bucket(Bucket=bucket, **more)
        except mine:
            return

    return Adapter(
        f"S3 bucket {bucket}",
        "the lake, the files of releases",
        "lake_bucket",
        lambda: client().head_bucket(Bucket=bucket),
        create=create,
    )


def _bus(settings: Settings) -> Adapter | None:
    bus = settings.event_bus
    if bus is None:
        return None
    client = _Client("events")

    def create() -> None:
        try:
            client().create_event_bus(Name=bus)
        except client().exceptions.ResourceAlreadyExistsException:
            return

    return Adapter(
        f"EventBridge bus {bus}",
        "announces finished turns and sessions",
        "event_bus",
        lambda: client().describe_event_bus(Name=bus),
        create=None if bus.startswith("arn:") else create,
    )


def _opensearch(settings: Settings) -> Adapter | None:
    if settings.opensearch_url is None:
        return None

    def attempt() -> None:
        client = open_opensearch(settings)
        if client is not None:
            with closing(client):
                client.command("GET", "/_cat/aliases?format=json", timeout_s=READ_S)

    return Adapter(
        f"OpenSearch {urlsplit(settings.opensearch_url).netloc}",
        "patterns, knowledge",
        "opensearch_url",
        attempt,
    )


def _knowledge_base(settings: Settings) -> Adapter | None:
    known = settings.knowledge_base_id
    if known is None:
        return None
    client = _Client("bedrock-agent-runtime")

    def attempt() -> None:
        client().retrieve(knowledgeBaseId=known, retrievalQuery={"text": "ping"})

    return Adapter(f"knowledge base {known}", "knowledge", "knowledge_base_id", attempt, costs=True)


def _guardrail(settings: Settings) -> Adapter | None:
    known = settings.guardrail_id
    if known is None:
        return None
    client = _Client("bedrock-runtime")

    def attempt() -> None:
        client().apply_guardrail(
            guardrailIdentifier=known,
            guardrailVersion=settings.guardrail_version,
            source="INPUT",
            content=[{"text": {"text": "ping"}}],
        )

    return Adapter(
        f"guardrail {known}", "second opinion on prompt attacks", "guardrail_id", attempt, costs=True
    )


def _agentcore_memory(settings: Settings) -> Adapter | None:
    known = settings.agentcore_memory_id
    if settings.session_memory != "agentcore" or known is None:
        return None
    client = _Client("bedrock-agentcore")

    def attempt() -> None:
        client().list_actors(memoryId=known, maxResults=1)

    return Adapter(f"AgentCore Memory {known}", "session memory", "agentcore_memory_id", attempt)


def _valkey(settings: Settings) -> Adapter | None:
    if settings.redis_url is None:
        return None
    from valkey import Valkey

    url = settings.redis_url.get_secret_value()
    client = Valkey.from_url(url, socket_connect_timeout=CONNECT_S, socket_timeout=READ_S)
    at = client.connection_pool.connection_kwargs
    name = f"Valkey {at.get('host', 'localhost')}:{at.get('port', 6379)}"
    holds = "what searches found, for a day"
    holds += ", session memory" if settings.session_memory == "valkey" else ""
    return Adapter(name, holds, "redis_url", client.ping)


class _Client:
    """A boto3 client that is made at the first call, where its errors are told."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._made: Any = None

    def __call__(self) -> Any:
        if self._made is None:
            import boto3
            from botocore.config import Config

            retries = {"mode": "standard", "total_max_attempts": 2}
            config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
            self._made = boto3.client(self._service, config=config)
        return self._made


# --- what is wrong -------------------------------------------------------------------------------


def explain(error: Exception, setting: str) -> tuple[str, str]:
    """Return the problem in a line, and the next step."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, AgentError):
        return str(error), error.fix
    if isinstance(error, ClientError):
        return _explain_refusal(error, setting)
    lines = str(error).strip().splitlines()
    problem = f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
    kind = type(error).__name__
    if "Credential" in kind or "SSO" in kind or "Token" in kind or "Profile" in kind:
        return problem, CREDENTIALS
    if kind == "NoRegionError":
        return problem, "Set `AWS_REGION`."
    if kind == "AuthenticationError":
        return problem, f"Put user and password into `{setting}`: rediss://user:password@host:6379/0."
    if isinstance(error, OSError | BotoCoreError) or "Connection" in kind or "Timeout" in kind:
        return problem, REACH.format(setting=setting)
    return problem, f"Correct the setting `{setting}`; docs/aws.md says what it takes."


def _explain_refusal(error: Any, setting: str) -> tuple[str, str]:
    code = str(error.response["Error"]["Code"])
    action = error.operation_name
    problem = f"{action} was refused: {code}"
    if code in {"ResourceNotFoundException", "NoSuchBucket", "NotFound", "404"}:
        return f"it is not there ({action}: {code})", MAKE.format(setting=setting)
    if "AccessDenied" in code or code in {"403", "UnauthorizedOperation", "Forbidden"}:
        return (
            problem,
            f"Allow `{action}` to the identity that boto3 uses; docs/aws.md lists the actions.",
        )
    if "Token" in code or "Signature" in code or "AccessKey" in code:
        return problem, CREDENTIALS
    return problem, REACH.format(setting=setting)
