"""Indexes of one's own on a real OpenSearch node."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.credentials import Credentials
from langchain_core.embeddings import Embeddings

from memory.opensearch import OpenSearch, Service
from memory.opensearch_knowledge import live_alias
from memory.opensearch_patterns import Place
from memory.sigv4 import signer

NODE_S = 30.0
"""Time budget of searches in tests: these are about answers; that of a turn is tested by itself."""


@contextmanager
def own_client(service: Service | None = None, *, search_s: float = NODE_S) -> Iterator[OpenSearch]:
    """Open a client of the node whose address the environment holds; `service` signs as for AWS."""
    keys = Credentials("key", "secret")
    sign = signer(keys, region="eu-central-1", service=service) if service else None
    client = OpenSearch(os.environ["OPENSEARCH_URL"], service=service, sign=sign, search_s=search_s)  # noqa: TID251
    try:
        yield client
    finally:
        client.close()


@contextmanager
def own_place(client: OpenSearch, domain: str = "pumps") -> Iterator[Place]:
    """Make up a tenant, and remove its indexes in the end."""
    place = Place(f"test-{uuid.uuid4().hex}", domain)
    try:
        yield place
    finally:
        remove(client, place.live)


@contextmanager
def own_knowledge(client: OpenSearch, embedder: Embeddings) -> Iterator[str]:
    """Make up a domain, and remove its knowledge in the end."""
    domain = f"test-{uuid.uuid4().hex}"
    try:
        yield domain
    finally:
        remove(client, live_alias(domain, embedder))


def remove(client: OpenSearch, live: str) -> None:
    """Remove all indexes behind an alias."""
    for name in client.command("GET", f"/{live}-*") or {}:
        client.command("DELETE", f"/{name}")
