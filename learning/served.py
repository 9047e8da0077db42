"""A pattern index as it is served: without what was found to do harm."""

from collections.abc import Collection, Sequence

from memory.ports import FlowMatch, PatternIndex
from memory.records import Pattern


class WithoutDemoted:
    """`PatternIndex` that neither suggests nor cites through demoted patterns."""

    def __init__(self, index: PatternIndex, demoted: Collection[str]) -> None:
        self._index = index
        self._demoted = frozenset(demoted)

    async def match(
        self,
        flow: Sequence[str],
        *,
        user: str | None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
        k: int = 3,
    ) -> FlowMatch:
        # at most `k` of those asked for beyond `k` are needed: what is dropped leaves its place to the next
        asked = 2 * k if self._demoted else k
        found = await self._index.match(flow, user=user, texts=texts, times=times, k=asked)
        kept = [one for one in found.suggestions if one.pattern_id not in self._demoted]
        return found._replace(suggestions=kept[:k])

    async def patterns(self, *, limit: int = 50) -> list[Pattern]:
        found = await self._index.patterns(limit=limit + len(self._demoted))
        return [one for one in found if one.pattern_id not in self._demoted][:limit]
