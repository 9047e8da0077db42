"""A knowledge index that remembers what it found: the same question costs one look-up."""

from pydantic import TypeAdapter, ValidationError

from memory.ports import KnowledgeIndex
from memory.records import PassageHit
from memory.valkey import ValkeyCache, cache_key

HITS: TypeAdapter[list[PassageHit]] = TypeAdapter(list[PassageHit])


class CachedKnowledgeIndex:
    """`KnowledgeIndex` in front of another one, for one tenant."""

    def __init__(self, index: KnowledgeIndex, cache: ValkeyCache, *, tenant: str) -> None:
        """Tenants share nothing, so that none can tell by the time of an answer what another one asked."""
        self._index = index
        self._cache = cache
        self._tenant = tenant

    @property
    def version(self) -> str:
        return self._index.version

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        key = cache_key("knowledge", self._tenant, self._index.version, str(k), query)
        kept = await self._cache.get(key)
        if kept is not None:
            try:
                return HITS.validate_json(kept)
            except ValidationError:  # written by another version of this program
                pass
        found = await self._index.search(query, k=k)
        await self._cache.put(key, HITS.dump_json(found))
        return found
