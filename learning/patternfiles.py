"""What patterns look like outside of the learner: Parquet in the lake, items of a key-value table.

In the lake counts are exact, as the raw events beside them are. What is published to others carries counts
in buckets, so that nobody can tell from two releases what one more session was.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from learning.trust import MIN_USERS
from memory.errors import StorageFailed
from memory.records import Pattern

FOLDER = "lake/processed/patterns"
"""Where the Parquet files lie below the state folder."""

FOLDERS = {"flows": ("flow",), "sequences": ("sequence", "gapped")}
"""Folder to the types of pattern in it."""

FILE = "patterns.parquet"

STEP = pa.struct([("intent", pa.string()), ("topic", pa.string())])
TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("pattern_id", pa.string()),
        ("pattern_type", pa.string()),
        ("sequence", pa.list_(STEP)),
        ("frequency", pa.int64()),
        ("users", pa.int64()),
        ("decayed_frequency", pa.float64()),
        ("lift", pa.float64()),
        ("success_rate", pa.float64()),
        ("success_low", pa.float64()),
        ("success_high", pa.float64()),
        ("avg_completion_time", pa.float64()),
        ("first_seen", TIME),
        ("last_updated", TIME),
    ]
)


class StepItem(TypedDict):
    """A step of an item."""

    intent: str
    topic: str | None


class PatternItem(TypedDict):
    """A pattern as DynamoDB takes it; times are ISO 8601 in UTC."""

    pattern_id: str
    pattern_type: str
    sequence: list[StepItem]
    frequency: Decimal
    """Sessions (count), as the low end of its bucket."""

    success_rate: Decimal | None
    avg_completion_time: Decimal | None
    """Seconds."""

    last_updated: str


def bucket(count: int) -> int:
    """Return the low end of a count's bucket: 5, 10, 20, 50, 100, …; 0 for what is too few to be told."""
    if count < MIN_USERS:
        return 0
    scale: int = 10 ** (len(str(count)) - 1)
    return max(step * scale for step in (1, 2, 5) if step * scale <= count)


def bucket_text(count: int) -> str:
    """Return a count as others may read it: `50+`, `under 5`."""
    low = bucket(count)
    return f"{low:,}+" if low else f"under {MIN_USERS}"


def pattern_item(pattern: Pattern) -> PatternItem:
    """Return a pattern as an item to publish; rates and times are rounded, counts are bucketed."""
    return {
        "pattern_id": pattern.pattern_id,
        "pattern_type": pattern.pattern_type,
        "sequence": [{"intent": step.intent, "topic": step.topic} for step in pattern.sequence],
        "frequency": Decimal(bucket(pattern.frequency)),
        "success_rate": _decimal(pattern.success_rate, 2),
        "avg_completion_time": _decimal(pattern.avg_completion_time, 1),
        "last_updated": pattern.last_updated.isoformat(),
    }


def _decimal(figure: float | None, places: int) -> Decimal | None:
    """Round to so many decimals; DynamoDB takes no binary fractions."""
    return None if figure is None else Decimal(f"{figure:.{places}f}")


def store_patterns(patterns: Sequence[Pattern], folder: Path, *, tenant: str, domain: str) -> list[Path]:
    """Write the patterns of a domain below `folder`, as `flows|sequences/domain=…/tenant=…/patterns.parquet`.

    Each file is replaced whole, so that what is no pattern any more is gone; the same patterns give the
    same bytes, and those are not written again. Raises `StorageFailed`.
    """
    place = f"domain={quote(domain, safe='')}/tenant={quote(tenant, safe='')}"
    return [
        _store([one for one in patterns if one.pattern_type in kinds], folder / name / place / FILE)
        for name, kinds in FOLDERS.items()
    ]


def _store(patterns: Iterable[Pattern], file: Path) -> Path:
    table = pa.Table.from_pylist([pattern.model_dump() for pattern in patterns], schema=SCHEMA)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    beside = file.with_name(f".{FILE}.new")
    try:
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            beside.replace(file)
    except OSError as error:
        raise StorageFailed(str(file), error.strerror or "it cannot be written") from None
    return file
