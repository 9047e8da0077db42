from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory.ports import ProfileStore
from memory.records import Profile
from tests.conformance.adapters import PROFILE_STORES
from tests.conformance.samples import at

pytestmark = pytest.mark.anyio

Stores = Callable[[str], ProfileStore]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=PROFILE_STORES.values(), ids=PROFILE_STORES.keys())
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with request.param(tmp_path) as opened:
        yield opened


async def test_a_user_never_seen_has_a_fresh_profile(stores: Stores) -> None:
    assert await stores("acme").get("u-1") == Profile(user="u-1")


async def test_a_profile_comes_back_as_it_was_put(stores: Stores) -> None:
    profile = Profile(
        user="u-1",
        sessions=2,
        turns=7,
        intents={"procedure/start-up": 4, "störung": 1},
        entities={"turbine_model:SMT60": 3},
        style="terse",
        words_per_question=6.5,
        preferences={"language": "de"},
        updated_at=at(1),
    )

    await stores("acme").put(profile)

    assert await stores("acme").get("u-1") == profile


async def test_a_second_put_replaces_the_whole_profile(stores: Stores) -> None:
    await stores("acme").put(Profile(user="u-1", turns=1, intents={"safety": 1}))
    await stores("acme").put(Profile(user="u-1", turns=2))

    assert await stores("acme").get("u-1") == Profile(user="u-1", turns=2)


async def test_the_same_user_key_of_two_tenants_is_two_users(stores: Stores) -> None:
    await stores("acme").put(Profile(user="u-1", turns=1))
    await stores("globex").put(Profile(user="u-1", turns=9))

    assert (await stores("acme").get("u-1")).turns == 1
    assert (await stores("globex").get("u-1")).turns == 9
    assert (await stores("initech").get("u-1")).turns == 0
