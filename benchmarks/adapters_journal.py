"""How fast the journal takes events: one turn at a time, as a reply waits for it, and in batches."""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.eventload import turn_events as _turn
from memory.outbox import SqliteOutbox, open_outbox

TURNS = 1_000
"""Turns appended one by one (count), each of two events, synced to the disk before it is acknowledged."""

BATCHES, BATCH_TURNS = 20, 500
"""Batches, and turns in each (count), as an import sends them."""

P50_MS = 1.0
EVENTS_PER_S = 10_000


class Journal(NamedTuple):
    """What was measured."""

    p50_ms: float
    """Median time of an append (milliseconds)."""

    p99_ms: float
    sync_ms: float
    """Median time of a bare write of 4 kB with fsync on the same disk (milliseconds): the floor."""

    events_per_s: float
    """In batches, by the clock on the wall."""

    events_per_cpu_s: float
    """In batches, by the time that the processor gave to this process: what an idle machine would show."""


def measure() -> Journal:
    """Measure on the disk that holds temporary files."""
    with tempfile.TemporaryDirectory() as folder, open_outbox(Path(folder) / "outbox.sqlite") as outbox:
        return asyncio.run(_measure(outbox, Path(folder)))


async def _measure(outbox: SqliteOutbox, folder: Path) -> Journal:
    turns = [_turn(number) for number in range(TURNS)]
    times = []
    for turn in turns:
        start = time.perf_counter()
        await outbox.append(turn)
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    events = [event for number in range(TURNS, TURNS + BATCHES * BATCH_TURNS) for event in _turn(number)]
    size = len(events) // BATCHES
    batches = [events[start : start + size] for start in range(0, len(events), size)]
    start, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        await outbox.append(batch)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    return Journal(
        statistics.median(times),
        times[int(0.99 * TURNS)],
        _sync_ms(folder),
        len(events) / took,
        len(events) / cpu,
    )


def _sync_ms(folder: Path) -> float:

    times = []
    with (folder / "bare").open("wb") as file:
        for _ in range(200):
            start = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def run() -> None:
    """Print the section."""
    found = measure()
    print("| journal | measured | goal |\n|---|--:|--:|")
    print(f"| append of a turn, p50 | {found.p50_ms:.2f} ms | {P50_MS:.0f} ms |")
    print(f"| append of a turn, p99 | {found.p99_ms:.2f} ms | |")
    print(f"| bare write and fsync on this disk, p50 | {found.sync_ms:.2f} ms | |")
    print(f"| events a second in batches | {found.events_per_s:,.0f} | {EVENTS_PER_S:,} |")
    print(f"| events a second of processor time, in batches | {found.events_per_cpu_s:,.0f} | |")


if __name__ == "__main__":
    run()
