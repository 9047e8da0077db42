"""The adapters of each port. A new one is a line here, and every suite of its port runs on it.

Each entry opens the adapter below a folder and yields what the suite asks: the store itself, or a
function from a tenant to its store.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from learning.next_step import fit
from learning.patterns import find_patterns
from learning.sessions import SOLVED, Sessions, digest_of
from memory.arrays import open_pattern_index, write_index
from memory.hybrid import build_index, open_index
from memory.opensearch import Service
from memory.opensearch_knowledge import OpenSearchKnowledgeIndex, publish_knowledge
from memory.opensearch_patterns import open_opensearch_patterns, publish_patterns
from memory.outbox import open_outbox
from memory.parquet import ParquetLake, open_lake
from memory.ports import (
    ConversationStore,
    EventSink,
    KnowledgeIndex,
    Lake,
    PatternIndex,
    PatternStore,
    ProfileStore,
    Registry,
)
from memory.records import Passage, Release
from memory.sqlite import open_store
from tests.aws import own_bucket
from tests.conformance.samples import START
from tests.dynamodb import own_store
from tests.opensearch import own_client, own_knowledge, own_place


@contextmanager
def _sqlite_profiles(folder: Path) -> Iterator[Callable[[str], ProfileStore]]:
    with open_store(folder / "store.sqlite") as store:
        yield store.profiles


@contextmanager
def _sqlite_conversations(folder: Path) -> Iterator[Callable[[str], ConversationStore]]:
    with open_store(folder / "store.sqlite") as store:
        yield store.conversations


@contextmanager
def _sqlite_registry(folder: Path) -> Iterator[Callable[[str], Registry]]:
    with open_store(folder / "store.sqlite") as store:
        yield store.registry


@contextmanager
def _dynamodb_profiles(folder: Path) -> Iterator[Callable[[str], ProfileStore]]:
    with own_store() as store:
        yield store.profiles


@contextmanager
def _dynamodb_conversations(folder: Path) -> Iterator[Callable[[str], ConversationStore]]:
    with own_store() as store:
        yield store.conversations


@contextmanager
def _dynamodb_registry(folder: Path) -> Iterator[Callable[[str], Registry]]:
    with own_store() as store:
        yield store.registry


@contextmanager
def _dynamodb_patterns(folder: Path) -> Iterator[Callable[[str], PatternStore]]:
    with own_store() as store:
        yield store.patterns


@contextmanager
def _sqlite_outbox(folder: Path) -> Iterator[EventSink]:
    with open_outbox(folder / "outbox.sqlite") as outbox:
        yield outbox


@contextmanager
def _parquet_lake(folder: Path) -> Iterator[Lake]:
    yield open_lake(folder / "lake")


@contextmanager
def _s3_lake(folder: Path) -> Iterator[Lake]:
    with own_bucket() as bucket:
        yield ParquetLake(bucket)


class LetterCounts(Embeddings):
    """An embedder that needs no model: how often each letter occurs."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        counts = [1.0, *(float(text.lower().count(chr(code))) for code in range(ord("a"), ord("z") + 1))]
        length = sum(count * count for count in counts) ** 0.5
        return [count / length for count in counts]


Indexed = Callable[[Sequence[Passage]], KnowledgeIndex]


@contextmanager
def _hybrid_knowledge(folder: Path) -> Iterator[Indexed]:
    def index(passages: Sequence[Passage]) -> KnowledgeIndex:
        build_index(folder, passages, LetterCounts())
        return open_index(folder, LetterCounts())

    yield index


@contextmanager
def _opensearch_knowledge(folder: Path) -> Iterator[Indexed]:
    with own_client("es") as client, own_knowledge(client, LetterCounts()) as domain:

        def index(passages: Sequence[Passage]) -> KnowledgeIndex:
            build_index(folder, passages, LetterCounts())
            publish_knowledge(
                client, domain, *open_index(folder, LetterCounts()).contents(), embedder=LetterCounts()
            )
            return OpenSearchKnowledgeIndex(client, domain, LetterCounts())

        yield index


