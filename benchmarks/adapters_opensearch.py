"""OpenSearch: k-NN with a filter over 100,000 patterns, and how fast an index is loaded."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory.onnx import open_embedder
from memory.opensearch import BULK_BYTES, BULK_DOCUMENTS, Document, OpenSearch
from memory.opensearch_patterns import nearest_body, pattern_mapping

PATTERNS = 100_000
SMALL = 0.1
"""Share of the patterns that are of another tenant."""

QUERIES, WARM_UP, K = 1_000, 200, 10
LOADED = 10_000
"""Documents of one load when rates are compared."""

ROUNDS = 2
P50_MS, P99_MS, RECALL = 15.0, 60.0, 0.95
"""Goals."""

WORDS = (
    "alarm vibration bearing oil pressure leak pump turbine compressor restart diagnose repair replace filter"
    " price order delivery invoice refund upgrade contract license training safety permit maintenance"
    " schedule sensor calibration firmware network login password export report dashboard forecast anomaly"
    " cost budget"
).split()

Vectors = NDArray[np.float32]


def run() -> None:
    """Measure against the node at `OPENSEARCH_URL` and print the section."""
    url = os.environ.get("OPENSEARCH_URL")  # noqa: TID251 - as the tests find it
    if url is None:
        print("OpenSearch: no OPENSEARCH_URL, nothing measured")
        return
    vectors = pattern_vectors(PATTERNS + QUERIES + WARM_UP)
    stored, asked = vectors[:PATTERNS], vectors[PATTERNS:]
    client = OpenSearch(url, search_s=30.0)
    index = f"bench-{uuid.uuid4().hex}"
    try:
        print("OpenSearch, one node on this machine")
        _load(client, index, stored)
        for tenant, places in _tenants().items():
            _search(client, index, tenant, places, stored, asked)
        _compare(client, url, stored[:LOADED])
    finally:
        client.discard(index)
        client.close()


def pattern_vectors(count: int) -> Vectors:
    """Return unit means of two to five steps, each two words of an embedder's; seeded."""
    random = np.random.default_rng(7)
    pairs = [f"{one} {other}" for one in WORDS for other in WORDS[::4]]
    steps = open_embedder().embed(pairs)
    lengths = random.integers(2, 6, count)
    means = np.stack([steps[random.choice(len(steps), length)].mean(axis=0) for length in lengths])
    unit: Vectors = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _tenants() -> Mapping[str, NDArray[np.int64]]:
    small = np.random.default_rng(8).random(PATTERNS) < SMALL
    return {"big": np.flatnonzero(~small), "small": np.flatnonzero(small)}


def _documents(vectors: Vectors) -> Iterator[Document]:
    tenants = np.full(PATTERNS, "big", dtype=object)
    tenants[_tenants()["small"]] = "small"
    for rank, vector in enumerate(vectors):
        fields = {
            "kind": "pattern",
            "tenant": str(tenants[rank]),
            "domain": "bench",
            "release": "r-1",
            "pattern_sequence": f"step {rank}",
            "pattern_embedding": vector,
            "pattern_metadata": {"pattern_id": f"p-{rank}", "pattern_type": "sequence", "frequency": rank},
            "rank": rank,
        }
        yield Document(f"p-{rank}", fields)


def _create(client: OpenSearch, index: str, dimension: int) -> None:
    mapping = {**pattern_mapping(dimension, "lucene"), "dynamic": "strict"}
    client.command("PUT", f"/{index}", {"settings": {"index": {"knn": True}}, "mappings": mapping})


def _load(client: OpenSearch, index: str, vectors: Vectors) -> None:
    _create(client, index, vectors.shape[1])
    start = time.perf_counter()
    client.settle(index, client.load(index, _documents(vectors)))
    took_s = time.perf_counter() - start
    print(f"  loaded {PATTERNS:,} patterns in {took_s:.0f} s ({PATTERNS / took_s:,.0f} a second)")


