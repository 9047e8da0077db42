"""The pattern index in OpenSearch: a release is one index, whole before anybody can find it.

An index holds the patterns of a release as documents, and the files of its model (memory/arrays.py) as
others. Whoever opens it fetches the model once; guidance is then computed from it as in an embedded run, to
the last digit, whatever becomes of OpenSearch. Why: docs/decisions/0010.
"""

import asyncio
import base64
import binascii
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memory.arrays import ArrayPatternIndex, PatternIndexBroken, open_pattern_index
from memory.breaker import ServiceUnavailable
from memory.errors import EmbedderMismatch, StorageFailed
from memory.onnx import embedder_identity
from memory.opensearch import OPEN_S, Document, Engine, OpenSearch
from memory.opensearch_swap import Contents, about, publish, vector_field
from memory.ports import FlowMatch
from memory.records import Pattern, Release

ALIAS = "session-patterns"
FORMAT = 1
PAGE = 1_000
"""Documents of one answer."""

PART_BYTES = 3_000_000
"""Bytes of a model file in one document; a third more when written as text."""

MODEL_FILE = re.compile(r"[a-z]+(?:-[a-z_]+)?\.(?:npy|json)")
"""Names of model files; nothing else that an index names becomes a file."""

METADATA = {
    "pattern_id": {"type": "keyword"},
    "pattern_type": {"type": "keyword"},
    "frequency": {"type": "integer"},
    "users": {"type": "integer"},
    "success_rate": {"type": "double"},
    "decayed_frequency": {"type": "double"},
}
"""Facts of a pattern that can be searched for; the others are stored beside them."""

Vectors = NDArray[np.float32]


class PatternHit(NamedTuple):
    """A pattern and how near it is."""

    pattern: Pattern
    similarity: float
    """Cosine (-1 to 1) between what was looked for and the mean of the pattern's steps."""


@dataclass(frozen=True)
class Place:
    """Where the patterns of a tenant's domain lie."""

    tenant: str
    domain: str

    @property
    def live(self) -> str:
        """The alias of the live release; by digest, since names may hold what no index name may."""
        return f"{ALIAS}-{_digest(self.tenant, self.domain)}"

    def release(self, release_id: str) -> str:
        """The alias of one release."""
        return f"{self.live}-{_digest(release_id)}"

    def filter(self, release_id: str) -> list[dict[str, Any]]:
        """What every search is narrowed to before anything is ranked."""
        facts = {"tenant": self.tenant, "domain": self.domain, "release": release_id, "kind": "pattern"}
        return [{"term": {name: value}} for name, value in facts.items()]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


# --- writing ---------------------------------------------------------------------------------------


