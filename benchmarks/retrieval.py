"""Hybrid retrieval over a corpus, through the product's knowledge index.

python -m benchmarks.retrieval --data DIR --out predictions.jsonl [--embedder NAME] [--index DIR]

DIR holds `corpus.jsonl.gz` (doc_id, title, text) and `queries.jsonl.gz` (query_id, text), or else one file
`queries_*.jsonl.gz`. Writes `query_id`, `ranking` and `latency_ms` (without the embedding of the question).
`--index` keeps the index, so that a second run embeds what has changed; `--words-only` leaves meaning out.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import read_rows, write_rows
from memory.hybrid import HybridKnowledgeIndex, build_index, open_index
from memory.onnx import OnnxEmbedder, open_embedder
from memory.records import Passage

RANKED = 100
"""Passages a query; the scorer's widest cut-off."""


def passages(path: Path) -> list[Passage]:
    """Return the corpus as passages; a page of several passages has ids with `#`."""
    return [
        Passage(passage_id=row["doc_id"], title=row.get("title", ""), text=row["text"], source=row["doc_id"])
        for row in read_rows(path)
    ]


def tell(done: int, total: int) -> None:
    """Show how far the embedding has come."""
    print(f"\rembedded {done:,} of {total:,} passages", end="", file=sys.stderr, flush=True)


async def answer(
    index: HybridKnowledgeIndex, embedder: OnnxEmbedder, query: dict[str, Any]
) -> dict[str, Any]:
    """Search for one query; its vector is remembered by the embedder before the clock starts."""
    embedder.query(query["text"])
    start = time.perf_counter()
    hits = await index.search(query["text"], k=RANKED)
    took = (time.perf_counter() - start) * 1000
    ranking = [hit.passage.passage_id for hit in hits]
    return {"query_id": query["query_id"], "ranking": ranking, "latency_ms": round(took, 3)}


async def answer_all(
    index: HybridKnowledgeIndex, embedder: OnnxEmbedder, queries: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Search for all queries, one after the other."""
    return [await answer(index, embedder, query) for query in queries]


def main() -> None:
    """Build, search, and say what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--index", type=Path)
    parser.add_argument("--words-only", action="store_true")
    asked = parser.parse_args()
    corpora = sorted(asked.data.glob("corpus.jsonl*"))
    named = sorted(asked.data.glob("queries.jsonl*")) or sorted(asked.data.glob("queries_*.jsonl*"))
    if not corpora or not named:
        parser.error(f"`{asked.data}` needs corpus.jsonl.gz and queries.jsonl.gz")
    embedder = open_embedder(asked.embedder)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.index or Path(temporary)
        start = time.perf_counter()
        count = build_index(folder, passages(corpora[0]), embedder, on_progress=tell)
        built_s = time.perf_counter() - start
        index = open_index(folder, embedder)
        if asked.words_only:
            index.lexical_share = 1.0
        rows = asyncio.run(answer_all(index, embedder, read_rows(named[0])))
    write_rows(asked.out, rows)
    took = [row["latency_ms"] for row in rows]
    figures = {"passages": count, "build_s": round(built_s, 1), "lexical_share": index.lexical_share}
    figures |= {
        "p50_ms": round(float(np.median(took)), 2),
        "p95_ms": round(float(np.quantile(took, 0.95)), 2),
    }
    print(f"\n{json.dumps(figures)}", file=sys.stderr)


if __name__ == "__main__":
    main()
