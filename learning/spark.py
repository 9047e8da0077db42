"""The same patterns with Spark, bit for bit: each part of the log is counted by the loops of a local run.

A pattern that is frequent in the whole log is as frequent, in proportion, in one part at least. So each part
finds its own frequent patterns; all of them are then counted in every part, and the sums decide. A user's
sessions lie in one part, so that users add up too.

Source: Savasere, Omiecinski and Navathe, "An efficient algorithm for mining association rules in large
databases" (1995).
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from learning.figures import Figures, Kind, measure, merge
from learning.mining import Mined, find, finish
from learning.sessions import Sessions, choose
from learning.trie import Trie, plant_all, sequences
from memory.errors import AgentError

Pattern = tuple[int, ...]


class SparkMissing(AgentError):
    """Spark was asked for and is not installed."""

    code = "learning.spark_missing"

    def __init__(self) -> None:
        super().__init__(
            "Spark is not installed: there is no package `pyspark`.",
            fix="Install the extra `spark` and a Java runtime (17 or newer), or learn without Spark.",
        )


def open_spark(master: str | None = None) -> Any:
    """Return the Spark session of this process, opened at `master` (`local[2]`) or where Spark is configured.

    Raises:
        SparkMissing: the package `pyspark` is not there.
    """
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError:
        raise SparkMissing from None
    builder = SparkSession.builder.appName("slipstream")
    if master is not None:
        builder = builder.master(master).config("spark.ui.enabled", "false")
    return builder.getOrCreate()


def mine(
    spark: Any,
    kind: Kind,
    sessions: Sessions,
    *,
    longest: int,
    min_sessions: int,
    min_users: int = 1,
    parts: int | None = None,
) -> Mined:
    """Return what `learning.mining.contiguous` or `gapped` returns, counted in `parts` of the log.

    `spark` is a `SparkSession`; without `parts` there are as many as it does at once.
    """
    context = spark.sparkContext
    chunks = split(sessions, parts or context.defaultParallelism)
    total = max(len(sessions), 1)
    log = context.parallelize(chunks, len(chunks))

    def search(chunk: Sessions) -> list[Pattern]:
        """Find what is as frequent here as is asked of the whole log, rounded up."""
        share = -(-min_sessions * (len(chunk.offsets) - 1) // total)
        return read(find(kind, chunk, longest=longest, min_sessions=share))

    trie = plant_all(pattern for found in log.map(search).collect() for pattern in found)
    leading = context.broadcast(tuple(trie))

    def count(chunk: Sessions) -> Figures:
        return measure(chunk, kind, Trie(*leading.value))

    figures = merge(log.map(count).collect())
    leading.destroy()
    return finish(trie, figures, min_sessions, min_users)


def split(sessions: Sessions, parts: int) -> list[Sessions]:
    """Deal the users out to at most `parts` parts, none empty unless the log is; words stay behind."""
    bare = replace(sessions, words=np.zeros(0, np.uint32), word_offsets=np.zeros(0, np.int64))
    owner = sessions.users % max(parts, 1)
    chosen = (np.flatnonzero(owner == part) for part in range(parts))
    chunks = [choose(bare, part.tolist()) for part in chosen if len(part)]
    return [replace(chunk, ids=[], user_keys=[]) for chunk in chunks] or [bare]


def read(trie: Trie) -> list[Pattern]:
    """Return the patterns of two steps or more as numbers of labels."""
    steps, offsets = sequences(trie)
    flat, ends = steps.tolist(), offsets.tolist()
    return [tuple(flat[begin:end]) for begin, end in pairwise(ends)]
