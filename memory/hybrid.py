"""The knowledge index: passages found by their words and by their meaning, built and kept on disk."""

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memory.errors import AgentError, EmbedderMismatch, StorageFailed
from memory.fusion import fuse, learned_share, passage_text, query_vector
from memory.nearest import NearestSearch, open_nearest, write_nearest
from memory.onnx import embedder_identity
from memory.records import Passage, PassageHit
from memory.wordindex import CANDIDATES, WordIndex, write_words

FORMAT = 4
VECTORS_SINCE = 3
"""Oldest format whose vectors are as good as new ones: only the words have to be indexed again."""

CHUNK = 64
"""Texts embedded between two writes to the disk: what an interruption can cost."""

PENDING = "vectors"
"""Folder of the vectors that no index holds yet, a file a chunk; another build may be using it."""

ABANDONED_S = 3600.0
"""Age at which what a broken-off build left behind is removed, seen from the next build (seconds)."""

Vectors = NDArray[np.float32]


class KnowledgeMissing(AgentError):
    """A knowledge index was to be opened that has not been built."""

    code = "memory.knowledge_missing"
    kind = "not_found"

    def __init__(self, where: Path | str) -> None:
        super().__init__(
            f"There is no knowledge index in `{where}`.",
            fix="Build it with `slipstream knowledge build`.",
        )


class HybridKnowledgeIndex:
    """`KnowledgeIndex` in this process; immutable once opened, shared by threads."""

    def __init__(
        self,
        passages: list[bytes],
        words: WordIndex,
        nearest: NearestSearch,
        embedder: Embeddings,
        lexical_share: float,
    ) -> None:
        self._passages = passages
        self._words = words
        self._nearest = nearest
        self._embedder = embedder
        self.lexical_share = lexical_share
        """Weight of the word search (0 to 1); 1 leaves meaning out."""

    def __len__(self) -> int:
        return len(self._passages)

    def contents(self) -> tuple[list[Passage], Vectors]:
        """Return all passages by id, and their vectors: shape (passages, dimension)."""
        return [Passage.model_validate_json(passage) for passage in self._passages], np.asarray(
            self._nearest.vectors
        )

    @cached_property
    def version(self) -> str:
        digest = hashlib.sha256(self._nearest.vectors.tobytes())
        for passage in self._passages:
            digest.update(len(passage).to_bytes(8) + passage)
        return digest.hexdigest()

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        if not self._passages or not query.strip():
            return []
        return await asyncio.to_thread(self._search, query, k)

    def _search(self, query: str, k: int) -> list[PassageHit]:
        scores = self._words.search(query)
        if self.lexical_share < 1:
            near = self._nearest.search(query_vector(self._embedder, query), CANDIDATES, scores)
            scores = fuse(scores, near, self.lexical_share)
        best = max(scores.values(), default=0.0) or 1.0  # the best one scores 1
        ranked = sorted((-round(score / best, 6), number) for number, score in scores.items())[:k]
        return [
            PassageHit(passage=Passage.model_validate_json(self._passages[number]), score=-score)
            for score, number in ranked
        ]


# --- building and opening ------------------------------------------------------------------------


