"""Hybrid search over passages: words by tantivy (BM25), meaning by exact cosine, both fused."""

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import tantivy
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memory.errors import AgentError, EmbedderMismatch
from memory.onnx import OnnxEmbedder, embedder_identity
from memory.records import Passage, PassageHit
from memory.text import terms

FORMAT = 1
CANDIDATES = 50
"""Passages that each search contributes to the fusion."""

LEXICAL_SHARE = 0.5
"""Weight of the word search in the fused score; equal shares measured best (min-max fusion)."""

TITLE_BOOST = 1.5
CHUNK = 64
"""Texts embedded between two writes to the cache: what an interruption can cost."""

Vectors = NDArray[np.float32]


class KnowledgeMissing(AgentError):
    """A knowledge index was to be opened that has not been built."""

    code = "memory.knowledge_missing"
    kind = "not_found"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no knowledge index in `{folder}`.",
            fix="Build it with `slipstream knowledge build`.",
        )


class HybridKnowledgeIndex:
    """`KnowledgeIndex` in this process; immutable once opened, shared by threads."""

    def __init__(
        self, passages: list[bytes], vectors: Vectors, index: tantivy.Index, embedder: Embeddings
    ) -> None:
        self._passages = passages
        self._vectors = vectors
        self._searcher = index.searcher()
        self._schema = index.schema
        self._embedder = embedder

    def __len__(self) -> int:
        return len(self._passages)

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        if not self._passages or not query.strip():
            return []
        return await asyncio.to_thread(self._search, query, k)

    def _search(self, query: str, k: int) -> list[PassageHit]:
        lexical = self._lexical(query)
        dense = self._vectors @ _query_vector(self._embedder, query)
        nearest = np.argpartition(-dense, min(CANDIDATES, len(dense) - 1))[:CANDIDATES]
        fused: dict[int, float] = {}
        for weight, scores in (
            (LEXICAL_SHARE, lexical),
            (1 - LEXICAL_SHARE, {int(n): float(dense[n]) for n in nearest}),
        ):
            for number, score in _min_max(scores).items():
                fused[number] = fused.get(number, 0.0) + weight * score
        ranked = sorted((-round(score, 6), number) for number, score in fused.items())[:k]
        return [
            PassageHit(passage=Passage.model_validate_json(self._passages[number]), score=-score)
            for score, number in ranked
        ]

    def _lexical(self, query: str) -> dict[int, float]:
        """Score by words; the query is cut into terms here, so nothing in it is query syntax."""
        clauses = []
        for term in dict.fromkeys(terms(query)):
            for field, boost in (("title", TITLE_BOOST), ("text", 1.0)):
                part = tantivy.Query.term_query(self._schema, field, term)
                clauses.append((tantivy.Occur.Should, tantivy.Query.boost_query(part, boost)))
        if not clauses:
            return {}
        found = self._searcher.search(tantivy.Query.boolean_query(clauses), CANDIDATES).hits
        return {self._searcher.doc(address)["number"][0]: score for score, address in found}


def _query_vector(embedder: Embeddings, query: str) -> Vectors:
    if isinstance(embedder, OnnxEmbedder):
        return embedder.query(query)
    return np.asarray(embedder.embed_query(query), np.float32)


def _min_max(scores: dict[int, float]) -> dict[int, float]:
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {number: (score - low) / (high - low) if high > low else 1.0 for number, score in scores.items()}


# --- building and opening ------------------------------------------------------------------------


