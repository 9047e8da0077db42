"""The cache keeps for a day, tells nobody what was asked, and is never the reason that something fails."""

import socket
import uuid
from collections.abc import AsyncIterator

import pytest
from valkey.asyncio import Valkey

from memory.breaker import FAILURES
from memory.cached import CachedKnowledgeIndex
from memory.records import Passage, PassageHit
from memory.valkey import KEPT_S, PREFIX, ValkeyCache, cache_key

pytestmark = pytest.mark.anyio

ON_VALKEY = pytest.mark.services("redis")
PATIENT_S = 10.0
"""Time budget of a call in tests: they must not depend on how busy the machine is."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def cache(redis_url: str) -> AsyncIterator[ValkeyCache]:
    opened = ValkeyCache(redis_url, budget_s=PATIENT_S)
    yield opened
    await opened.close()


@pytest.fixture
async def absent() -> AsyncIterator[ValkeyCache]:
    """A cache at a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        opened = ValkeyCache(f"redis://127.0.0.1:{taken.getsockname()[1]}/0", budget_s=PATIENT_S)
        yield opened
        await opened.close()


class Knowledge:
    """Finds the question itself, and counts."""

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.asked: list[tuple[str, int]] = []

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        self.asked.append((query, k))
        passage = Passage(passage_id="p-1", title="t", text=f"about {query}", source="s#1", sample=True)
        return [PassageHit(passage=passage, score=0.75)][:k]


@pytest.fixture
def version() -> str:
    """One that no other run has used."""
    return uuid.uuid4().hex


@ON_VALKEY
async def test_the_same_question_is_answered_from_the_cache(cache: ValkeyCache, version: str) -> None:
    knowledge = Knowledge(version)
    cached = CachedKnowledgeIndex(knowledge, cache, tenant="acme")

    first = await cached.search("why?", k=3)
    again = await cached.search("why?", k=3)

    assert again == first
    assert knowledge.asked == [("why?", 3)]


@ON_VALKEY
async def test_another_question_number_version_or_tenant_is_looked_up(
    cache: ValkeyCache, version: str
) -> None:
    asked = []
    for tenant, its, query, k in (
        ("acme", version, "why?", 3),
        ("acme", version, "why?", 2),
        ("acme", version, "how?", 3),
        ("acme", version + "2", "why?", 3),
        ("globex", version, "why?", 3),
    ):
        knowledge = Knowledge(its)
        await CachedKnowledgeIndex(knowledge, cache, tenant=tenant).search(query, k=k)
        asked += knowledge.asked

    assert len(asked) == 5


@ON_VALKEY
async def test_a_value_is_kept_for_a_day_under_a_key_that_tells_nothing(
    cache: ValkeyCache, redis_url: str, version: str
) -> None:
    key = cache_key(version, "where does Ann live?")
    await cache.put(key, b"value")

    async with Valkey.from_url(redis_url) as client:
        assert 0 < await client.ttl(PREFIX + key) <= KEPT_S == 24 * 3600
    assert "Ann" not in key
    assert await cache.get(key) == b"value"


@ON_VALKEY
async def test_what_another_version_wrote_is_a_miss(cache: ValkeyCache, version: str) -> None:
    knowledge = Knowledge(version)
    await cache.put(cache_key("knowledge", "acme", version, "3", "why?"), b'{"hits": 1}')

    found = await CachedKnowledgeIndex(knowledge, cache, tenant="acme").search("why?", k=3)

    assert [hit.passage.text for hit in found] == ["about why?"]


async def test_without_a_cache_every_question_is_looked_up_and_none_fails(absent: ValkeyCache) -> None:
    knowledge = Knowledge()
    cached = CachedKnowledgeIndex(knowledge, absent, tenant="acme")

    for _ in range(FAILURES + 3):
        assert len(await cached.search("why?", k=3)) == 1

    assert len(knowledge.asked) == FAILURES + 3
    assert absent._breaker.is_open


async def test_no_two_lists_of_parts_have_one_key() -> None:
    assert cache_key("ab", "c") != cache_key("a", "bc") != cache_key("abc")
