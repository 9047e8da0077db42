"""10,000 random pairs of a caller and a session: what is one's own comes back, what is foreign never does."""

from pathlib import Path

import pytest

from graph.run import thread_id
from memory.parquet import ParquetLake
from memory.redact import user_key
from tests.aws import own_bucket
from tests.dynamodb import own_store
from tests.isolation import world as w

pytestmark = pytest.mark.anyio

PAIRS = 10_000
SLOW_PAIRS = 200
"""Pairs where a look-up reads files or asks a service (count)."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def world() -> w.World:
    return w.make_world()


@pytest.fixture(scope="module")
def asked(world: w.World) -> list[w.Asked]:
    return list(w.pairs(world, PAIRS))


def test_the_pairs_are_of_all_kinds(world: w.World, asked: list[w.Asked]) -> None:
    owners = [world.owners.get((one.tenant, one.session)) for one in asked]

    own = sum(owner == one.user for owner, one in zip(owners, asked, strict=True))
    nobody = owners.count(None)

    assert min(own, nobody, len(asked) - own - nobody) > PAIRS / 20


async def test_profiles_sessions_and_releases_in_sqlite(
    world: w.World, asked: list[w.Asked], tmp_path: Path
) -> None:
    with w.sqlite_store(tmp_path) as store:
        await w.plant_records(world, store)
        await w.check_records(world, store, asked)


async def test_events_in_the_journal(world: w.World, asked: list[w.Asked], tmp_path: Path) -> None:
    with w.journal(tmp_path) as outbox:
        await outbox.append(w.events_of(world))
        await w.check_journal(world, outbox, asked[: PAIRS // 10])


async def test_events_in_the_lake(world: w.World, asked: list[w.Asked], tmp_path: Path) -> None:
    lake = w.lake_in(tmp_path)
    await lake.write(w.events_of(world))
    await w.check_lake(world, lake, asked[:SLOW_PAIRS])


@pytest.mark.services("dynamodb")
async def test_profiles_sessions_and_releases_in_dynamodb(asked: list[w.Asked]) -> None:
    small = w.make_world(4)
    with own_store() as store:
        await w.plant_records(small, store)
        await w.check_records(small, store, list(w.pairs(small, SLOW_PAIRS)))


@pytest.mark.services("aws")
async def test_events_in_a_lake_on_s3() -> None:
    small = w.make_world(4)
    with own_bucket() as bucket:
        lake = ParquetLake(bucket)
        await lake.write(w.events_of(small))
        await w.check_lake(small, lake, list(w.pairs(small, 20)))


def test_keys_of_users_and_sessions_are_those_of_one_owner(asked: list[w.Asked]) -> None:
    callers = {(one.tenant, one.user) for one in asked}

    assert len({user_key(*caller) for caller in callers}) == len(callers)
    assert len({thread_id(*one) for one in set(asked)}) == len(set(asked))
