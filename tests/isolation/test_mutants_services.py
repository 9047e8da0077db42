"""The mutation test of isolation on services: DynamoDB, Valkey, OpenSearch."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from learning.patternfiles import PatternItem, pattern_item
from memory.cached import CachedKnowledgeIndex
from memory.dynamodb import open_tables
from memory.dynamodb_erasing import DynamoRecords
from memory.dynamodb_sessions import DynamoConversationStore
from memory.dynamodb_store import DynamoPatternStore, DynamoProfileStore, DynamoRegistry, DynamoStore
from memory.errors import SessionForeign
from memory.opensearch_patterns import Place, open_opensearch_patterns, publish_patterns
from memory.records import Passage, PassageHit, Pattern, parse_step
from memory.sqlite import ReleaseUnknown
from memory.valkey import ValkeyCache
from tests.conformance.adapters import LetterCounts, write_release
from tests.conformance.samples import START
from tests.dynamodb import own_tables
from tests.isolation import world as w
from tests.isolation.mutants import mutate
from tests.opensearch import own_client, own_place
from tests.services import ADDRESS, environment

Change = tuple[Any, str, str, str]

CACHE: Change = (CachedKnowledgeIndex, "search", "self._tenant, ", "")
SEARCH: Change = (Place, "filter", '"tenant": self.tenant, ', "")
SEARCHED = [CACHE, SEARCH]


@contextmanager
def running(service: str) -> Iterator[None]:
    """Let a service be found for as long as a module needs it; skip where it does not run."""
    found = environment()
    if ADDRESS[service] not in found:
        pytest.skip(f"no {service} is running")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in found.items():
            patch.setenv(name, value)
        yield


# --- DynamoDB --------------------------------------------------------------------------------------


async def profiles(world: w.World, store: DynamoStore) -> None:
    await w.plant_profiles(world, store)
    await w.check_profiles(world, store, list(w.pairs(world, 20)))


async def conversations(world: w.World, store: DynamoStore) -> None:
    await w.plant_conversations(world, store)
    asked = [*w.pairs(world, 20), *w.owners(world)]
    await w.check_conversations(world, store, asked)
    await w.check_opened_conversations(world, store, asked)
    await w.check_lists(world, store)


async def releases(world: w.World, store: DynamoStore) -> None:
    await w.plant_releases(world, store)
    await w.check_releases(world, store)


async def erasing(world: w.World, store: DynamoStore) -> None:
    await w.check_erasing(world, store, partial(DynamoRecords, store._tables), list(w.pairs(world, 20)))


async def patterns(world: w.World, store: DynamoStore) -> None:
    """Publish for every tenant under the same ids, take the last one's away, and read everybody's."""
    for tenant in world.tenants:
        await store.patterns(tenant).replace(w.DOMAIN, [item(w.canary(tenant))])
    await store.patterns(world.tenants[-1]).replace(w.DOMAIN, [])
    for tenant in world.tenants[:-1]:
        found = await store.patterns(tenant).most_frequent(w.DOMAIN, limit=9)
        assert [w.canary(tenant) in str(one) for one in found] == [True]


def item(label: str) -> PatternItem:
    flow = Pattern(
        pattern_id="p-1",
        pattern_type="flow",
        sequence=[parse_step(label)],
        frequency=20,
        users=9,
        success_rate=0.5,
        avg_completion_time=60,
        last_updated=START,
    )
    return pattern_item(flow)


OWN, OF_ALL = "key(self._tenant", "key('of-all-{}'"
"""A key with the tenant, and one that all tenants share; the gap is filled by the name of the mutant."""


def without_tenant(owner: Any, *names: str) -> list[Change]:
    return [(owner, name, OWN, OF_ALL) for name in names]


def with_user(*names: str) -> list[Change]:
    return [(DynamoConversationStore, name, OWN + ", user", OF_ALL + ", user") for name in names]


def still_open(*names: str) -> list[Change]:
    return [(DynamoConversationStore, name, OWN + ")", OF_ALL + ")") for name in names]


REMEMBERED: list[Change] = [
    (DynamoConversationStore, "_remember", 'item["session"]', 'item["session_id"]'),
    (DynamoConversationStore, "open", 'self._remembered[item["session"]]', "self._remembered[session_id]"),
    (DynamoConversationStore, "_count", 'self._key(session_id)["session"]', "session_id"),
]
LIVE: list[Change] = [(DynamoRegistry, "live", "self._live.get(partition", "self._live.get(domain")]
LIVE += [(DynamoRegistry, "live", "self._live[partition]", "self._live[domain]")]

DYNAMO: dict[str, tuple[Callable[[w.World, DynamoStore], Awaitable[None]], list[Change]]] = {
    "profile": (profiles, without_tenant(DynamoProfileStore, "get", "put")),
    "session": (conversations, without_tenant(DynamoConversationStore, "_key")),
    "user-index": (conversations, with_user("open", "of_user")),
    "open-index": (conversations, still_open("open", "touch", "idle")),
    "remembered": (conversations, REMEMBERED),
    "release": (releases, without_tenant(DynamoRegistry, "publish", "promote", "live", "releases")),
    "release-promoted": (releases, without_tenant(DynamoRegistry, "promote")),
    "release-live": (releases, without_tenant(DynamoRegistry, "live")),
    "release-list": (releases, without_tenant(DynamoRegistry, "releases")),
    "live-for-a-while": (releases, LIVE),
    "patterns": (patterns, without_tenant(DynamoPatternStore, "replace", "most_frequent")),
    "erased": (erasing, without_tenant(DynamoRecords, "sessions", "erase_user", "erase_releases")),
    "patterns-read": (patterns, without_tenant(DynamoPatternStore, "most_frequent")),
}


@pytest.fixture(scope="module")
def prefix() -> Iterator[str]:
    with running("dynamodb"), own_tables() as made:
        yield made


def run_on_dynamodb(check: Callable[..., Awaitable[None]], prefix: str, house: str) -> None:
    """Run a check among tenants that nobody else uses."""

    async def run() -> None:
        try:
            await check(w.make_world(3, house=house), DynamoStore(open_tables(prefix)))
        except (SessionForeign, ReleaseUnknown) as kept_from:
            raise AssertionError("a tenant is kept from a name because another has it") from kept_from

    asyncio.run(run())


@pytest.mark.services("dynamodb")
@pytest.mark.parametrize("check", [profiles, conversations, releases, patterns, erasing])
def test_unchanged_stores_in_dynamodb_pass(check: Callable[..., Awaitable[None]], prefix: str) -> None:
    run_on_dynamodb(check, prefix, f"unchanged-{check.__name__}")


@pytest.mark.services("dynamodb")
@pytest.mark.parametrize("name", DYNAMO)
def test_a_key_without_its_tenant_is_noticed(name: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check, changes = DYNAMO[name]
    for owner, function, old, new in changes:
        mutate(monkeypatch, owner, function, old, new.format(name))

    with pytest.raises(AssertionError):
        run_on_dynamodb(check, prefix, name)


# --- Valkey ----------------------------------------------------------------------------------------


class Shelf:
    """Knowledge that says who asked it."""

    version = "1"

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant

    async def search(self, query: str, *, k: int) -> Sequence[PassageHit]:
        passage = Passage(passage_id="p", title="", text=w.canary(self.tenant), source="s")
        return [PassageHit(passage=passage, score=1.0)]


async def search_for_all(url: str) -> None:
    """Let three tenants search for the same, twice each."""
    cache, query = ValkeyCache(url, budget_s=5), uuid.uuid4().hex
    try:
        for tenant in ("a", "b", "c") * 2:
            index = CachedKnowledgeIndex(Shelf(tenant), cache, tenant=tenant)  # type: ignore[arg-type]
            [found] = await index.search(query, k=3)
            assert found.passage.text == w.canary(tenant)
    finally:
        await cache.close()


@pytest.mark.services("redis")
def test_a_cache_key_without_its_tenant_is_noticed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(search_for_all(redis_url))

    mutate(monkeypatch, *CACHE)
    with pytest.raises(AssertionError):
        asyncio.run(search_for_all(redis_url))


# --- OpenSearch ------------------------------------------------------------------------------------

USERS = [f"{number:016x}" for number in range(1, 13)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A release in OpenSearch, and in its index a pattern that belongs to somebody else."""
    with running("opensearch"), own_client() as client, own_place(client) as place:
        folder = tmp_path_factory.mktemp("release") / "learned"
        flows = [(user, ["alarm", "diagnose", "repair"]) for user in USERS]
        release = write_release(folder, flows, tenant=place.tenant)
        publish_patterns(client, folder, release, LetterCounts())
        one = {"size": 1, "query": {"term": {"kind": "pattern"}}}
        [hit] = client.command("POST", f"/{place.live}/_search", one)["hits"]["hits"]
        foreign = hit["_source"] | {"tenant": "somebody else", "rank": 0}
        foreign["pattern_metadata"] = foreign["pattern_metadata"] | {"pattern_id": "p-foreign"}
        client.command("PUT", f"/{hit['_index']}/_doc/p-foreign?refresh=true", foreign)
        yield open_opensearch_patterns(client, release, LetterCounts(), folder)


async def search_patterns(index: Any) -> None:
    listed = [one.pattern_id for one in await index.patterns(limit=500)]
    near = [hit.pattern.pattern_id for hit in await index.similar(["alarm", "diagnose"], k=200)]
    assert listed
    assert near
    assert "p-foreign" not in {*listed, *near}


@pytest.mark.services("opensearch")
def test_a_search_for_patterns_without_its_tenant_is_noticed(
    index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(search_patterns(index))

    mutate(monkeypatch, *SEARCH)
    with pytest.raises(AssertionError):
        asyncio.run(search_patterns(index))