def publish_patterns(
    client: OpenSearch, folder: Path, release: Release, embedder: Embeddings, *, engine: Engine = "lucene"
) -> None:
    """Build the index of a release from its folder unless it is there, and make it the live one.

    Raises:
        PatternIndexBroken: the folder is not a release.
        ServiceUnavailable: OpenSearch does not answer.
        SearchRefused: it will not take the index.
    """
    place = Place(release.tenant, release.domain)

    def contents() -> Contents:
        patterns, files = _read_patterns(folder), _model_files(folder)
        vectors = pattern_vectors(patterns, embedder)
        facts = {
            "format": FORMAT,
            "embedder": embedder_identity(embedder),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        documents = chain(pattern_documents(patterns, vectors, release), _model_documents(files, release))
        return Contents(pattern_mapping(vectors.shape[1], engine), documents, facts)

    publish(client, place.live, place.release(release.release_id), contents)


def erase_patterns(client: OpenSearch, place: Place) -> None:
    """Remove every index of a place, the live one too.

    Raises:
        ServiceUnavailable: OpenSearch does not answer.
    """
    for name in client.command("GET", f"/{place.live}-*") or {}:
        client.command("DELETE", f"/{name}")


def pattern_mapping(dimension: int, engine: Engine) -> dict[str, Any]:
    """Return the mapping of an index of patterns whose vectors have `dimension` numbers."""
    keywords = ("tenant", "domain", "release", "kind", "model_file")
    properties = {
        "pattern_sequence": {"type": "text"},
        "pattern_embedding": vector_field(dimension, engine),
        "pattern_metadata": {"dynamic": False, "properties": METADATA},
        "rank": {"type": "integer"},
        "model_part": {"type": "integer"},
        "model_data": {"type": "binary"},
        **{name: {"type": "keyword"} for name in keywords},
    }
    return {"properties": properties}


def pattern_vectors(patterns: Sequence[Pattern], embedder: Embeddings) -> Vectors:
    """Return the unit mean of the vectors of each pattern's steps: shape (patterns, dimension)."""
    labels = sorted({step.label for pattern in patterns for step in pattern.sequence})
    embedded = np.asarray(embedder.embed_documents([*map(step_text, labels), " "]), np.float32)
    rows = {label: row for row, label in enumerate(labels)}
    steps = [[rows[step.label] for step in pattern.sequence] for pattern in patterns]
    found = np.empty((len(patterns), embedded.shape[1]), np.float32)
    for place, numbers in enumerate(steps):
        mean = embedded[numbers].mean(axis=0)
        found[place] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return found


def step_text(label: str) -> str:
    """Return the words of a label, for an embedder."""
    return re.sub(r"[/_.-]+", " ", label) or " "


def pattern_documents(patterns: Sequence[Pattern], vectors: Vectors, release: Release) -> Iterator[Document]:
    """Yield a document a pattern, in their order."""
    for rank, (pattern, vector) in enumerate(zip(patterns, vectors, strict=True)):
        fields = {
            "kind": "pattern",
            "tenant": release.tenant,
            "domain": release.domain,
            "release": release.release_id,
            "pattern_sequence": " > ".join(step.label for step in pattern.sequence),
            "pattern_embedding": vector,
            "pattern_metadata": pattern.model_dump(mode="json"),
            "rank": rank,
        }
        yield Document(pattern.pattern_id, fields)


def _model_files(folder: Path) -> dict[str, bytes]:
    try:
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if _is_model(file.name)}
    except OSError:
        raise PatternIndexBroken(folder) from None


def _is_model(name: str) -> bool:
    return MODEL_FILE.fullmatch(name) is not None


def _model_documents(files: Mapping[str, bytes], release: Release) -> Iterator[Document]:
    for name, data in files.items():
        for part, start in enumerate(range(0, len(data), PART_BYTES)):
            fields = {
                "kind": "model",
                "tenant": release.tenant,
                "domain": release.domain,
                "release": release.release_id,
                "model_file": name,
                "model_part": part,
                "model_data": base64.b64encode(data[start : start + PART_BYTES]).decode(),
            }
            yield Document(f"{name}:{part}", fields)


def _read_patterns(folder: Path) -> list[Pattern]:
    try:
        lines = (folder / "patterns.jsonl").read_bytes().splitlines()
        return [Pattern.model_validate_json(line) for line in lines]
    except (OSError, ValueError):
        raise PatternIndexBroken(folder) from None


# --- reading ---------------------------------------------------------------------------------------


def open_opensearch_patterns(
    client: OpenSearch, release: Release, embedder: Embeddings, folder: Path
) -> "OpenSearchPatternIndex":
    """Open the index of a release; its model is fetched into `folder` unless it lies there.

    Raises:
        ServiceUnavailable: OpenSearch does not answer, and the model is not in the folder.
        PatternIndexBroken: the release was never published there as a whole, or is damaged.
        EmbedderMismatch: its vectors are of another embedder.
    """
    place = Place(release.tenant, release.domain)
    if not folder.is_dir():
        index = place.release(release.release_id)
        known = about(client, index)
        if known is None or known.get("format") != FORMAT:
            raise PatternIndexBroken(Path(index))
        if known["embedder"] != embedder_identity(embedder):
            raise EmbedderMismatch(index, known["embedder"], embedder_identity(embedder))
        _fetch(client, index, known["files"], folder)
    return OpenSearchPatternIndex(client, place, release.release_id, open_pattern_index(folder), embedder)


