"""What a turn asks of each service: calls and bytes, before its reply leaves and after."""

import asyncio
from typing import NamedTuple

from benchmarks.flaky_proxy import HttpProxy, TcpProxy
from benchmarks.servicebench import Bench, lacking, open_bench

TURNS = 20
MOST_CALLS = {"OpenSearch": 1, "DynamoDB": 4, "S3": 0, "Valkey": 2}
"""Calls that a turn may make before its reply leaves."""

MOST_BYTES = {"OpenSearch": 20_000, "DynamoDB": 6_000, "S3": 0, "Valkey": 2_000}
"""Bytes that go both ways for them; OpenSearch's answer holds passages and a vector is sent to it."""


class Cost(NamedTuple):
    """What turns cost at one service, on average."""

    calls: float
    """Before the reply (count)."""

    bytes: float
    later_calls: float
    """For the events of the turns, moved in one go after their replies (count)."""

    later_bytes: float


def measure(turns: int = TURNS) -> dict[str, Cost]:
    """Answer questions that no cache holds, in sessions that are known; then move their events."""
    return asyncio.run(_measure(turns))


async def _measure(turns: int) -> dict[str, Cost]:
    with open_bench() as bench:
        runtime = await bench.open("counted", is_proxied=True)
        try:
            await bench.replay(runtime, "old")
            await runtime.learn(bench.name, lambda *_: None)
            for number in range(7):  # opens the sessions, and what is opened once
                await bench.ask(runtime, "s", number)
            await runtime.drain()
            start = _counts(bench)
            for number in range(7, 7 + turns):
                await bench.ask(runtime, "s", number)
            answered = _counts(bench)
            await runtime.drain()
            moved = _counts(bench)
        finally:
            await runtime.close()
    return {
        name: Cost(
            *(
                (b - a) / turns
                for before, after in ((start, answered), (answered, moved))
                for a, b in zip(before[name], after[name], strict=True)
            )
        )
        for name in start
    }


def _counts(bench: Bench) -> dict[str, tuple[int, int]]:
    proxies: dict[str, HttpProxy | TcpProxy] = {
        "OpenSearch": bench.search,
        "DynamoDB": bench.tables,
        "S3": bench.objects,
        "Valkey": bench.cache,
    }
    return {name: (proxy.requests, proxy.bytes) for name, proxy in proxies.items()}


def run() -> None:
    """Print the table."""
    if absent := lacking():
        print(f"calls: no {', '.join(absent)} here")
        return
    print(f"a turn, mean of {TURNS}: calls and bytes before the reply, and afterwards for its events")
    for name, cost in measure().items():
        is_kept = cost.calls <= MOST_CALLS[name] and cost.bytes <= MOST_BYTES[name]
        kept = "" if is_kept else "  MORE THAN IT SHOULD"
        print(
            f"{name:<12} {cost.calls:5.1f} calls of at most {MOST_CALLS[name]} {cost.bytes:9,.0f} bytes"
            f"   then {cost.later_calls:5.2f} calls {cost.later_bytes:9,.0f} bytes{kept}"
        )
