"""The whole runtime on real services that fail: what its turns get meanwhile, and what is right afterwards.

Two runtimes answer in turn, one whose services are well and one behind proxies that fail, so that whatever
else the machine does meets both. Needs the services (tests/services/README.md).
"""

import asyncio
import hashlib
import json
import os
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from agent.models import make_embeddings
from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from benchmarks.faultrow import FaultRow
from benchmarks.flaky_proxy import (
    Answering,
    HttpProxy,
    TcpProxy,
    down,
    half_bulk,
    passed,
    proxied,
    refusing,
    slow,
)
from benchmarks.killing import fork, read_all, wait
from benchmarks.steadyclock import SteadyClock, steady_clock
from domains.loader import new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.errors import StorageFailed
from memory.opensearch_knowledge import live_alias
from memory.opensearch_patterns import Place
from memory.opensearch_swap import about
from memory.turns import TurnReply, TurnRequest
from tests.aws import own_bucket
from tests.dynamodb import own_tables
from tests.opensearch import own_client, remove
from tests.services import ADDRESS, environment

SERVICES = ("opensearch", "dynamodb", "aws", "redis")
GOAL = "every turn answered; p95 at most +10 % once the breaker is open; whole again afterwards"
MOST = 1.1
BEFORE_OPEN = 6
"""Turns after which every breaker has seen enough failures."""

ENOUGH = 100
"""Turns from which a 95th percentile says something; with fewer it is not told."""

SESSIONS = 120
FLOW = ["troubleshooting", "how_to"]
NOW = datetime(2020, 1, 2, tzinfo=UTC)
"""The day after the replayed sessions: what is older than some months is no pattern any more."""
LONG_ENOUGH_S = 900.0
SLOW_S = 2.0
THROTTLED = (
    b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"no"}'
)
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>no</Message></Error>"


class Told(NamedTuple):
    """What a row is made of."""

    fault: str
    answered: int
    turns: int
    ratio: float
    """95th percentile of the turns once the breaker is open, beside that of turns whose services are well."""

    is_well: bool
    """The first turn after the fault lacks nothing."""

    calls: int
    """Requests to the service, or connections, that met the fault (count)."""

    lost: int
    """Turns of this fault that said they were recorded, and are not in the lake afterwards (count)."""


def fault_rows(short: bool, seed: int) -> list[FaultRow]:
    """Return a row a fault and one for the index that was built through them."""
    lacking = [name for name in SERVICES if ADDRESS[name] not in environment()]
    if lacking:
        return [FaultRow("services", 0, f"not tried: no {', '.join(lacking)} here", GOAL, True)]

    def run(out: int) -> None:
        os.environ.update(environment())  # noqa: TID251 - boto3 finds its endpoints there
        os.write(out, json.dumps(asyncio.run(_all(10 if short else 250, seed))).encode())

    pid, end = fork(run)
    answer = json.loads(read_all(end) or b'{"told": [], "index": "no answer"}')
    wait(pid, at_most_s=LONG_ENOUGH_S)
    rows = [_row(Told(*told)) for told in answer["told"]]
    is_same = answer["index"] == "equal"
    bulk = FaultRow(
        "half of every bulk load refused", 1, answer["index"], "index equals a rebuild from the lake", is_same
    )
    return [*rows, bulk]


def _row(told: Told) -> FaultRow:
    is_measured = told.turns >= ENOUGH
    ratio = f", p95 x {told.ratio:.2f} once the breaker is open" if is_measured else ""
    result = (
        f"{told.answered} of {told.turns} answered{ratio}, "
        f"{told.calls} calls met it, lost {told.lost}, {'whole' if told.is_well else 'NOT WHOLE'} afterwards"
    )
    is_quick = told.ratio <= MOST or not is_measured
    is_met = told.answered == told.turns and told.calls > 0 and is_quick and told.is_well and not told.lost
    return FaultRow(told.fault, told.turns, result, GOAL, is_met)


# --- two runtimes ----------------------------------------------------------------------------------


@dataclass
class Bench:
    """One runtime whose services are well, one behind proxies, and what both share."""

    name: str
    folder: Path
    bucket: str
    prefix: str
    search: HttpProxy
    tables: HttpProxy
    objects: HttpProxy
    cache: TcpProxy
    clock: SteadyClock
    numbers: Iterator[int] = field(default_factory=count)

    async def open(self, state: str, *, is_flaky: bool) -> Runtime:
        """Open a runtime with a state folder of its own."""
        found, cache = environment(), urlsplit(environment()[ADDRESS["redis"]])
        settings = self.settings(
            state,
            dynamodb_table_prefix=self.prefix,
            opensearch_url=self.search.url if is_flaky else found[ADDRESS["opensearch"]],
            redis_url=f"redis://{cache.hostname}:{self.cache.port if is_flaky else cache.port}{cache.path}",
        )
        with _endpoints(self.tables.url, self.objects.url) if is_flaky else ExitStack():
            runtime = await open_runtime(settings, now=lambda: NOW)
            await runtime.services("shop")
        return runtime

    def settings(self, state: str, **changes: Any) -> Settings:
        """Return settings with the lake in the bucket."""
        return Settings(
            state_dir=self.folder / state,
            domains_dir=self.folder / "domains",
            domain="shop",
            tenant=self.name,
            lake_bucket=self.bucket,
            holdout_share=0.0,
            **changes,
        )

    async def ask(self, runtime: Runtime, session: str, number: int) -> tuple[TurnReply, float]:
        """Ask something that no cache holds; returns the reply and what it took (seconds)."""
        request = TurnRequest(
            query=f"How do I set up {next(self.numbers)} files?",
            session_id=f"{session}-{number % 7}",
            request_id=f"{session}-{number}",
            domain="shop",
            tenant=self.name,
        )
        start = time.perf_counter()
        reply = await runtime.turn(request)
        return reply, time.perf_counter() - start


