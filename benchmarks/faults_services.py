"""The whole runtime on real services that fail: what its turns get meanwhile, and what is right afterwards.

Two runtimes answer in turn, one whose services are well and one behind proxies that fail, so that whatever
else the machine does meets both. Needs the services (tests/services/README.md).
"""

import asyncio
import hashlib
import json
import os
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from agent.runtime import Runtime
from agent.wiring import open_runtime
from benchmarks.faultrow import FaultRow
from benchmarks.flaky_proxy import Answering, HttpProxy, down, half_bulk, passed, refusing, slow
from benchmarks.killing import fork, read_all, wait
from benchmarks.servicebench import NOW, Bench, lacking, open_bench
from benchmarks.steadyclock import SteadyClock, steady_clock
from memory.errors import StorageFailed
from memory.opensearch_patterns import Place
from memory.opensearch_swap import about
from tests.opensearch import own_client

GOAL = "every turn answered; p95 at most +10 % once the breaker is open; whole again afterwards"
MOST = 1.1
BEFORE_OPEN = 6
"""Turns after which every breaker has seen enough failures."""

ENOUGH = 100
"""Turns from which a 95th percentile says something; with fewer it is not told."""

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
    if absent := lacking():
        return [FaultRow("services", 0, f"not tried: no {', '.join(absent)} here", GOAL, True)]

    def run(out: int) -> None:
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


# --- faults ----------------------------------------------------------------------------------------


async def _all(turns: int, seed: int) -> dict[str, Any]:
    clock = steady_clock()
    with open_bench() as bench:
        healthy = await bench.open("healthy", is_proxied=False)
        await bench.learn(healthy)
        flaky = await bench.open("flaky", is_proxied=True)
        try:
            told = [await _met(bench, clock, healthy, flaky, fault, turns) for fault in _faults(bench)]
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


async def _met(
    bench: Bench, clock: SteadyClock, healthy: Runtime, flaky: Runtime, fault: Fault, turns: int
) -> Told:
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
    clock.skip()
    after, _ = await bench.ask(flaky, f"after-{session}", 0)
    await flaky.drain()
    known = {turn.request_id for turn in await flaky.traces(bench.name, 10**6)}
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


async def _learned(bench: Bench, flaky: Runtime) -> str:
    """Learn through the fault, rebuild from the lake in a folder that knows nothing, and compare both."""
    await flaky.learn(bench.name, lambda *_: None)
    rebuilt = await open_runtime(bench.settings("rebuilt"), now=lambda: NOW)
    try:
        report = await rebuilt.learn(bench.name, lambda *_: None)
        live = await rebuilt.registry(bench.name).live(bench.name)
    finally:
        await rebuilt.close()
    served = await (await flaky.patterns(bench.name)).patterns(limit=10**6)  # type: ignore[union-attr]
    if live is None or not served:
        return "NOTHING LEARNED"
    folder = bench.folder / "rebuilt" / live.path
    lines = [json.loads(line) for line in (folder / "patterns.jsonl").read_text().splitlines()]
    with own_client() as client:
        files = (about(client, Place(bench.name, bench.name).release(live.release_id)) or {}).get("files", {})
    same_files = bool(files) and all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest for name, digest in files.items()
    )
    same = same_files and [one.model_dump(mode="json") for one in served] == lines
    return "equal" if same and report.patterns == len(served) else "DIFFERENT"