def build_index(
    folder: Path,
    passages: Iterable[Passage],
    embedder: Embeddings,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Build the index beside the old one and put it in its place; returns the number of passages.

    Vectors are kept by content, so unchanged passages are not embedded again, and an interrupted build
    goes on where it was. `on_progress` gets passages done and in all.
    """
    unique = {passage.passage_id: passage for passage in passages}
    kept = [unique[passage_id] for passage_id in sorted(unique)]  # so that equal scores go by id
    vectors = _embed(folder, kept, embedder, on_progress)
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    (beside / "words").mkdir(parents=True)
    np.save(beside / "vectors.npy", vectors)
    lines = [passage.model_dump_json(exclude_defaults=True) for passage in kept]
    (beside / "passages.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    _write_words(beside / "words", kept)
    about = {"format": FORMAT, "embedder": embedder_identity(embedder), "passages": len(kept)}
    (beside / "index.json").write_text(json.dumps(about), encoding="utf-8")
    _swap(beside, folder)
    return len(kept)


def open_index(folder: Path, embedder: Embeddings) -> HybridKnowledgeIndex:
    """Open an index for reading.

    Raises:
        KnowledgeMissing: it has not been built, or is damaged.
        EmbedderMismatch: it was built with another embedder.
    """
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        built_with = about["embedder"] if about["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        raise KnowledgeMissing(folder) from None
    if built_with is None:
        raise KnowledgeMissing(folder)
    if built_with != embedder_identity(embedder):
        raise EmbedderMismatch(str(folder), built_with, embedder_identity(embedder))
    try:
        passages = (folder / "passages.jsonl").read_bytes().splitlines()
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        words = tantivy.Index.open(str(folder / "words"))
    except (OSError, EOFError, ValueError):  # a file is missing or damaged: it has to be built again
        raise KnowledgeMissing(folder) from None
    if len(passages) != len(vectors):
        raise KnowledgeMissing(folder)
    return HybridKnowledgeIndex(passages, vectors, words, embedder)


def _embed(
    folder: Path,
    passages: Sequence[Passage],
    embedder: Embeddings,
    on_progress: Callable[[int, int], None] | None,
) -> Vectors:
    """Return a vector a passage; those made by earlier builds, even broken off ones, are used again."""
    identity = hashlib.sha256(embedder_identity(embedder).encode()).hexdigest()[:8]
    cache = folder.with_name(f".{folder.name}.{identity}.vectors")
    known = _read_cache(cache)
    texts = {_key(passage): f"{passage.title}\n{passage.text}" for passage in passages}
    missing = sorted((key for key in texts if key not in known), key=lambda key: len(texts[key]))
    cache.parent.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        vectors = np.asarray(embedder.embed_documents([texts[key] for key in chunk]), np.float32)
        known |= dict(zip(chunk, vectors, strict=True))
        _append_cache(cache, chunk, vectors)
        if on_progress:
            on_progress(len(texts) - len(missing) + start + len(chunk), len(texts))
    if not passages:
        return np.zeros((0, 1), np.float32)
    return np.stack([known[_key(passage)] for passage in passages])


def _append_cache(cache: Path, keys: Sequence[str], vectors: Vectors) -> None:
    """Add records of 16 bytes key and the vector; the file starts with the dimension (4 bytes)."""
    with cache.open("ab") as file:
        if file.tell() == 0:
            file.write(int(vectors.shape[1]).to_bytes(4, "little"))
        for key, vector in zip(keys, vectors, strict=True):
            file.write(bytes.fromhex(key) + vector.astype("<f4").tobytes())


def _read_cache(cache: Path) -> dict[str, Vectors]:
    """Return the whole records of the cache; a last one that is cut short is dropped from the file."""
    if not cache.is_file():
        return {}
    body = cache.read_bytes()
    size = 16 + 4 * int.from_bytes(body[:4], "little")
    count = max(0, (len(body) - 4) // size)
    if len(body) != 4 + count * size:
        os.truncate(cache, 4 + count * size if count else 0)
    records = (body[4 + n * size : 4 + (n + 1) * size] for n in range(count))
    return {record[:16].hex(): np.frombuffer(record[16:], "<f4") for record in records}


def _write_words(folder: Path, passages: Sequence[Passage]) -> None:
    """Write the word index; terms are stemmed here and stored as they are, so query and text agree."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", stored=True)
    for field in ("title", "text"):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    index = tantivy.Index(builder.build(), path=str(folder))
    writer = index.writer(num_threads=1)
    for number, passage in enumerate(passages):
        document = tantivy.Document()
        document.add_unsigned("number", number)
        document.add_text("title", " ".join(terms(passage.title)))
        document.add_text("text", " ".join(terms(passage.text)))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def _swap(beside: Path, folder: Path) -> None:
    """Put a finished index in the place of the old one."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _key(passage: Passage) -> str:
    return hashlib.sha256(f"{passage.title}\x00{passage.text}".encode()).hexdigest()[:32]
