"""The miners that are compared, each run in a process of its own, so that its memory can be told.

Called by `benchmarks.mining`; prints one line of JSON.
"""

import argparse
import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LABELS = 200
"""Labels of the generated log."""

CONTIGUOUS, GAPPED = 5, 4
"""Steps of the longest pattern of each kind."""

WARM_UP = 2_000
"""Sessions that are mined first, so that compiling is not counted."""


class Log(NamedTuple):
    """Sessions as flat columns."""

    steps: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def head(self, sessions: int) -> "Log":
        """Return the first sessions."""
        offsets = self.offsets[: sessions + 1]
        return Log(self.steps[: offsets[-1]], offsets)


class Found(NamedTuple):
    """What a miner reports, to be compared with what others report."""

    by_length: dict[int, int]
    """Number of patterns of each length."""

    checksum: int
    """Sum of the supports."""


Miner = Callable[[Log, int], Found]


def load(file: Path) -> Log:
    """Return the log that `gen.py` wrote."""
    with np.load(file) as columns:
        return Log(columns["labels"].astype(np.int32), columns["offsets"])


def ours_contiguous(log: Log, min_sessions: int) -> Found:
    """Mine with `learning.runs`."""
    from learning.runs import count_runs

    found = count_runs(log.steps, log.offsets, LABELS, longest=CONTIGUOUS, min_sessions=min_sessions)
    return _read(found)


def ours_gapped(log: Log, min_sessions: int) -> Found:
    """Mine with `learning.gapped`."""
    from learning.gapped import count_gapped

    found = count_gapped(log.steps, log.offsets, LABELS, longest=GAPPED, min_sessions=min_sessions)
    return _read(found)


def _read(found: Any) -> Found:
    levels = found.trie.levels[2:].tolist()
    sizes = {length: high - low for length, low, high in zip(range(2, 99), levels, levels[1:], strict=False)}
    return Found(sizes, int(found.support[levels[0] :].sum()))


def polars_contiguous(log: Log, min_sessions: int) -> Found:
    """Mine with polars: runs as packed numbers, one a session, grouped; columns are shifted for free."""
    import polars as pl

    session = pl.Series("session", _session_of(log))
    step = pl.Series("step", log.steps)
    sizes, checksum = {}, 0
    for length in range(2, CONTIGUOUS + 1):
        count = len(step) - length + 1
        shifted = [step.slice(place, count).alias(f"step{place}") for place in range(length)]
        ends = session.slice(length - 1, count).alias("end")
        run = _packed([pl.col(f"step{place}").cast(pl.Int64) for place in range(length)])
        found = (
            pl.DataFrame([session.slice(0, count), ends, *shifted])
            .lazy()
            .filter(pl.col("session") == pl.col("end"))
            .select("session", run.alias("run"))
            .unique()
            .group_by("run")
            .len()
            .filter(pl.col("len") >= min_sessions)
            .collect()
        )
        sizes[length], checksum = len(found), checksum + int(found["len"].sum())
    return Found(sizes, checksum)


def duckdb_contiguous(log: Log, min_sessions: int) -> Found:
    """Mine with duckdb: the same question as of polars, in SQL."""
    import duckdb
    import pyarrow as pa

    session, step = pa.array(_session_of(log)), pa.array(log.steps)
    sizes, checksum = {}, 0
    with duckdb.connect() as connection:
        for length in range(2, CONTIGUOUS + 1):
            count = len(step) - length + 1
            columns = {f"step{place}": step.slice(place, count) for place in range(length)}
            ends = session.slice(length - 1, count)
            connection.register("log", pa.table({"session": session.slice(0, count), "ends": ends} | columns))
            run = _packed([f"step{place}::BIGINT" for place in range(length)])
            rows = connection.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT session, {run} AS run FROM log WHERE session = ends) "
                f"GROUP BY run HAVING count(*) >= {min_sessions}"
            ).fetchall()
            sizes[length], checksum = len(rows), checksum + sum(support for (support,) in rows)
    return Found(sizes, checksum)


def _packed(columns: list[Any]) -> Any:
    """Return the expression of a run as one number, of polars or SQL."""
    packed = columns[0]
    for column in columns[1:]:
        packed = f"({packed} * {LABELS} + {column})" if isinstance(packed, str) else packed * LABELS + column
    return packed


def _session_of(log: Log) -> NDArray[np.int32]:
    return np.repeat(np.arange(len(log.offsets) - 1, dtype=np.int32), np.diff(log.offsets))


def prefixspan_gapped(log: Log, min_sessions: int) -> Found:
    """Mine with the package `prefixspan`."""
    from prefixspan import PrefixSpan

    steps = log.steps.tolist()
    bounds = zip(log.offsets[:-1].tolist(), log.offsets[1:].tolist(), strict=True)
    miner = PrefixSpan([steps[begin:end] for begin, end in bounds])
    miner.minlen, miner.maxlen = 2, GAPPED
    found = miner.frequent(min_sessions)
    sizes = Counter(len(pattern) for _, pattern in found)
    return Found(dict(sorted(sizes.items())), sum(support for support, _ in found))


MINERS: dict[str, Miner] = {
    "ours contiguous": ours_contiguous,
    "polars contiguous": polars_contiguous,
    "duckdb contiguous": duckdb_contiguous,
    "ours gapped": ours_gapped,
    "prefixspan gapped": prefixspan_gapped,
}


def main() -> None:
    """Mine one log with one miner."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("miner", choices=MINERS)
    parser.add_argument("log", type=Path)
    parser.add_argument("sessions", type=int, help="how many of the log's first sessions")
    parser.add_argument("min_sessions", type=int)
    arguments = parser.parse_args()
    log, mine = load(arguments.log).head(arguments.sessions), MINERS[arguments.miner]
    begin = time.perf_counter()
    mine(log.head(WARM_UP), WARM_UP // 100)
    warm_up_s = time.perf_counter() - begin
    begin, cpu = time.perf_counter(), time.process_time()
    found = mine(log, arguments.min_sessions)
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    taken = {"cpu_s": cpu_s, "wall_s": wall_s, "warm_up_s": warm_up_s, "peak_bytes": peak_bytes}
    print(json.dumps(found._asdict() | taken))


if __name__ == "__main__":
    main()
