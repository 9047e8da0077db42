"""Hybrid retrieval over a corpus, through the product's knowledge index.

python -m benchmarks.retrieval --data DIR --out predictions.jsonl [--embedder NAME] [--index DIR]

DIR holds `corpus.jsonl.gz` (doc_id, title, text) and `queries.jsonl.gz` (query_id, text), or else one file
`queries_*.jsonl.gz`. Writes `query_id`, `ranking` and `latency_ms` (without the embedding of the question).
`--index` keeps the index, so that a second run embeds what has changed; `--words-only` leaves meaning out.
`--fill 100000` is for the latency of a large index: passages are copied, a word in seven left out, their
vectors blurred, until there are so many.
"""

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from benchmarks.rows import read_rows, write_rows
from memory.fusion import passage_text
from memory.hybrid import HybridKnowledgeIndex, build_index, open_index
from memory.onnx import OnnxEmbedder, open_embedder
from memory.records import Passage

RANKED = 100
"""Passages a query; the scorer's widest cut-off."""

WARM_UP = 50
LEFT_OUT = 7
BLUR = 0.02
"""Standard deviation of what is added to each number of a copy's vector; cosine to the original is 0.93."""


def passages(path: Path) -> list[Passage]:
    """Return the corpus as passages; a page of several passages has ids with `#`."""
    return [
        Passage(passage_id=row["doc_id"], title=row.get("title", ""), text=row["text"], source=row["doc_id"])
        for row in read_rows(path)
    ]


class Copies(Embeddings):
    """Blurs the vectors of texts that are known, and has the others embedded."""

    def __init__(self, embedder: OnnxEmbedder) -> None:
        self.identity = f"copies:{embedder.identity}"
        self.embedder = embedder
        self.known: dict[str, NDArray[np.float32]] = {}
        self._random = np.random.default_rng(0)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._blurred(text) if text in self.known else self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embedder.query(text).tolist()  # type: ignore[no-any-return]

    def _blurred(self, text: str) -> list[float]:
        near = self.known[text] + self._random.normal(0, BLUR, self.embedder.dimension)
        return (near / np.linalg.norm(near)).tolist()  # type: ignore[no-any-return]


def copies(index: HybridKnowledgeIndex, embedder: Copies) -> Iterator[Passage]:
    """Yield the passages over and over, each time with other words left out; tell the embedder of them."""
    passages, vectors = index.contents()
    for turn in itertools.count():
        for passage, vector in zip(passages, vectors, strict=True):
            words = passage.text.split()
            text = " ".join(word for place, word in enumerate(words) if (place + turn) % LEFT_OUT)
            copy = passage.model_copy(update={"passage_id": f"{passage.passage_id}~{turn}", "text": text})
            embedder.known[passage_text(copy)] = vector
            yield copy


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
    """Search for all queries, one after the other, when the first ones have warmed up the files."""
    for query in queries[:WARM_UP]:
        await index.search(query["text"], k=RANKED)
    return [await answer(index, embedder, query) for query in queries]


def open_filled(
    folder: Path, index: HybridKnowledgeIndex, embedder: OnnxEmbedder, count: int
) -> HybridKnowledgeIndex:
    """Build an index of that many passages from one of fewer, and open it."""
    copying = Copies(embedder)
    build_index(folder, itertools.islice(copies(index, copying), count), copying, on_progress=tell)
    return open_index(folder, copying)


def main() -> None:
    """Build, search, and say what it took."""
    asked = _parse()
    corpora = sorted(asked.data.glob("corpus.jsonl*"))
    named = sorted(asked.data.glob("queries.jsonl*")) or sorted(asked.data.glob("queries_*.jsonl*"))
    if not corpora or not named:
        raise SystemExit(f"`{asked.data}` needs corpus.jsonl.gz and queries.jsonl.gz")
    embedder = open_embedder(asked.embedder)
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.index or Path(temporary) / "index"
        start = time.perf_counter()
        build_index(folder, passages(corpora[0]), embedder, on_progress=tell)
        index = open_index(folder, embedder)
        if asked.fill > len(index):
            index = open_filled(Path(temporary) / "filled", index, embedder, asked.fill)
        figures = {"passages": len(index), "build_s": round(time.perf_counter() - start, 1)}
        if asked.words_only:
            index.lexical_share = 1.0
        rows = asyncio.run(answer_all(index, embedder, read_rows(named[0])))
    write_rows(asked.out, rows)
    took = [row["latency_ms"] for row in rows]
    p50, p95 = np.quantile(took, [0.5, 0.95]).round(2).tolist()
    print(f"\n{json.dumps(figures | {'lexical_share': index.lexical_share, 'p50_ms': p50, 'p95_ms': p95})}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with corpus and queries")
    parser.add_argument("--out", type=Path, required=True, help="where the predictions go")
    parser.add_argument("--embedder", default="minilm", help="minilm, or the folder of a model")
    parser.add_argument("--index", type=Path, help="where the index is kept")
    parser.add_argument("--words-only", action="store_true", help="leave meaning out")
    parser.add_argument("--fill", type=int, default=0, metavar="COUNT", help="copy passages up to so many")
    return parser.parse_args()


if __name__ == "__main__":
    main()
