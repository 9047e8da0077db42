"""Mining of the generated log, beside peers in the same run; each miner in a process of its own.

Example: python -m benchmarks.mining --peers --json figures.json
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

GENERATOR = Path(__file__).parents[2] / "shared" / "benchmarks" / "mining" / "gen.py"

REFERENCE = 1_000_000
"""Sessions of the log whose patterns are known."""

TRUTH = {
    "contiguous": ({2: 867, 3: 765, 4: 332, 5: 176}, 10_670_930),
    "gapped": ({2: 405, 3: 550, 4: 283}, 31_885_258),
}
"""Patterns by length and sum of their supports, on the reference log."""

SHARE = {"contiguous": 1_000, "gapped": 100}
"""A pattern is frequent when one session in so many shows it."""

PREFIXSPAN_SESSIONS = 100_000
"""Sessions that `prefixspan` is given, and ours beside it: it takes too long for more."""


class Run(NamedTuple):
    """What one miner took and found."""

    miner: str
    sessions: int
    cpu_s: float
    """User and system time, without load of the log and without compiling."""

    wall_s: float
    warm_up_s: float
    """Time of a first call on a small log: compiling, or loading what was compiled, and imports."""

    peak_bytes: int
    """Peak of resident memory of the process, with the log."""

    by_length: dict[int, int]
    checksum: int

    @property
    def is_right(self) -> bool:
        """False when the patterns are known and these are others."""
        return self.sessions != REFERENCE or TRUTH[self.miner.split()[1]] == (self.by_length, self.checksum)


class Figure(NamedTuple):
    """A ratio or a size, and its goal."""

    name: str
    value: float
    goal: float
    unit: str
    is_met: bool


def write_log(sessions: int, folder: Path) -> Path:
    """Make the log of so many sessions, once."""
    file = folder / f"log-{sessions}.npz"
    if not file.exists():
        command = [sys.executable, str(GENERATOR), "--sessions", str(sessions), "--out", str(file)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return file


def run(miner: str, log: Path, sessions: int) -> Run:
    """Run a miner on the first sessions of a log in a process of its own."""
    print(f"measuring: {miner}, {sessions:,} sessions", file=sys.stderr)
    least = max(sessions // SHARE[miner.split()[1]], 2)
    command = [sys.executable, "-m", "benchmarks.miners", miner, str(log), str(sessions), str(least)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    sizes = {int(length): count for length, count in found.pop("by_length").items()}
    return Run(miner, sessions, by_length=sizes, **found)


def measure(sessions: int, folder: Path, *, with_peers: bool, with_large: bool) -> list[Run]:
    """Run ours, and when asked the peers and a log ten times as long."""
    log, few = write_log(sessions, folder), min(PREFIXSPAN_SESSIONS, sessions)
    runs = [run("ours contiguous", log, sessions)]
    if with_peers:
        runs += [run(f"{peer} contiguous", log, sessions) for peer in ("polars", "duckdb")]
    runs += [run("ours gapped", log, sessions)]
    if with_peers:
        log_of_few = write_log(few, folder)
        runs += [run(f"{miner} gapped", log_of_few, few) for miner in ("ours", "prefixspan")]
    if with_large:
        large = write_log(10 * sessions, folder)
        runs += [run(f"ours {kind}", large, 10 * sessions) for kind in SHARE]
    return runs


def figures(runs: list[Run], sessions: int) -> list[Figure]:
    """Hold the runs against the goals."""
    by_name = {(one.miner, one.sessions): one for one in runs}
    found = []
    for peer, kind, goal in (
        ("polars", "contiguous", 5),
        ("duckdb", "contiguous", 5),
        ("prefixspan", "gapped", 15),
    ):
        for (miner, size), theirs in by_name.items():
            if miner == f"{peer} {kind}":
                ratio = theirs.cpu_s / by_name[f"ours {kind}", size].cpu_s
                found.append(Figure(f"{kind}: CPU of {peer} over ours", ratio, goal, "x", ratio >= goal))
    own = by_name["ours contiguous", sessions].peak_bytes / 1e9
    found.append(Figure("contiguous: peak memory", own, 0.5, "GB", own <= 0.5))
    for kind in SHARE:
        large = by_name.get((f"ours {kind}", 10 * sessions))
        if large is not None:
            ratio, peak = large.cpu_s / by_name[f"ours {kind}", sessions].cpu_s, large.peak_bytes / 1e9
            found.append(Figure(f"{kind}: CPU of ten times the log", ratio, 12, "x", ratio <= 12))
            found.append(Figure(f"{kind}: peak memory of that", peak, 3, "GB", peak <= 3))
    return found


def main() -> int:
    """Run from the command line; status 1 when a miner found other patterns than are known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=REFERENCE, metavar="N")
    parser.add_argument("--peers", action="store_true", help="run polars, duckdb and prefixspan too")
    parser.add_argument("--large", action="store_true", help="mine a log ten times as long too")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the generated logs here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    arguments = parser.parse_args()
    if not GENERATOR.exists():
        print(
            "the generator, ../shared/benchmarks/mining/gen.py, is not beside the checkout", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.logs or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        runs = measure(arguments.sessions, folder, with_peers=arguments.peers, with_large=arguments.large)
    found = figures(runs, arguments.sessions)
    show(runs, found)
    if arguments.json:
        rows = {"runs": [one._asdict() for one in runs], "figures": [one._asdict() for one in found]}
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.is_right for one in runs) and agree(runs) else 1


def agree(runs: list[Run]) -> bool:
    """Return whether all miners found the same in the same log."""
    found: dict[tuple[str, int], set[tuple[tuple[tuple[int, int], ...], int]]] = {}
    for one in runs:
        same = found.setdefault((one.miner.split()[1], one.sessions), set())
        same.add((tuple(one.by_length.items()), one.checksum))
    return all(len(same) == 1 for same in found.values())


def show(runs: list[Run], found: list[Figure]) -> None:
    """Print both tables."""
    for one in runs:
        taken = f"CPU {one.cpu_s:7.2f} s  wall {one.wall_s:7.2f} s  {one.peak_bytes / 1e6:6,.0f} MB"
        what = f"{sum(one.by_length.values()):5} patterns  sum {one.checksum:12,}"
        mark = "" if one.is_right else "  WRONG"
        print(f"{one.miner:<18} {one.sessions:>10,}  {taken}  warm-up {one.warm_up_s:5.1f} s  {what}{mark}")
    for figure in found:
        mark = "met" if figure.is_met else "MISSED"
        print(f"{figure.name:<38} {figure.value:8.2f} {figure.unit:<2}  goal {figure.goal:g}  {mark}")


if __name__ == "__main__":
    sys.exit(main())
