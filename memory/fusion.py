"""One score from words and meaning, where meaning is measured to help."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memory.nearest import Near, in_memory
from memory.onnx import OnnxEmbedder
from memory.records import Passage
from memory.text import sentences, terms
from memory.wordindex import CANDIDATES, WordIndex, write_words

LEXICAL_SHARE = 0.7
"""Weight of the word search in the fused score where `learned_share` finds that meaning helps.

By words few questions get more than half of what BM25 could give, so that both weigh about the same.
"""

SAMPLES = 120
"""Sentences (count) that try whether meaning helps; each costs one passage and one question embedded."""

AMONG = 2_000
"""Passages (count) among which they are looked for."""

SHORTEST = 6
"""Terms (count) of a sentence that can stand for a question."""

Vectors = NDArray[np.float32]


def fuse(words: dict[int, float], near: Near, share: float) -> dict[int, float]:
    """Return one score (0 to 1) for the best of both searches.

    A score by words is a share of the most there could be, a cosine counts as its distance from the mean of
    all passages, as a share of the best one's. A passage that only the words name gets its cosine too.
    """
    top = max(near.cosines.values(), default=0.0) - near.mean
    meant = {
        number: max(0.0, cosine - near.mean) / top if top > 0 else 1.0
        for number, cosine in near.cosines.items()
    }
    return {number: share * words.get(number, 0.0) + (1 - share) * score for number, score in meant.items()}


def learned_share(passages: Sequence[Passage], vectors: Vectors, embedder: Embeddings) -> float:
    """Return the share of words in the fused score: all of it where meaning does not help.

    Inverse cloze task (Lee et al. 2019, arXiv 1906.00300): a sentence is taken out of its passage and has to
    find the rest again, by words alone and by both. Meaning takes part when both find more than words alone
    by more than the standard error. On SciFact and AWS documentation it takes part with MiniLM and bge-small
    (nDCG@10 0.69 to 0.73 and 0.76, 0.855 to 0.871 and 0.877), and hashed words or letters stay out, which
    would have cost 0.05 to 0.09. Without passages that can be cut nothing is known, and it takes part.
    """
    step = max(1, len(passages) // AMONG)
    among = list(range(0, len(passages), step))[:AMONG]
    cut = {place: found for place, n in enumerate(among) if (found := _without_one(passages[n]))}
    chosen = list(cut)[:: max(1, len(cut) // SAMPLES)][:SAMPLES]
    if not chosen:
        return LEXICAL_SHARE
    texts = [passages[n] for n in among]
    dense = np.array(vectors[among])
    for place in chosen:
        texts[place] = cut[place][1]
    dense[chosen] = np.asarray(embedder.embed_documents([passage_text(texts[n]) for n in chosen]), np.float32)
    nearest = in_memory(dense)
    gains = []
    with tempfile.TemporaryDirectory() as folder:
        write_words(Path(folder), texts)
        index = WordIndex(Path(folder))
        for place in chosen:
            words = index.search(cut[place][0])
            near = nearest.search(query_vector(embedder, cut[place][0]), CANDIDATES, words)
            gains.append(_ndcg(fuse(words, near, LEXICAL_SHARE), place) - _ndcg(words, place))
    error = float(np.std(gains)) / math.sqrt(len(gains))
    return LEXICAL_SHARE if float(np.mean(gains)) > error else 1.0


def passage_text(passage: Passage) -> str:
    """Return what of a passage is embedded."""
    return f"{passage.title}\n{passage.text}"


def query_vector(embedder: Embeddings, query: str) -> Vectors:
    """Return the vector of a question: shape (dimension,)."""
    if isinstance(embedder, OnnxEmbedder):
        return embedder.query(query)
    return np.asarray(embedder.embed_query(query), np.float32)


def _without_one(passage: Passage) -> tuple[str, Passage] | None:
    """Return a sentence and the passage without it; `None` when too little would be left."""
    lines = sentences(passage.text)
    at = len(lines) // 2
    if len(lines) < 3 or len(terms(lines[at])) < SHORTEST:
        return None
    rest = " ".join([*lines[:at], *lines[at + 1 :]])
    return lines[at], passage.model_copy(update={"text": rest})


def _ndcg(scores: dict[int, float], wanted: int) -> float:
    """Return nDCG@10 of one wanted passage."""
    if wanted not in scores:
        return 0.0
    place = (-scores[wanted], wanted)
    above = sum((-score, number) < place for number, score in scores.items())
    return 1 / math.log2(above + 2) if above < 10 else 0.0
