"""Releases in a real OpenSearch: the same guidance, never half a release, no tenant in another's."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memory import opensearch_patterns
from memory.arrays import PatternIndexBroken, open_pattern_index
from memory.breaker import ServiceUnavailable
from memory.errors import EmbedderMismatch, StorageFailed
from memory.opensearch import NotNow, OpenSearch
from memory.opensearch_patterns import Place, open_opensearch_patterns, publish_patterns
from memory.opensearch_releases import StoreWithSearch
from memory.records import Release
from memory.sqlite import open_store
from tests.conformance.adapters import Flow, LetterCounts, write_release
from tests.opensearch import own_client, own_place

pytestmark = [pytest.mark.anyio, pytest.mark.services("opensearch")]

USERS = [f"{number:016x}" for number in range(1, 13)]
FLOWS: list[Flow] = [(user, ["alarm", "diagnose", "repair", "restart"]) for user in USERS]
MORE: list[Flow] = [*FLOWS, *((user, ["order", "price", "delivery"]) for user in USERS)]
LETTERS = LetterCounts()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def client(opensearch_url: str) -> Iterator[OpenSearch]:
    with own_client() as client:
        yield client


@pytest.fixture
def place(client: OpenSearch) -> Iterator[Place]:
    with own_place(client) as place:
        yield place


def learned(folder: Path, flows: list[Flow], place: Place) -> Release:
    return write_release(folder, flows, tenant=place.tenant)


def searched(client: OpenSearch, alias: str) -> list[Any]:
    found = client.command("POST", f"/{alias}/_search", {"size": 1000, "sort": [{"_id": "asc"}]})
    return [(hit["_id"], hit["_source"]) for hit in found["hits"]["hits"]] if found else []


def break_after(client: OpenSearch, requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the node be gone after some requests, as if this process were killed there."""
    ask, left = client.ask, iter(range(requests))

    def cut(*args: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise NotNow("gone")
        return ask(*args, **options)

    monkeypatch.setattr(client, "ask", cut)


# --- the same guidance --------------------------------------------------------------------------------


async def test_guidance_is_that_of_an_embedded_run_to_the_last_digit(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    release = learned(tmp_path / "here", MORE, place)
    publish_patterns(client, tmp_path / "here", release, LETTERS)
    here = open_pattern_index(tmp_path / "here")
    there = open_opensearch_patterns(client, release, LETTERS, tmp_path / "there")

    flows = [[], ["alarm"], ["alarm", "diagnose"], ["order"], ["never seen"], ["order", "alarm"] * 20]
    for flow in flows:
        for user in (None, USERS[0]):
            said = {"texts": ["it hums"] * len(flow), "times": [60.0 * n for n in range(len(flow))]}
            assert await there.match(flow, user=user, **said) == await here.match(flow, user=user, **said)
    assert await there.patterns(limit=500) == await here.patterns(limit=500)


async def test_what_was_fetched_is_the_folder_it_was_made_from(
    client: OpenSearch, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opensearch_patterns, "PART_BYTES", 100)  # so that files have many parts
    release = learned(tmp_path / "here", FLOWS, place)
    publish_patterns(client, tmp_path / "here", release, LETTERS)

    open_opensearch_patterns(client, release, LETTERS, tmp_path / "there")

    here = {file.name: file.read_bytes() for file in (tmp_path / "here").iterdir()}
    there = {file.name: file.read_bytes() for file in (tmp_path / "there").iterdir()}
    assert there == {name: data for name, data in here.items() if name != "patterns.jsonl"}


async def test_once_opened_guidance_needs_no_opensearch(
    client: OpenSearch, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = learned(tmp_path / "here", FLOWS, place)
    publish_patterns(client, tmp_path / "here", release, LETTERS)
    index = open_opensearch_patterns(client, release, LETTERS, tmp_path / "there")
    with monkeypatch.context() as patched:
        break_after(client, 0, patched)

        assert (await index.match(["alarm"], user=None)).suggestions[0].label == "diagnose"
        with pytest.raises(ServiceUnavailable):
            await index.patterns()
        assert await open_opensearch_patterns(client, release, LETTERS, tmp_path / "here").patterns() != []


# --- never half a release -----------------------------------------------------------------------------


@pytest.mark.parametrize("requests", range(7))
def test_broken_off_anywhere_the_release_before_stays_whole_and_the_next_try_heals(
    client: OpenSearch, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    old, new = learned(tmp_path / "old", FLOWS, place), learned(tmp_path / "new", MORE, place)
    publish_patterns(client, tmp_path / "old", old, LETTERS)
    before = searched(client, place.live)

    with monkeypatch.context() as patched:
        break_after(client, requests, patched)
        with pytest.raises(ServiceUnavailable):
            publish_patterns(client, tmp_path / "new", new, LETTERS)
    after = searched(client, place.live)
    publish_patterns(client, tmp_path / "new", new, LETTERS)
    healed = searched(client, place.live)

    assert after == before
    assert {source["release"] for _, source in healed} == {new.release_id}
    patterns = [source for _, source in healed if source["kind"] == "pattern"]
    assert len(patterns) == new.patterns


def test_a_reader_sees_one_whole_release_or_the_other(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    old, new = learned(tmp_path / "old", FLOWS, place), learned(tmp_path / "new", MORE, place)
    publish_patterns(client, tmp_path / "old", old, LETTERS)
    whole = {old.release_id: len(searched(client, place.live))}
    seen: list[dict[str, int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            releases = [source["release"] for _, source in searched(client, place.live)]
            seen.append({name: releases.count(name) for name in releases})

    reader = threading.Thread(target=read)
    reader.start()
    publish_patterns(client, tmp_path / "new", new, LETTERS)
    done.set()
    reader.join()
    whole[new.release_id] = len(searched(client, place.live))

    assert seen
    assert all(len(one) == 1 and whole.items() >= one.items() for one in seen)


def test_the_index_before_the_last_is_removed_and_going_back_is_possible(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    flows = [FLOWS, MORE, [*MORE, *FLOWS]]
    releases = [learned(tmp_path / str(number), one, place) for number, one in enumerate(flows)]
    for number, release in enumerate(releases):
        publish_patterns(client, tmp_path / str(number), release, LETTERS)
    kept = client.command("GET", f"/{place.live}-*")
    publish_patterns(client, tmp_path / "1", releases[1], LETTERS)

    assert len(kept) == 2
    assert searched(client, place.live)[0][1]["release"] == releases[1].release_id


def test_an_index_built_again_holds_the_same(client: OpenSearch, place: Place, tmp_path: Path) -> None:
    release = learned(tmp_path / "r", MORE, place)
    publish_patterns(client, tmp_path / "r", release, LETTERS)
    before = searched(client, place.live)
    for name in client.command("GET", f"/{place.live}-*"):
        client.command("DELETE", f"/{name}")

    publish_patterns(client, tmp_path / "r", release, LETTERS)

    assert searched(client, place.live) == before


async def test_a_release_is_live_only_once_it_is_indexed(
    client: OpenSearch, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = learned(tmp_path / "r", FLOWS, place)
    with open_store(tmp_path / "store.sqlite") as store:
        searching = StoreWithSearch(store, client, tmp_path, LETTERS, engine="lucene")
        registry = searching.registry(place.tenant)
        await registry.publish(release)
        with monkeypatch.context() as patched:
            break_after(client, 2, patched)
            with pytest.raises(StorageFailed):
                await registry.promote("pumps", release.release_id)
        before = await registry.live("pumps")
        await registry.promote("pumps", release.release_id)

        assert before is None
        assert await registry.live("pumps") == release
        assert searched(client, place.live) != []


# --- what does not fit -------------------------------------------------------------------------------


def test_every_index_names_the_engine_of_its_vectors(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    release = learned(tmp_path / "r", FLOWS, place)
    publish_patterns(client, tmp_path / "r", release, LETTERS)

    [index] = client.command("GET", f"/{place.live}").values()
    vector = index["mappings"]["properties"]["pattern_embedding"]
    assert vector["method"]["engine"] == "lucene"
    assert vector["method"]["space_type"] == "cosinesimil"
    assert vector["dimension"] == 27


@pytest.mark.parametrize("data", ["AAAA", "AA=A"])
def test_a_damaged_model_is_refused_and_leaves_nothing(
    client: OpenSearch, place: Place, tmp_path: Path, data: str
) -> None:
    release = learned(tmp_path / "r", FLOWS, place)
    publish_patterns(client, tmp_path / "r", release, LETTERS)
    [index] = client.command("GET", f"/{place.live}")
    with own_client() as own:
        for key, source in searched(own, index):
            if source["kind"] == "model":
                source["model_data"] = data
                own.command("PUT", f"/{index}/_doc/{key}?refresh=true", source)

    with pytest.raises(PatternIndexBroken):
        open_opensearch_patterns(client, release, LETTERS, tmp_path / "there")
    assert [file.name for file in tmp_path.iterdir()] == ["r"]


def test_another_embedder_and_an_unknown_release_are_told(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    release = learned(tmp_path / "r", FLOWS, place)
    publish_patterns(client, tmp_path / "r", release, LETTERS)
    other = LetterCounts()
    other.identity = "other"  # type: ignore[attr-defined]

    with pytest.raises(EmbedderMismatch, match="other"):
        open_opensearch_patterns(client, release, other, tmp_path / "there")
    unknown = release.model_copy(update={"release_id": "r-unknown"})
    with pytest.raises(PatternIndexBroken):
        open_opensearch_patterns(client, unknown, LETTERS, tmp_path / "there")


# --- near in meaning ------------------------------------------------------------------------------------


async def test_patterns_near_in_meaning_are_found_though_the_step_was_never_seen(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    release = learned(tmp_path / "r", MORE, place)
    publish_patterns(client, tmp_path / "r", release, LETTERS)
    index = open_opensearch_patterns(client, release, LETTERS, tmp_path / "r")

    hits = await index.similar(["deliveries", "prices"], k=5)

    assert {step.label for step in hits[0].pattern.sequence} >= {"price", "delivery"}
    similarities = [hit.similarity for hit in hits]
    assert similarities == sorted(similarities, reverse=True)
    assert all(-1 <= one <= 1 for one in similarities)


async def test_no_neighbour_of_another_tenant_is_found_and_none_of_ones_own_is_lost(
    client: OpenSearch, place: Place, tmp_path: Path
) -> None:
    release = learned(tmp_path / "r", MORE, place)
    publish_patterns(client, tmp_path / "r", release, LETTERS)
    [index] = client.command("GET", f"/{place.live}")
    near = LETTERS.embed_query("alarm")
    foreign = {"kind": "pattern", "domain": "pumps", "release": release.release_id, "tenant": "foreign"}
    for number in range(30):
        body = {**foreign, "pattern_embedding": near, "pattern_metadata": {}}
        client.command("PUT", f"/{index}/_doc/foreign-{number}?refresh=true", body)

    hits = await open_opensearch_patterns(client, release, LETTERS, tmp_path / "r").similar(["alarm"], k=4)

    assert len(hits) == 4
