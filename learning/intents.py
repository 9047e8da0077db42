"""Batch classification: names the steps that nobody has named yet, or that another classifier has."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graph.state import Classifier
from learning.progress import Progress
from learning.sessions import RECORDED, Turn
from memory.records import Step

BATCH = 512
"""Turns classified and stored at once: what an interruption can cost."""

SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("intent", pa.string()),
        ("topic", pa.string()),
        ("confidence", pa.float32()),
        ("classifier", pa.string()),
    ]
)


async def classify_turns(
    turns: Iterable[Turn], classifier: Classifier, folder: Path, on_progress: Progress
) -> dict[str, Step]:
    """Return the steps of all turns that `classifier` should name, by event id.

    Results lie in `folder` (`processed/intents`), one folder a classifier; a second run finds them there.
    """
    store = folder / f"classifier={hashlib.sha256(classifier.identity.encode()).hexdigest()[:16]}"
    known = _read(store)
    wanted = [
        turn for turn in turns if turn.label_source not in (RECORDED, classifier.identity) and turn.query
    ]
    new = sorted((turn for turn in wanted if turn.event_id not in known), key=lambda turn: turn.event_id)
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        found = await classifier.classify([turn.query for turn in batch])
        rows = [
            {
                "event_id": turn.event_id,
                "intent": analysis.intent,
                "topic": analysis.topic,
                "confidence": analysis.intent_confidence,
                "classifier": classifier.identity,
            }
            for turn, analysis in zip(batch, found, strict=True)
        ]
        _write(store, rows)
        known |= {turn.event_id: analysis.step for turn, analysis in zip(batch, found, strict=True)}
        on_progress("intents", start + len(batch), len(new), "turns named")
    return {turn.event_id: known[turn.event_id] for turn in wanted}


def _read(store: Path) -> dict[str, Step]:
    known: dict[str, Step] = {}
    for file in sorted(store.glob("*.parquet")):
        try:
            table = pq.read_table(file, columns=["event_id", "intent", "topic"], partitioning=None)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError):
            continue  # damaged: its turns are named again
        for row in table.to_pylist():
            known[row["event_id"]] = Step(intent=row["intent"], topic=row["topic"])
    return known


def _write(store: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write a batch whole or not at all; its name follows from the turns in it."""
    store.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("".join(str(row["event_id"]) for row in rows).encode()).hexdigest()[:32]
    beside = store / f".{name}.new"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), beside, compression="zstd")
    beside.replace(store / f"{name}.parquet")