def _search(
    client: OpenSearch,
    index: str,
    tenant: str,
    places: NDArray[np.int64],
    stored: Vectors,
    asked: Vectors,
) -> None:
    narrowed = [{"term": {"tenant": tenant}}, {"term": {"domain": "bench"}}, {"term": {"kind": "pattern"}}]
    took_ms, found = [], []

    async def ask_all() -> None:
        for vector in asked:
            start = time.perf_counter()
            hits = await client.search(index, nearest_body(vector, narrowed, K)) or []
            took_ms.append((time.perf_counter() - start) * 1000)
            found.append([int(hit["_id"].removeprefix("p-")) for hit in hits])

    asyncio.run(ask_all())
    p50, p99 = np.percentile(took_ms[WARM_UP:], [50, 99])
    recall = _recall(found[WARM_UP:], stored, places, asked[WARM_UP:])
    ok = p50 <= P50_MS and p99 <= P99_MS and recall >= RECALL
    print(
        f"  k-NN, k={K}, filter passes {len(places):,} of {PATTERNS:,}: p50 {p50:.1f} ms "
        f"(goal {P50_MS:.0f}), p99 {p99:.1f} ms (goal {P99_MS:.0f}), recall@{K} {recall:.3f} "
        f"(goal {RECALL})  {'ok' if ok else 'MISSED'}"
    )


def _recall(found: list[list[int]], stored: Vectors, places: NDArray[np.int64], asked: Vectors) -> float:
    """Return the share of the nearest that were found; what is as near as the last of them is one of them."""
    allowed, right = set(places.tolist()), 0
    for hits, vector in zip(found, asked, strict=True):
        near = stored[places] @ vector
        last = float(np.partition(near, -K)[-K]) - 1e-5
        right += sum(hit in allowed and float(stored[hit] @ vector) >= last for hit in hits)
    return right / (K * len(asked))


# --- loading beside the client of the OpenSearch project ------------------------------------------------


def _compare(client: OpenSearch, url: str, vectors: Vectors) -> None:
    def ours(index: str, documents: Iterable[Document]) -> None:
        client.load(index, documents)

    def theirs(index: str, documents: Iterable[Document]) -> None:
        from opensearchpy import OpenSearch as Theirs
        from opensearchpy.helpers import streaming_bulk

        actions = ({"_id": key, **_listed(fields)} for key, fields in documents)
        with Theirs(url, timeout=60) as other:
            done = streaming_bulk(
                other, actions, index=index, chunk_size=BULK_DOCUMENTS, max_chunk_bytes=BULK_BYTES
            )
            assert all(ok for ok, _ in done)

    times = [(_timed(client, ours, vectors), _timed(client, theirs, vectors)) for _ in range(ROUNDS)]
    (ours_s, ours_cpu), (theirs_s, theirs_cpu) = (np.min(one, axis=0) for one in zip(*times, strict=True))
    print(
        f"  bulk load of {len(vectors):,}: {len(vectors) / ours_s:,.0f} a second, opensearch-py's "
        f"streaming_bulk {len(vectors) / theirs_s:,.0f}: {theirs_s / ours_s:.2f} times as "
        f"fast, with {ours_cpu / theirs_cpu:.2f} of its CPU here"
    )


def _listed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client takes that does not know NumPy."""
    return {**fields, "pattern_embedding": fields["pattern_embedding"].tolist()}


def _timed(
    client: OpenSearch, loader: Callable[[str, Iterable[Document]], None], vectors: Vectors
) -> tuple[float, float]:
    index = f"bench-{uuid.uuid4().hex}"
    _create(client, index, vectors.shape[1])
    try:
        start, cpu = time.perf_counter(), time.process_time()
        loader(index, _documents(vectors))
        return time.perf_counter() - start, time.process_time() - cpu
    finally:
        client.discard(index)
