"""What breaks and what that costs: `python -m benchmarks.faults [--short] [--seed N] [--only GROUP]`.

Prints the table of every group (`benchmarks.faults_…`), one row a fault; exits with 1 when a goal is missed.
The same seed brings about the same faults. `--short` is what CI runs.
"""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterable

import benchmarks
from benchmarks.faultrow import FaultRow

PREFIX = "faults_"


def groups() -> list[str]:
    """Return the names of all groups that make rows for this table."""
    names = [found.name for found in pkgutil.iter_modules(benchmarks.__path__)]
    return sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def rows(group: str, *, short: bool, seed: int) -> Iterable[FaultRow]:
    """Bring about the faults of a group."""
    module = importlib.import_module(f"benchmarks.{PREFIX}{group}")
    made: Iterable[FaultRow] = module.fault_rows(short, seed)
    return made


def main() -> int:
    """Print the table and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="fewer of each")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--only", choices=groups(), action="append", help="this group alone; may be repeated")
    asked = parser.parse_args()
    print("| fault | tries | result | goal | met |\n|---|--:|---|---|---|", flush=True)
    start, missed = time.monotonic(), 0
    for group in asked.only or groups():
        for row in rows(group, short=asked.short, seed=asked.seed):
            missed += not row.is_met
            met = "yes" if row.is_met else "NO"
            print(f"| {row.fault} | {row.tries} | {row.result} | {row.goal} | {met} |", flush=True)
    print(f"\nseed {asked.seed}, {time.monotonic() - start:.0f} s, goals missed: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
