"""A knowledge index of the network with one in this process behind it: a turn has passages whatever fails."""

from memory.errors import AgentError
from memory.ports import KnowledgeIndex
from memory.records import PassageHit


class KnowledgeWithFallback:
    """`KnowledgeIndex` that asks a second one when the first cannot answer."""

    def __init__(self, first: KnowledgeIndex, second: KnowledgeIndex) -> None:
        """`first` gives up within a time budget, and at once while its service is known to be down."""
        self._first = first
        self._second = second

    @property
    def version(self) -> str:
        return f"{self._first.version}:{self._second.version}"

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        try:
            return await self._first.search(query, k=k)
        except AgentError:
            return await self._second.search(query, k=k)