@contextmanager
def _bench() -> Iterator[Bench]:
    found, cache = environment(), urlsplit(environment()[ADDRESS["redis"]])
    name = f"faults-{uuid.uuid4().hex[:12]}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        new_domain("shop", folder / "domains")
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
            clock=steady_clock(),
        )
        stack.callback(bench.cache.close)
        stack.callback(_remove_indexes, bench)
        yield bench


def _remove_indexes(bench: Bench) -> None:
    with own_client() as client:
        remove(client, Place(bench.name, "shop").live)
        remove(client, live_alias("shop", make_embeddings(Settings())))


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


# --- faults ----------------------------------------------------------------------------------------


async def _all(turns: int, seed: int) -> dict[str, Any]:
    with _bench() as bench:
        healthy = await bench.open("healthy", is_flaky=False)
        await _replay(healthy, bench)
        flaky = await bench.open("flaky", is_flaky=True)
        try:
            told = [await _met(bench, healthy, flaky, fault, turns) for fault in _faults(bench)]
            bench.search.fail(half_bulk(random.Random(seed)))
            index = await _learned(bench, flaky)
        finally:
            await flaky.close()
            await healthy.close()
    return {"told": told, "index": index}


class Fault(NamedTuple):
    """How a service fails."""

    name: str
    begin: Callable[[], None]
    end: Callable[[], None]
    calls: Callable[[], int]
    """Says how many calls came to the service so far."""


def _faults(bench: Bench) -> list[Fault]:
    def http(name: str, proxy: HttpProxy, answer: Answering) -> Fault:
        return Fault(name, lambda: proxy.fail(answer), lambda: proxy.fail(passed), lambda: proxy.requests)

    throttled = refusing(400, THROTTLED, "application/x-amz-json-1.0")
    cache = bench.cache
    return [
        http("OpenSearch down", bench.search, down),
        http(f"OpenSearch slow ({SLOW_S:g} s)", bench.search, slow(SLOW_S)),
        http("OpenSearch answers 429", bench.search, refusing(429, b"{}")),
        http("DynamoDB throttled", bench.tables, throttled),
        http("S3 answers 503", bench.objects, refusing(503, SLOW_DOWN, "application/xml")),
        Fault("Valkey gone", cache.fail, cache.heal, lambda: cache.refused),
    ]


async def _met(bench: Bench, healthy: Runtime, flaky: Runtime, fault: Fault, turns: int) -> Told:
    session = hashlib.sha256(fault.name.encode()).hexdigest()[:8]
    before = fault.calls()
    fault.begin()
    replies, took, well = [], [], []
    for number in range(turns + BEFORE_OPEN):
        reply, seconds = await bench.ask(flaky, session, number)
        if number == 0:
            publishing = asyncio.create_task(_publish(flaky))
        replies.append(reply)
        took.append(seconds)
        well.append((await bench.ask(healthy, f"well-{session}", number))[1])
    await publishing
    fault.end()
    calls = fault.calls() - before
    bench.clock.skip()
    after, _ = await bench.ask(flaky, f"after-{session}", 0)
    await flaky.drain()
    known = {turn.request_id for turn in await flaky.traces("shop", 10**6)}
    ratio = np.percentile(took[BEFORE_OPEN:], 95) / np.percentile(well[BEFORE_OPEN:], 95)
    return Told(
        fault.name,
        answered=sum(reply.kind == "answer" for reply in replies),
        turns=len(replies),
        ratio=float(ratio),
        is_well=after.recorded and not after.degraded,
        calls=calls,
        lost=sum(reply.recorded and reply.request_id not in known for reply in replies),
    )


async def _publish(runtime: Runtime) -> None:
    """Move events while turns are answered, as a server does."""
    with suppress(StorageFailed):  # they wait
        await runtime._parts.publisher.publish()


async def _replay(runtime: Runtime, bench: Bench) -> None:
    events = [
        event
        for number in range(SESSIONS)
        for event in recorded_events(
            RecordedSession(session_id=f"old-{number}", user_id=f"u-{number % 9}", labels=FLOW),
            tenant=bench.name,
            domain="shop",
        )
    ]
    await runtime.replay(events)
    await runtime.learn("shop", lambda *_: None)


async def _learned(bench: Bench, flaky: Runtime) -> str:
    """Learn through the fault, rebuild from the lake in a folder that knows nothing, and compare both."""
    await flaky.learn("shop", lambda *_: None)
    rebuilt = await open_runtime(bench.settings("rebuilt"), now=lambda: NOW)
    try:
        report = await rebuilt.learn("shop", lambda *_: None)
        live = await rebuilt.registry(bench.name).live("shop")
    finally:
        await rebuilt.close()
    served = await (await flaky.patterns("shop")).patterns(limit=10**6)  # type: ignore[union-attr]
    if live is None or not served:
        return "NOTHING LEARNED"
    folder = bench.folder / "rebuilt" / live.path
    lines = [json.loads(line) for line in (folder / "patterns.jsonl").read_text().splitlines()]
    with own_client() as client:
        files = (about(client, Place(bench.name, "shop").release(live.release_id)) or {}).get("files", {})
    same_files = bool(files) and all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in files.items()
    )
    same = same_files and [one.model_dump(mode="json") for one in served] == lines
    return "equal" if same and report.patterns == len(served) else "DIFFERENT"
