"""Releases that are indexed in OpenSearch before they go live."""

import asyncio
from pathlib import Path

from langchain_core.embeddings import Embeddings

from memory.opensearch import Engine, OpenSearch
from memory.opensearch_patterns import publish_patterns
from memory.ports import ConversationStore, PatternStore, ProfileStore, Registry, Store
from memory.records import Release


class StoreWithSearch:
    """`Store` whose registries keep the index of the live release."""

    def __init__(
        self, store: Store, client: OpenSearch, folder: Path, embedder: Embeddings, *, engine: Engine
    ) -> None:
        """`folder` is where the paths of releases begin on this machine."""
        self._store = store
        self._client = client
        self._folder = folder
        self._embedder = embedder
        self._engine = engine

    def profiles(self, tenant: str) -> ProfileStore:
        """Return what is known of the users of a tenant."""
        return self._store.profiles(tenant)

    def conversations(self, tenant: str) -> ConversationStore:
        """Return the sessions of a tenant."""
        return self._store.conversations(tenant)

    def patterns(self, tenant: str) -> PatternStore | None:
        """Return where patterns of a tenant are published, if anywhere."""
        return self._store.patterns(tenant)

    def registry(self, tenant: str) -> "RegistryWithSearch":
        """Return the releases of a tenant."""
        return RegistryWithSearch(self._store.registry(tenant), self)

    async def index(self, release: Release) -> None:
        """Let the index of a release be the live one; it is built from the release's files when missing."""
        folder = self._folder / release.path
        await asyncio.to_thread(
            publish_patterns, self._client, folder, release, self._embedder, engine=self._engine
        )


class RegistryWithSearch:
    """`Registry` of one tenant; what it calls live can be searched."""

    def __init__(self, registry: Registry, store: StoreWithSearch) -> None:
        self._registry = registry
        self._store = store

    async def publish(self, release: Release) -> None:
        await self._registry.publish(release)

    async def promote(self, domain: str, release_id: str) -> None:
        """Index it, then make it live: broken off in between, the one before stays."""
        for release in await self._registry.releases(domain):
            if release.release_id == release_id:
                await self._store.index(release)
        await self._registry.promote(domain, release_id)

    async def live(self, domain: str) -> Release | None:
        return await self._registry.live(domain)

    async def releases(self, domain: str) -> list[Release]:
        return await self._registry.releases(domain)
