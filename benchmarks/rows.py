"""Reads and writes the rows that benchmarks take and give."""

import argparse
import gzip
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file with one JSON object a line, packed with gzip or not."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def predict(decide: Callable[[dict[str, Any]], dict[str, Any]], about: str) -> None:
    """Run a benchmark: decide about each row of `--data`, write id, decision and CPU time to `--out`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    rows = read_rows(asked.data)
    decide(rows[0])  # the first call reads the model's numbers
    found = []
    for row in rows:
        start = time.thread_time()
        decision = decide(row)
        found.append({"id": row["id"], **decision, "ms": round((time.thread_time() - start) * 1000, 3)})
    write_rows(asked.out, found)