def build_index(
    folder: Path,
    passages: Iterable[Passage],
    embedder: Embeddings,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Build an index and put it in the place of the old one; returns the number of passages.

    Until the last moment the old one answers. Vectors of unchanged passages are taken from it, and from a
    build that was broken off. `on_progress` gets passages embedded and in all.

    Raises:
        StorageFailed: the disk is full or refuses.
    """
    unique = {passage.passage_id: passage for passage in passages}
    kept = [unique[passage_id] for passage_id in sorted(unique)]  # so that equal scores go by id
    with _writing(folder):
        (folder / PENDING).mkdir(parents=True, exist_ok=True)
    vectors = _embed(folder, kept, embedder, on_progress)
    share = _known_share(folder, len(kept), embedder) or learned_share(kept, vectors, embedder)
    with _writing(folder):
        data = Path(tempfile.mkdtemp(prefix="data-", dir=folder))
        _write_data(data, kept, vectors)
        before = _pointed_at(folder)
        about = {
            "format": FORMAT,
            "embedder": embedder_identity(embedder),
            "data": data.name,
            "lexical_share": share,
            "passages": len(kept),
        }
        (data / "index.json").write_text(json.dumps(about), encoding="utf-8")
        (data / "index.json").replace(folder / "index.json")  # from here on the new one answers
        _tidy(folder, data, before)
    return len(kept)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Name the folder when the disk refuses; what goes wrong in an embedder is not told this way."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None


def open_index(folder: Path, embedder: Embeddings) -> HybridKnowledgeIndex:
    """Open an index for reading.

    Raises:
        KnowledgeMissing: it has not been built, or is damaged.
        EmbedderMismatch: it was built with another embedder.
    """
    try:
        return _open(folder, embedder)
    except KnowledgeMissing:
        return _open(folder, embedder)  # a build may have taken the place of the one that was being opened


def _open(folder: Path, embedder: Embeddings) -> HybridKnowledgeIndex:
    data, share = _find(folder, embedder, since=FORMAT)
    try:
        passages = (data / "passages.jsonl").read_bytes().splitlines()
        nearest, words = open_nearest(data), WordIndex(data / "words")
    except (OSError, EOFError, ValueError):  # a file is missing or damaged: it has to be built again
        raise KnowledgeMissing(folder) from None
    if len(passages) != len(nearest.vectors):
        raise KnowledgeMissing(folder)
    return HybridKnowledgeIndex(passages, words, nearest, embedder, share)


def _find(folder: Path, embedder: Embeddings, *, since: int) -> tuple[Path, float]:
    """Return where the files of the index lie that is there, and its share of words.

    Raises:
        KnowledgeMissing: there is none, or its format is older.
        EmbedderMismatch: it was built with another embedder.
    """
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        built_with, data = str(about["embedder"]), folder / about["data"]
        is_known = since <= about["format"] <= FORMAT
        share = float(about["lexical_share"]) if about["format"] == FORMAT else 1.0
    except (OSError, ValueError, KeyError, TypeError):
        raise KnowledgeMissing(folder) from None
    if not is_known:
        raise KnowledgeMissing(folder)
    if built_with != embedder_identity(embedder):
        raise EmbedderMismatch(str(folder), built_with, embedder_identity(embedder))
    return data, share


def _embed(
    folder: Path,
    passages: Sequence[Passage],
    embedder: Embeddings,
    on_progress: Callable[[int, int], None] | None,
) -> Vectors:
    """Return a vector a passage; each chunk is stored as soon as it is there."""
    texts = {_key(passage): passage_text(passage) for passage in passages}
    made_by = hashlib.sha256(embedder_identity(embedder).encode()).hexdigest()[:8]
    known = _built_vectors(folder, embedder)
    for file in (folder / PENDING).glob(f"{made_by}-*.npy"):
        known |= _read_vectors(file)
    missing = sorted((key for key in texts if key not in known), key=lambda key: (len(texts[key]), key))
    for start in range(0, len(missing), CHUNK):
        keys = missing[start : start + CHUNK]
        vectors = np.asarray(embedder.embed_documents([texts[key] for key in keys]), np.float32)
        known |= dict(zip(keys, vectors, strict=True))
        with _writing(folder):
            _write_vectors(folder / PENDING / f"{made_by}-{keys[0]}.npy", keys, vectors)
        if on_progress:
            on_progress(len(texts) - len(missing) + start + len(keys), len(texts))
    if not passages:
        return np.zeros((0, 1), np.float32)
    return np.stack([known[_key(passage)] for passage in passages])


def _known_share(folder: Path, count: int, embedder: Embeddings) -> float | None:
    """Return what was measured for the index that is there, unless it has half or twice as many passages."""
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        is_near = about["passages"] / 2 < count < about["passages"] * 2
        is_same = (about["format"], about["embedder"]) == (FORMAT, embedder_identity(embedder))
        return float(about["lexical_share"]) if is_near and is_same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _built_vectors(folder: Path, embedder: Embeddings) -> dict[str, Vectors]:
    """Return the vectors of the index that is there, if the same embedder made it."""
    try:
        data, _ = _find(folder, embedder, since=VECTORS_SINCE)
        vectors = np.load(data / "vectors.npy", mmap_mode="r")
        lines = (data / "passages.jsonl").read_bytes().splitlines()
        return {
            _key(Passage.model_validate_json(line)): vector
            for line, vector in zip(lines, vectors, strict=True)
        }
    except (KnowledgeMissing, EmbedderMismatch, OSError, EOFError, ValueError):
        return {}


def _write_vectors(file: Path, keys: Sequence[str], vectors: Vectors) -> None:
    """Write beside and rename: a file is whole or absent."""
    rows = np.zeros(len(keys), [("key", "S32"), ("vector", "<f4", (vectors.shape[1],))])
    rows["key"], rows["vector"] = keys, vectors
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".new", delete=False) as beside:
        np.save(beside, rows)
    Path(beside.name).replace(file)


def _read_vectors(file: Path) -> dict[str, Vectors]:
    try:
        rows = np.load(file)
        return {key.decode(): vector for key, vector in zip(rows["key"], rows["vector"], strict=True)}
    except (OSError, EOFError, ValueError, IndexError):  # damaged: its texts are embedded again
        return {}


def _write_data(data: Path, passages: Sequence[Passage], vectors: Vectors) -> None:
    """Write all of an index but the file that points at it."""
    write_nearest(data, vectors)
    lines = [passage.model_dump_json(exclude_defaults=True) for passage in passages]
    (data / "passages.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (data / "words").mkdir()
    try:
        write_words(data / "words", passages)
    except ValueError as error:  # what tantivy makes of a full disk
        raise OSError(0, str(error)[:160]) from None


def _pointed_at(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "index.json").read_text(encoding="utf-8"))["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tidy(folder: Path, data: Path, before: str | None) -> None:
    """Remove what the new index makes useless, and what builds left that were broken off long ago.

    What is younger may belong to a build that is running; readers keep the files they have opened.
    """
    now = data.stat().st_mtime
    for file in (folder / PENDING).glob("*.npy"):
        file.unlink(missing_ok=True)
    for found in [*folder.glob("data-*"), *(folder / PENDING).glob("*.new")]:
        with suppress(OSError):  # another build was quicker
            if found.name == before or now - found.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(found) if found.is_dir() else found.unlink()


def _key(passage: Passage) -> str:
    return hashlib.sha256(f"{passage.title}\x00{passage.text}".encode()).hexdigest()[:32]
