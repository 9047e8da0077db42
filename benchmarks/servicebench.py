"""Whole runtimes on real services of one's own, straight or with a proxy before each service."""

import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.models import make_embeddings
from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from benchmarks.flaky_proxy import HttpProxy, TcpProxy, proxied
from domains.loader import new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.breaker import ServiceUnavailable
from memory.opensearch_knowledge import live_alias
from memory.opensearch_patterns import Place
from memory.turns import TurnReply, TurnRequest
from tests.aws import own_bucket
from tests.dynamodb import own_tables
from tests.opensearch import own_client, remove
from tests.services import ADDRESS, environment

SERVICES = ("opensearch", "dynamodb", "aws", "redis")
NOW = datetime(2020, 1, 2, tzinfo=UTC)
"""The day after the replayed sessions: what is older than some months is no pattern any more."""

SESSIONS = 120
FLOW = ["troubleshooting", "how_to"]


def lacking() -> list[str]:
    """Return which services are not there."""
    return [name for name in SERVICES if ADDRESS[name] not in environment()]


@dataclass
class Bench:
    """What the runtimes opened here share: a tenant, a domain, services, and the proxies before these."""

    name: str
    """Tenant and domain of one's own: an index that others search is left alone."""

    folder: Path
    bucket: str
    prefix: str
    search: HttpProxy
    tables: HttpProxy
    objects: HttpProxy
    cache: TcpProxy
    numbers: Iterator[int] = field(default_factory=count)

    async def open(self, state: str, *, is_proxied: bool) -> Runtime:
        """Open a runtime with a state folder of its own."""
        found, cache = environment(), urlsplit(environment()[ADDRESS["redis"]])
        settings = self.settings(
            state,
            dynamodb_table_prefix=self.prefix,
            opensearch_url=self.search.url if is_proxied else found[ADDRESS["opensearch"]],
            redis_url=f"redis://{cache.hostname}:{self.cache.port if is_proxied else cache.port}{cache.path}",
        )
        with _endpoints(self.tables.url, self.objects.url) if is_proxied else ExitStack():
            runtime = await open_runtime(settings, now=lambda: NOW)
            await runtime.services(self.name)
        return runtime

    def settings(self, state: str, **changes: Any) -> Settings:
        """Return settings with the lake in the bucket."""
        return Settings(
            state_dir=self.folder / state,
            domains_dir=self.folder / "domains",
            domain=self.name,
            tenant=self.name,
            lake_bucket=self.bucket,
            holdout_share=0.0,
            **changes,
        )

    async def replay(self, runtime: Runtime, name: str) -> None:
        """Replay sessions whose ids begin with a name."""
        events = [
            event
            for number in range(SESSIONS)
            for event in recorded_events(
                RecordedSession(session_id=f"{name}-{number}", user_id=f"u-{number % 9}", labels=FLOW),
                tenant=self.name,
                domain=self.name,
            )
        ]
        await runtime.replay(events)

    async def ask(self, runtime: Runtime, session: str, number: int) -> tuple[TurnReply, float]:
        """Ask something that no cache holds; returns the reply and what it took (seconds)."""
        request = TurnRequest(
            query=f"How do I set up {next(self.numbers)} files?",
            session_id=f"{session}-{number % 7}",
            request_id=f"{session}-{number}",
            domain=self.name,
            tenant=self.name,
        )
        start = time.perf_counter()
        reply = await runtime.turn(request)
        return reply, time.perf_counter() - start


@contextmanager
def open_bench() -> Iterator[Bench]:
    """Make everything, and remove it in the end; the environment of this process names the services."""
    os.environ.update(environment())  # noqa: TID251 - boto3 finds its endpoints there
    found, cache = environment(), urlsplit(environment()[ADDRESS["redis"]])
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        new_domain(name, folder / "domains")
        search, tables, objects = (
            stack.enter_context(proxied(found[ADDRESS[one]])) for one in ("opensearch", "dynamodb", "aws")
        )
        bench = Bench(
            name=name,
            folder=folder,
            bucket=stack.enter_context(own_bucket())._bucket,
            prefix=stack.enter_context(own_tables()),
            search=search,
            tables=tables,
            objects=objects,
            cache=TcpProxy(str(cache.hostname), cache.port or 6379),
        )
        stack.callback(bench.cache.close)
        stack.callback(_remove_indexes, bench)
        yield bench


def _remove_indexes(bench: Bench) -> None:
    with own_client() as client, suppress(ServiceUnavailable):  # what is left costs this node little
        remove(client, Place(bench.name, bench.name).live)
        remove(client, live_alias(bench.name, make_embeddings(Settings())))


@contextmanager
def _endpoints(tables: str, objects: str) -> Iterator[None]:
    """Let the clients that are made meanwhile ask the proxies."""
    changed = {"AWS_ENDPOINT_URL_DYNAMODB": tables, "AWS_ENDPOINT_URL_S3": objects}
    before = {name: os.environ[name] for name in changed}  # noqa: TID251
    os.environ.update(changed)  # noqa: TID251
    try:
        yield
    finally:
        os.environ.update(before)  # noqa: TID251
