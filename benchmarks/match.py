"""How fast the pattern index answers when it holds a million patterns, and what it holds in memory.

python -m benchmarks.match                          a generated log of 1,000,000 sessions
python -m benchmarks.match --sessions 100000        a smaller one

The log is drawn by the mining benchmark's generator beside the repository. A pattern is a context with a step
that follows it. What is served needs five users; here two are enough, since so only does the log hold a
million. Each flow asked is a prefix of a session of another draw. The floor is a
dictionary of the same contexts, asked for the longest known end of the same flows without any mixing.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learning import kneser_ney
from learning.next_step import fit
from learning.sessions import SOLVED, UNSOLVED, Sessions
from memory.arrays import open_pattern_index, write_index
from memory.contexts import ORDER

GENERATOR = Path(__file__).parents[2] / "shared" / "benchmarks" / "mining" / "gen.py"
USERS = 50_021
"""As the generator's own rows have."""

FLOWS = 20_000
START = 1_760_000_000.0
GOALS = {"match_p50_ms": 0.1, "match_p99_ms": 0.5, "open_ms": 50.0, "memory_bytes_a_pattern": 300.0}


def draw(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Generate a log."""
    out = folder / f"log-{seed}.npz"
    asked = [sys.executable, str(GENERATOR), "--sessions", str(count), "--seed", str(seed), "--out", str(out)]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    return dict(np.load(out))


def as_sessions(log: dict[str, Any]) -> Sessions:
    """Return the log as columns: a session every minute, a step every ten seconds."""
    count = len(log["offsets"]) - 1
    place = np.arange(len(log["labels"])) - np.repeat(log["offsets"][:-1], np.diff(log["offsets"]))
    begun = np.repeat(np.arange(count) * 60.0, np.diff(log["offsets"]))
    return Sessions(
        ids=[f"s{number}" for number in range(count)],
        labels=[f"intent_{number:03}" for number in range(int(log["labels"].max()) + 1)],
        steps=log["labels"].astype(np.int32),
        times=START + begun + place * 10.0,
        offsets=log["offsets"].astype(np.int64),
        users=(np.arange(count) % USERS).astype(np.int32),
        user_keys=[f"u{number:015}" for number in range(min(count, USERS))],
        outcomes=np.where(log["ok"], SOLVED, UNSOLVED).astype(np.int8),
    )


def learn(count: int, folder: Path) -> dict[str, float]:
    """Write the index of a generated log."""
    sessions = as_sessions(draw(count, 1, folder))
    kneser_ney.MIN_USERS = 2  # type: ignore[attr-defined]
    start = time.perf_counter()
    fitted = fit(sessions, "bench")
    took = time.perf_counter() - start
    write_index(folder / "index", domain="bench", model=fitted.model, patterns=[])
    contexts = fitted.model.contexts
    return {
        "patterns": float(len(contexts.labels)),
        "contexts": float(len(contexts.keys)),
        "fit_s": took,
        "share": fitted.model.tuning.share,
        "fit_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{f"held_out_{name}": value for name, value in fitted.metrics.items()},
    }


def prefixes(folder: Path) -> list[list[str]]:
    """Return flows of sessions that were not learned from, each cut somewhere."""
    log = draw(FLOWS, 2, folder)
    rng = np.random.default_rng(3)
    names = [f"intent_{number:03}" for number in range(int(log["labels"].max()) + 1)]
    spans = zip(log["offsets"][:-1], log["offsets"][1:], strict=True)
    return [[names[step] for step in log["labels"][a : rng.integers(a, b) + 1]] for a, b in spans]


def measure(folder: Path) -> dict[str, float]:
    """Open the index in this process and ask it."""
    flows = prefixes(folder)
    before = anonymous_bytes()
    start = time.perf_counter()
    index = open_pattern_index(folder / "index")
    opened = (time.perf_counter() - start) * 1000

    async def ask(flows: Sequence[Sequence[str]]) -> list[float]:
        took = []
        for flow in flows:
            start = time.perf_counter()
            await index.match(flow, user=None, k=3)
            took.append((time.perf_counter() - start) * 1000)
        return took

    asyncio.run(ask(flows[:1000]))
    took = asyncio.run(ask(flows[1000:]))
    held = anonymous_bytes() - before
    patterns = len(np.load(folder / "index" / "context-labels.npy", mmap_mode="r"))
    return {
        "open_ms": opened,
        "match_p50_ms": float(np.median(took)),
        "match_p99_ms": float(np.quantile(took, 0.99)),
        "memory_bytes_a_pattern": held / patterns,
        "dictionary_p50_ms": dictionary(flows[1000:]),
    }


def dictionary(flows: Sequence[Sequence[str]]) -> float:
    """Return the median time (milliseconds) that a plain dictionary takes for the ends of the same flows."""
    known: dict[tuple[str, ...], int] = {}
    for flow in flows:
        for size in range(ORDER + 1):
            known[tuple(flow[len(flow) - size :])] = size
    took = []
    for flow in flows:
        start = time.perf_counter()
        for size in range(ORDER, -1, -1):
            if tuple(flow[len(flow) - size :]) in known:
                break
        took.append((time.perf_counter() - start) * 1000)
    return float(np.median(took))


def anonymous_bytes() -> int:
    """Return the memory of this process that no file stands behind."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) * 1024


def main() -> None:
    """Learn in one process, ask in another, compare with the goals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask:
        print(json.dumps(measure(asked.ask)))
        return
    if not GENERATOR.exists():
        parser.exit(0, f"skipped: `{GENERATOR.name}` is not beside the repository\n")
    with tempfile.TemporaryDirectory() as name:
        figures = learn(asked.sessions, Path(name))
        inner = [sys.executable, "-m", "benchmarks.match", "--ask", name]
        found = subprocess.run(inner, check=True, capture_output=True, text=True).stdout
    figures |= json.loads(found)
    if asked.json:
        print(json.dumps(figures, indent=2))
        return
    for name_, value in figures.items():
        goal = GOALS.get(name_)
        print(f"{name_:28} {value:14,.4f}" + (f"   goal {goal:g}, {value / goal:.2f}x of it" if goal else ""))


if __name__ == "__main__":
    main()