def _fetch(client: OpenSearch, index: str, expected: Mapping[str, str], folder: Path) -> None:
    """Write the model beside and rename it: the folder is whole or absent."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        for name, digest in expected.items():
            data = _model_file(client, index, name)
            if not _is_model(name) or hashlib.sha256(data).hexdigest() != digest:
                raise PatternIndexBroken(Path(index))
            (beside / name).write_bytes(data)
        if not folder.is_dir():
            beside.rename(folder)
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _model_file(client: OpenSearch, index: str, name: str) -> bytes:
    found = b""
    while True:
        body = {
            "size": 1,
            "_source": ["model_data"],
            "query": {"bool": {"filter": [{"term": {"model_file": name}}]}},
            "sort": [{"model_part": "asc"}],
            "search_after": [len(found) // PART_BYTES - 1],
        }
        answer = client.command("POST", f"/{index}/_search", body, timeout_s=OPEN_S)
        hits = answer["hits"]["hits"] if answer else []
        if not hits:
            return found
        try:
            found += base64.b64decode(hits[0]["_source"]["model_data"], validate=True)
        except (binascii.Error, KeyError):
            raise PatternIndexBroken(Path(index)) from None
        if len(found) % PART_BYTES:
            return found


class OpenSearchPatternIndex:
    """`PatternIndex` of one release of one tenant's domain."""

    def __init__(
        self,
        client: OpenSearch,
        place: Place,
        release_id: str,
        model: ArrayPatternIndex,
        embedder: Embeddings,
    ) -> None:
        self._client = client
        self._place = place
        self._release_id = release_id
        self._index = place.release(release_id)
        self._model = model
        self._embedder = embedder

    async def match(
        self,
        flow: Sequence[str],
        *,
        user: str | None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
        k: int = 3,
    ) -> FlowMatch:
        return await self._model.match(flow, user=user, texts=texts, times=times, k=k)

    async def patterns(self, *, limit: int = 50) -> list[Pattern]:
        """Return patterns as the port says; from the folder when OpenSearch is away and they lie there."""
        try:
            return await self._patterns(limit)
        except ServiceUnavailable as away:
            try:
                return await self._model.patterns(limit=limit)
            except PatternIndexBroken:
                raise away from None

    async def _patterns(self, limit: int) -> list[Pattern]:
        found: list[Pattern] = []
        while len(found) < limit:
            body = {
                "size": min(PAGE, limit - len(found)),
                "_source": ["pattern_metadata"],
                "query": {"bool": {"filter": self._place.filter(self._release_id)}},
                "sort": [{"rank": "asc"}],
                "search_after": [len(found) - 1],
            }
            hits = await self._search(body)
            found += [_pattern(hit) for hit in hits]
            if len(hits) < PAGE:
                break
        return found

    async def similar(self, flow: Sequence[str], *, k: int = 10) -> list[PatternHit]:
        """Return the `k` patterns nearest in meaning to the steps of `flow`, nearest first.

        Raises:
            ServiceUnavailable: OpenSearch does not answer in time.
        """
        texts = [step_text(label) for label in flow]
        steps = np.asarray(await asyncio.to_thread(self._embedder.embed_documents, texts), np.float32)
        vector = steps.mean(axis=0)
        body = nearest_body(vector, self._place.filter(self._release_id), k)
        # the engine scores (1 + cosine) / 2
        return [PatternHit(_pattern(hit), 2 * hit["_score"] - 1) for hit in await self._search(body)]

    async def _search(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        hits = await self._client.search(self._index, body)
        if hits is None:
            raise PatternIndexBroken(Path(self._index))
        return hits


def nearest_body(vector: Vectors, narrowed: Sequence[Mapping[str, Any]], k: int) -> dict[str, Any]:
    """Return the search for the `k` patterns nearest to a vector among those that pass the filter.

    The filter is part of the search for neighbours, not applied to what it found: none are lost to others.
    """
    knn = {"vector": vector, "k": k, "filter": {"bool": {"filter": list(narrowed)}}}
    return {"size": k, "_source": ["pattern_metadata"], "query": {"knn": {"pattern_embedding": knn}}}


def _pattern(hit: Mapping[str, Any]) -> Pattern:
    return Pattern.model_validate_json(orjson.dumps(hit["_source"]["pattern_metadata"]))
