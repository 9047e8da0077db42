"""What a day costs after a year: full and incremental learning on the same log, and whether they agree.

python -m benchmarks.incremental                          a generated log of 100,000 sessions
python -m benchmarks.incremental --log LOG.jsonl.gz       a recorded one

The log goes through the lake as live events do. Then each of three runs has a process of its own:
`before` learns from 99 % of the sessions, `day` from the rest besides (new sessions, late words on old
ones, and a batch that comes twice), `full` from everything in a fresh state folder.
"""

import argparse
import asyncio
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from learning.pipeline import learn
from learning.recorded import RecordedSession, read_recorded, recorded_events
from learning.reports import LearnReport
from memory.ids import make_event_id
from memory.parquet import open_lake
from memory.records import Analysis, FeedbackGiven, SessionEvent
from memory.sqlite import open_store

TENANT, DOMAIN = "bench", "log"
LABELS, FLOWS, WORDS = 120, 200, 800
USERS_SHARE = 0.2
"""Users per session."""

DAYS = 100
"""Days of the generated log: each is a file of the lake, as a day of a small site would be."""

START = datetime(2026, 1, 1, tzinfo=UTC)


class Nobody:
    """The log brings its labels: no classifier is asked."""

    identity = "nobody"

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        """Fail: there is nothing to name."""
        raise AssertionError(texts[:1])


def generate(count: int) -> Iterator[RecordedSession]:
    """Draw sessions from planted flows with noise; the same count gives the same log."""
    rng = random.Random(11)
    labels = [f"intent-{number % 30:02}/topic-{number // 30}" for number in range(LABELS)]
    words = [f"word{number}" for number in range(WORDS)]
    talk = {label: rng.choices(words, k=12) for label in labels}
    flows = [rng.choices(labels, k=rng.randint(3, 8)) for _ in range(FLOWS)]
    weights = [1 / (number + 1) for number in range(FLOWS)]
    for number in range(count):
        flow = rng.choices(flows, weights)[0]
        steps = [rng.choice(labels) if rng.random() < 0.15 else label for label in flow]
        yield RecordedSession(
            session_id=f"session-{number:08}",
            user_id=f"user-{rng.randrange(max(1, int(count * USERS_SHARE)))}",
            labels=steps,
            texts=[" ".join(rng.choices(talk[label], k=8)) for label in steps],
            times=[60.0 * place for place in range(len(steps))],
            start=(START + timedelta(days=DAYS * number / count)).timestamp(),
            success=rng.random() < 0.7,
        )


async def fill(folder: Path, sessions: Iterable[RecordedSession], batch: int) -> list[SessionEvent]:
    """Write sessions to the lake; return the events of the last batch."""
    lake, events = open_lake(folder / "lake"), list[SessionEvent]()
    rows = iter(sessions)
    while some := list(islice(rows, batch)):
        events = [event for one in some for event in recorded_events(one, tenant=TENANT, domain=DOMAIN)]
        await lake.write(events)
    return events


def late(sessions: Sequence[RecordedSession]) -> list[SessionEvent]:
    """Return what users said of old sessions long afterwards."""
    return [
        FeedbackGiven(
            event_id=make_event_id(one.session_id, "late", 1, 0, tenant=TENANT),
            session_id=one.session_id,
            tenant=TENANT,
            domain=DOMAIN,
            user="0" * 16,
            turn=1,
            seq=0,
            at=START + timedelta(days=DAYS),
            resolved=False,
        )
        for one in sessions
    ]


class Run(NamedTuple):
    """What one run of learning took."""

    report: LearnReport
    wall_s: float
    cpu_s: float
    """Of all threads (seconds); wall time says little on a machine that others use too."""

    peak_bytes: int


def run(state: Path, lake: Path) -> Run:
    """Learn once, in this process."""

    async def work() -> LearnReport:
        with open_store(state / "store.sqlite") as store:
            return await learn(
                open_lake(lake),
                store.registry(TENANT),
                Nobody(),
                tenant=TENANT,
                domain=DOMAIN,
                folder=state,
                embedder="none",
                advanced=True,
                now=datetime.now(UTC),
                on_progress=lambda *_: None,
            )

    wall, cpu = time.perf_counter(), time.process_time()
    report = asyncio.run(work())
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Run(report, time.perf_counter() - wall, time.process_time() - cpu, peak_bytes)


def alone(name: str, state: Path, lake: Path) -> Run:
    """Learn in a process of its own, and print what it took."""
    state.mkdir(exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        done: Run = pool.apply(run, (state, lake))
    stages = "  ".join(f"{stage} {ms / 1000:.2f} s" for stage, ms in done.report.stages_ms.items())
    took = f"{done.wall_s:7.2f} s  CPU {done.cpu_s:7.2f} s  {done.peak_bytes / 2**20:6.0f} MiB"
    print(f"{name:<7} {took}  {stages}", flush=True)
    return done


def content(state: Path, report: LearnReport) -> dict[str, bytes]:
    """Return every file of a release."""
    folder = state / "models/patterns" / report.release_id
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def main() -> None:
    """Run the three and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--log", type=Path)
    asked: Any = parser.parse_args()
    rows = list(read_recorded(asked.log)) if asked.log else list(generate(asked.sessions))
    old, new = rows[: -max(1, len(rows) // 100)], rows[-max(1, len(rows) // 100) :]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.perf_counter()
        twice = asyncio.run(fill(folder, old, max(1, len(rows) // DAYS)))
        print(f"{len(rows):,} sessions, {sum(len(row.labels) for row in rows):,} steps; lake written in "
              f"{time.perf_counter() - begin:.0f} s")  # fmt: skip
        alone("before", folder / "daily", folder / "lake")
        asyncio.run(fill(folder, new, len(new)))
        asyncio.run(open_lake(folder / "lake").write([*twice[:500], *late(old[:50])]))
        day = alone("day", folder / "daily", folder / "lake")
        full = alone("full", folder / "fresh", folder / "lake")
        same = content(folder / "daily", day.report) == content(folder / "fresh", full.report)
        share = (
            f"{day.wall_s / full.wall_s:.1%} of the wall time, {day.cpu_s / full.cpu_s:.1%} of the CPU time"
        )
        print(f"day / full: {share}; same release, byte for byte: {'yes' if same else 'NO'}")
        print(f"release {full.report.release_id}: {full.report.patterns:,} patterns, {full.report.metrics}")
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
