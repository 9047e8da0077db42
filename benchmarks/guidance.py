"""Next-step guidance on recorded sessions, through the learner and the pattern index.

python -m benchmarks.guidance --data DIR --out predictions.jsonl

DIR holds `train.jsonl.gz`, sometimes `validation.jsonl.gz`, and `queries.jsonl.gz` (prefixes without targets,
as the shared scorer's `queries` writes them). Fits on train and validation, answers every query, and writes
the scorer's prediction form. `--queries FILE` takes other queries, `--fit train` leaves validation out,
so that it can be asked about. Figures of time and memory go to standard error, with `--json` to a file.
"""

import argparse
import asyncio
import gzip
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from learning.next_step import fit
from learning.patterns import find_patterns
from learning.recorded import EPOCH, STEP_S, read_recorded, recorded_sessions
from learning.trust import trusted
from memory.arrays import ArrayPatternIndex, open_pattern_index, write_index
from memory.redact import user_key

TENANT, DOMAIN = "local", "bench"
RANKED = 10
"""Suggestions a query; the scorer looks no further."""


def learn(files: list[Path], folder: Path) -> dict[str, float]:
    """Fit on the logs and write the index; return what it took."""
    start = time.perf_counter()
    sessions, _ = trusted(recorded_sessions(chain.from_iterable(map(read_recorded, files)), tenant=TENANT))
    read = time.perf_counter()
    patterns = find_patterns(sessions, DOMAIN, advanced=True)
    mined = time.perf_counter()
    fitted = fit(sessions, DOMAIN)
    done = time.perf_counter()
    write_index(folder, domain=DOMAIN, model=fitted.model, patterns=patterns)
    return {
        "sessions": float(len(sessions)),
        "read_s": read - start,
        "patterns_s": mined - read,
        "fit_s": done - mined,
        "share": fitted.model.tuning.share,
        "patterns": float(len(patterns)),
        **{f"held_out_{name}": value for name, value in fitted.metrics.items()},
    }


def read_queries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of queries."""
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        for line in file:
            if line.strip():
                yield json.loads(line)


async def answer(index: ArrayPatternIndex, query: dict[str, Any]) -> dict[str, Any]:
    """Ask for the step after a prefix."""
    name = query.get("user_id") or query["session_id"]
    start = EPOCH.timestamp() if query.get("start") is None else query["start"]
    times = query.get("times") or [number * STEP_S for number in range(len(query["labels"]))]
    found = await index.match(
        query["labels"],
        user=user_key(TENANT, name),
        texts=query.get("texts") or (),
        times=[start + at for at in times],
        k=RANKED,
    )
    row = {
        "session_id": query["session_id"],
        "k": query["k"],
        "next": [
            {"label": one.label, "confidence": one.confidence, "pattern_id": one.pattern_id}
            for one in found.suggestions
        ],
    }
    return row if found.failure_risk is None else {**row, "p_success": 1 - found.failure_risk}


async def answer_all(index: ArrayPatternIndex, queries: Path, out: Path) -> list[float]:
    """Write the answers; return how long each took (milliseconds)."""
    took = []
    with out.open("w", encoding="utf-8") as file:
        for query in read_queries(queries):
            start = time.perf_counter()
            row = await answer(index, query)
            took.append((time.perf_counter() - start) * 1000)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return took


def main() -> None:
    """Fit, answer, and say what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--fit", choices=["all", "train"], default="all")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    names = ["train.jsonl.gz"] + (["validation.jsonl.gz"] if asked.fit == "all" else [])
    files = [asked.data / name for name in names if (asked.data / name).exists()]
    queries = asked.queries or asked.data / "queries.jsonl.gz"
    if not files or not queries.exists():
        parser.error(
            f"`{asked.data}` needs train.jsonl.gz and queries.jsonl.gz (write it with `score.py queries`)"
        )
    with tempfile.TemporaryDirectory() as folder:
        figures = learn(files, Path(folder) / "index")
        start = time.perf_counter()
        index = open_pattern_index(Path(folder) / "index")
        figures["open_ms"] = (time.perf_counter() - start) * 1000
        took = asyncio.run(answer_all(index, queries, asked.out))
    if took:
        figures |= {"match_p50_ms": float(np.median(took)), "match_p99_ms": float(np.quantile(took, 0.99))}
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    text = json.dumps({name: round(value, 4) for name, value in figures.items()})
    print(text, file=sys.stderr)
    if asked.json:
        asked.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
