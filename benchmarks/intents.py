"""Intents from a handful of examples: `python -m benchmarks.intents --data DIR --out predictions.jsonl`.

`train.jsonl` of the folder (rows `text`, `label`) becomes a domain, its classifier is fitted and calibrated
on these examples alone, and each text of `test.jsonl` (rows `id`, `text`) is classified by itself, as in a
turn. Files may end in `.gz`. The predictions are for the shared scorer of intents.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from agent.models import make_embeddings
from agent.settings import load_settings
from benchmarks.rows import read_rows, write_rows
from domains.model import Domain, IntentSpec, Replies
from nodes.classify import LocalClassifier, fit_classifier

OUTSIDE, REFUSE_AT = "oos", 0.5
"""Label of texts that are none of the intents, and from which probability a text is called so."""


def domain_of(rows: Sequence[dict[str, str]]) -> Domain:
    """Return a domain with the labels as intents and the texts as their examples."""
    examples = defaultdict(list)
    for row in rows:
        if row["label"] != OUTSIDE:
            examples[_name(row["label"])].append(row["text"])
    return Domain(
        name="benchmark",
        title="Benchmark",
        description="Intents of a benchmark.",
        intents={name: IntentSpec(description="", examples=texts) for name, texts in examples.items()},
        replies=Replies(static="-", escalation="-", off_topic="-"),
    )


def _name(label: str) -> str:
    return label.replace("/", " ").strip()


async def predict(
    classifier: LocalClassifier, rows: Sequence[dict[str, str]], labels: dict[str, str]
) -> list[dict[str, Any]]:
    """Classify one text after the other; `labels` gives the label of each intent."""
    found = []
    for row in rows:
        start = time.perf_counter()
        [analysis] = await classifier.classify([row["text"]])
        ms = (time.perf_counter() - start) * 1000
        label = labels[analysis.intent]
        found.append(
            {
                "id": row["id"],
                "label": OUTSIDE if analysis.outside > REFUSE_AT else label,
                "intent": label,
                "confidence": analysis.intent_confidence,
                "oos_score": analysis.outside,
                "latency_ms": round(ms, 3),
            }
        )
    return found


def run(data: Path, embedder: Embeddings) -> list[dict[str, Any]]:
    """Fit on the training file of a folder and return the predictions for its test file."""
    train = read_rows(_file(data, "train"))
    test = read_rows(_file(data, "test"))
    labels = {_name(row["label"]): row["label"] for row in train}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        classifier = fit_classifier(domain_of(train), embedder, Path(cache))
    print(f"{len(train):,} examples of {len(labels)} intents fitted in {time.perf_counter() - start:.1f} s")
    return asyncio.run(predict(classifier, test, labels))


def _file(folder: Path, part: str) -> Path:
    for name in (f"{part}.jsonl.gz", f"{part}.jsonl"):
        if (folder / name).is_file():
            return folder / name
    raise SystemExit(f"{folder} holds neither {part}.jsonl.gz nor {part}.jsonl")


def main() -> None:
    """Classify the texts of a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train and test files")
    parser.add_argument("--out", type=Path, required=True, help="where the predictions go")
    parser.add_argument("--embedder", help="as in the settings: minilm, a folder, or bedrock:<model id>")
    given = parser.parse_args()
    named = {"embedder": given.embedder} if given.embedder else {}
    found = run(given.data, make_embeddings(load_settings(**named)))
    write_rows(given.out, found)
    typical = statistics.median(row["latency_ms"] for row in found)
    print(f"{len(found):,} texts classified, {typical:.1f} ms each (median)")


if __name__ == "__main__":
    main()