Flow = tuple[str, Sequence[str]]
"""User key and labels of one session, oldest first."""


Learn = Callable[[Sequence[Flow]], PatternIndex]


@contextmanager
def _array_patterns(folder: Path) -> Iterator[Learn]:
    def learn(flows: Sequence[Flow]) -> PatternIndex:
        write_release(folder, flows)
        return open_pattern_index(folder)

    yield learn


@contextmanager
def opensearch_patterns(folder: Path, service: Service) -> Iterator[Learn]:
    """Publish what was learned to OpenSearch, and open it where nothing else of the release is."""
    with own_client(service) as client, own_place(client) as place:

        def learn(flows: Sequence[Flow]) -> PatternIndex:
            release = write_release(folder / "learned", flows, tenant=place.tenant)
            publish_patterns(client, folder / "learned", release, LetterCounts())
            return open_opensearch_patterns(client, release, LetterCounts(), folder / "fetched")

        yield learn


def write_release(folder: Path, flows: Sequence[Flow], *, tenant: str = "local") -> Release:
    """Learn from the flows, each a solved session a day, and write what was learned."""
    labels = sorted({label for _, flow in flows for label in flow})
    users = sorted({user for user, _ in flows})
    lengths = [len(flow) for _, flow in flows]
    days = np.repeat(np.arange(len(flows)), lengths) * 86_400.0
    sessions = Sessions(
        ids=[f"session-{number}" for number in range(len(flows))],
        labels=labels,
        steps=np.array([labels.index(label) for _, flow in flows for label in flow], np.int32),
        times=START.timestamp() + days + np.concatenate([[0.0], *(np.arange(n) * 60.0 for n in lengths)])[1:],
        offsets=np.cumsum([0, *lengths]).astype(np.int64),
        users=np.array([users.index(user) for user, _ in flows], np.int32),
        user_keys=users,
        outcomes=np.full(len(flows), SOLVED, np.int8),
    )
    fitted, patterns = fit(sessions, "pumps"), find_patterns(sessions, "pumps", advanced=True)
    release = Release(
        release_id=f"r-{digest_of(sessions)[:16]}",
        tenant=tenant,
        domain="pumps",
        created_at=START,
        sessions=len(sessions),
        steps=len(sessions.steps),
        patterns=len(patterns),
        embedder="letters",
        path=folder.name,
    )
    write_index(folder, domain="pumps", model=fitted.model, patterns=patterns, release=release)
    return release


def on(service: str, adapter: Callable[..., Any]) -> Any:
    """Mark an adapter of a service: its tests run where the service does."""
    return pytest.param(adapter, marks=pytest.mark.services(service))


PROFILE_STORES = {"sqlite": _sqlite_profiles, "dynamodb": on("dynamodb", _dynamodb_profiles)}
CONVERSATION_STORES = {"sqlite": _sqlite_conversations, "dynamodb": on("dynamodb", _dynamodb_conversations)}
REGISTRIES = {"sqlite": _sqlite_registry, "dynamodb": on("dynamodb", _dynamodb_registry)}
PATTERN_STORES = {"dynamodb": on("dynamodb", _dynamodb_patterns)}
EVENT_SINKS = {"sqlite": _sqlite_outbox}
LAKES = {"parquet": _parquet_lake, "s3": on("aws", _s3_lake)}
KNOWLEDGE_INDEXES = {"hybrid": _hybrid_knowledge, "opensearch": on("opensearch", _opensearch_knowledge)}
PATTERN_INDEXES = {
    "arrays": _array_patterns,
    "opensearch": on("opensearch", partial(opensearch_patterns, service="es")),
    "opensearch-serverless": on("opensearch", partial(opensearch_patterns, service="aoss")),
}
NAMES = {
    name
    for adapters in (
        PROFILE_STORES,
        CONVERSATION_STORES,
        REGISTRIES,
        PATTERN_STORES,
        EVENT_SINKS,
        LAKES,
        KNOWLEDGE_INDEXES,
        PATTERN_INDEXES,
    )
    for name in adapters
}
