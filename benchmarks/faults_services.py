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
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from agent.runtime import Runtime
from agent.wiring import open_runtime
from benchmarks.faultrow import FaultRow
from benchmarks.flaky_proxy import Answering, HttpProxy, after, down, half_bulk, passed, refusing, slow
from benchmarks.killing import fork, read_all, wait
from benchmarks.servicebench import NOW, Bench, lacking, open_bench
from benchmarks.steadyclock import SteadyClock, steady_clock
from memory.breaker import ServiceUnavailable
from memory.errors import AgentError, StorageFailed
from memory.opensearch_patterns import Place, open_opensearch_patterns
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


Done = TypeVar("Done")


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
    answer = json.loads(read_all(end) or b'{"told": [], "cut": [0, 0], "index": "no answer"}')
    wait(pid, at_most_s=LONG_ENOUGH_S)
    rows = [_row(Told(*told)) for told in answer["told"]]
    is_same = answer["index"] == "equal"
    bulk = FaultRow(
        "half of every bulk load refused", 1, answer["index"], "index equals a rebuild from the lake", is_same
    )
    tries, broken = answer["cut"]
    cut = FaultRow(
        "OpenSearch gone while a release is published",
        tries,
        f"after each of its requests; readers found half a release {broken}, the next try healed it",
        "a release is whole or absent",
        tries > 0 and not broken,
    )
    return [*rows, cut, bulk]


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
        await bench.replay(healthy, "old")
        await healthy.learn(bench.name, lambda *_: None)
        flaky = await bench.open("flaky", is_proxied=True)
        try:
            told = [await _met(bench, clock, healthy, flaky, fault, turns) for fault in _faults(bench)]
            drawn = random.Random(seed)
            cut = await _cut_off(bench, flaky, drawn.randint(0, 8) if turns < ENOUGH else None)
            bench.search.fail(half_bulk(drawn))
            index = await _learned(bench, flaky)
        finally:
            await flaky.close()
            await healthy.close()
    return {"told": told, "cut": cut, "index": index}


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


async def _cut_off(bench: Bench, flaky: Runtime, only: int | None) -> tuple[int, int]:
    """Let OpenSearch be gone from the n-th request of a publication on, for each n or for `only` one.

    Returns how often that struck, and how often what is live was not whole, then or after the next try.
    """
    struck = broken = 0
    for requests in [only] if only is not None else range(100):
        await bench.replay(flaky, f"more-{requests}")
        bench.search.fail(after(requests, down))
        try:
            await flaky.learn(bench.name, lambda *_: None)
        except AgentError:
            struck += 1
            broken += not await _is_whole(bench, flaky)
            bench.search.fail(passed)
            await _patiently(lambda: flaky.learn(bench.name, lambda *_: None))
            broken += not await _is_whole(bench, flaky)
        else:
            break
    bench.search.fail(passed)
    return struck, broken


async def _is_whole(bench: Bench, flaky: Runtime) -> bool:
    """Open what is live as a machine would that has nothing of it."""
    live = await flaky.registry(bench.name).live(bench.name)
    if live is None:
        return False

    async def count() -> int:
        with own_client() as client, tempfile.TemporaryDirectory() as folder:
            index = open_opensearch_patterns(client, live, flaky.embedder, Path(folder) / "fetched")
            return len(await index.patterns(limit=10**6))

    return await _patiently(count) == live.patterns > 0


async def _patiently(work: Callable[[], Awaitable[Done]]) -> Done:
    """Do it again while the node has no room: this one is small, and its memory is cleared by and by."""
    for _ in range(30):
        with suppress(ServiceUnavailable):
            return await work()
        await asyncio.sleep(1.0)
    return await work()


async def _learned(bench: Bench, flaky: Runtime) -> str:
    """Learn through the fault, rebuild from the lake in a folder that knows nothing, and compare both."""
    await _patiently(lambda: flaky.learn(bench.name, lambda *_: None))
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
