"""The knowledge index in OpenSearch: words by BM25 and meaning by vectors, fused by rank."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memory.hybrid import KnowledgeMissing
from memory.onnx import embedder_identity
from memory.opensearch import Document, Engine, OpenSearch
from memory.opensearch_swap import Contents, about, publish, vector_field
from memory.records import Passage, PassageHit
from memory.wordindex import CANDIDATES, MOST_TERMS, index_terms, passage_words

ALIAS = "session-knowledge"
FORMAT = 2

RANK_CONSTANT = 60
"""Of reciprocal rank fusion; the value of Cormack, Clarke and Büttcher (SIGIR 2009)."""

PIPELINE = {
    "phase_results_processors": [
        {
            "score-ranker-processor": {
                "combination": {"technique": "rrf", "rank_constant": RANK_CONSTANT},
            }
        }
    ]
}
"""Sent along with each search: nothing that somebody else could change or forget to set up."""

FIRST_IN_BOTH = 2 / (RANK_CONSTANT + 1)
"""Score of a passage that comes first by words and by meaning: the most there is."""

Vectors = NDArray[np.float32]


def live_alias(domain: str, embedder: Embeddings) -> str:
    """Return the alias of a domain's knowledge; an embedder has one of its own."""
    digest = hashlib.sha256(f"{domain}\x00{embedder_identity(embedder)}".encode())
    return f"{ALIAS}-{digest.hexdigest()[:16]}"


def publish_knowledge(
    client: OpenSearch,
    domain: str,
    passages: Sequence[Passage],
    vectors: Vectors,
    embedder: Embeddings,
    *,
    engine: Engine = "lucene",
) -> None:
    """Index the passages (vectors: shape (passages, dimension)) and put them in the place of the old ones.

    Raises:
        ServiceUnavailable: OpenSearch does not answer; the old ones go on.
        SearchRefused: it will not take them.
    """
    digest = hashlib.sha256(f"{FORMAT}\x00{engine}".encode())
    for passage in passages:
        digest.update(passage.model_dump_json().encode())

    version = digest.hexdigest()[:16]

    def contents() -> Contents:
        dimension = vectors.shape[1] if len(vectors) else len(embedder.embed_query("dimension"))
        facts = {"format": FORMAT, "embedder": embedder_identity(embedder), "domain": domain}
        return Contents(_mapping(dimension, engine), _documents(domain, passages, vectors), facts)

    live = live_alias(domain, embedder)
    publish(client, live, f"{live}-{version}", contents)


def _mapping(dimension: int, engine: Engine) -> dict[str, Any]:
    stored = {"type": "object", "enabled": False}
    words = {"type": "text", "analyzer": "whitespace"}  # cut into stems here, as the question is
    vector = vector_field(dimension, engine)
    domain = {"type": "keyword"}
    return {"properties": {"domain": domain, "passage": stored, "words": words, "embedding": vector}}


def _documents(domain: str, passages: Sequence[Passage], vectors: Vectors) -> Iterator[Document]:
    for passage, vector in zip(passages, vectors, strict=True):
        fields = {
            "domain": domain,
            "passage": passage.model_dump(mode="json", exclude_defaults=True),
            "words": passage_words(passage),
            "embedding": vector,
        }
        yield Document(hashlib.sha256(passage.passage_id.encode()).hexdigest()[:32], fields)


class OpenSearchKnowledgeIndex:
    """`KnowledgeIndex` of one domain; a rebuild takes its place between two searches.

    `words_only` leaves meaning out, where it was measured to be of no help.
    """

    def __init__(
        self, client: OpenSearch, domain: str, embedder: Embeddings, *, words_only: bool = False
    ) -> None:
        self._client = client
        self._words_only = words_only
        self._domain = domain
        self._embedder = embedder
        self._live = live_alias(domain, embedder)
        self.version = self._live
        """The index that the last search found something in."""

    def is_there(self) -> bool:
        """True when it has been built.

        Raises:
            ServiceUnavailable: OpenSearch does not answer.
        """
        return about(self._client, self._live) is not None

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        """Return passages as the port says.

        Raises:
            KnowledgeMissing: it has not been built.
            ServiceUnavailable: OpenSearch does not answer, not in time, or did not lately.
        """
        if not query.strip():
            return []
        vector = None if self._words_only else await self._embedder.aembed_query(query)
        hits = await self._client.search(self._live, self._body(query, vector, k))
        if hits is None:
            raise KnowledgeMissing(self._live)
        if hits:
            self.version = hits[0]["_index"]
        most = max((hit["_score"] for hit in hits), default=1.0) if self._words_only else FIRST_IN_BOTH
        found = [
            PassageHit(
                passage=Passage.model_validate(hit["_source"]["passage"]),
                score=round(min(hit["_score"] / most, 1.0), 6),
            )
            for hit in hits
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.passage.passage_id))

    def _body(self, query: str, vector: Sequence[float] | None, k: int) -> dict[str, Any]:
        """Return the search; the question is cut into terms here, so nothing in it is query syntax."""
        words = " ".join(list(dict.fromkeys(index_terms(query)))[:MOST_TERMS])
        narrowed = {"bool": {"filter": [{"term": {"domain": self._domain}}]}}
        by_words = {"bool": {"must": [{"match": {"words": words}}], **narrowed["bool"]}}
        if vector is None:
            return {"size": k, "_source": ["passage"], "query": by_words}
        near = {"vector": vector, "k": CANDIDATES, "filter": narrowed}
        queries = [{"knn": {"embedding": near}}, *([by_words] if words else [])]
        return {
            "size": k,
            "_source": ["passage"],
            "query": {"hybrid": {"pagination_depth": max(CANDIDATES, k), "queries": queries}},
            "search_pipeline": PIPELINE,
        }
