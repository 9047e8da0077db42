from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory.errors import AgentError
from memory.ports import Registry
from tests.conformance.adapters import REGISTRIES
from tests.conformance.samples import release

pytestmark = pytest.mark.anyio

Registries = Callable[[str], Registry]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=REGISTRIES.values(), ids=REGISTRIES.keys())
def registries(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registries]:
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def registry(registries: Registries) -> Registry:
    return registries("acme")


async def test_nothing_is_live_before_the_first_promotion(registry: Registry) -> None:
    await registry.publish(release("r-1"))

    assert await registry.live("pumps") is None


async def test_a_promoted_release_is_live_as_it_was_published(registry: Registry) -> None:
    await registry.publish(release("r-1"))
    await registry.promote("pumps", "r-1")

    assert await registry.live("pumps") == release("r-1")


async def test_releases_come_newest_first(registry: Registry) -> None:
    for name in ("r-b", "r-a", "r-c"):
        await registry.publish(release(name))

    assert [known.release_id for known in await registry.releases("pumps")] == ["r-c", "r-a", "r-b"]


async def test_publishing_the_same_release_again_changes_nothing(registry: Registry) -> None:
    await registry.publish(release("r-1"))
    await registry.publish(release("r-2"))
    await registry.publish(release("r-1"))

    assert [known.release_id for known in await registry.releases("pumps")] == ["r-2", "r-1"]


async def test_promoting_an_older_release_rolls_back(registry: Registry) -> None:
    for name in ("r-1", "r-2"):
        await registry.publish(release(name))
        await registry.promote("pumps", name)
    await registry.promote("pumps", "r-1")

    live = await registry.live("pumps")
    assert live is not None
    assert live.release_id == "r-1"


@pytest.mark.parametrize("domain", ["pumps", "valves"])
async def test_promoting_what_is_not_there_names_it_and_leaves_the_live_one(
    registry: Registry, domain: str
) -> None:
    await registry.publish(release("r-1"))
    await registry.promote("pumps", "r-1")

    with pytest.raises(AgentError, match=f"`{domain}` has no release `r-9`") as refused:
        await registry.promote(domain, "r-9")

    assert refused.value.code == "memory.release_unknown"
    assert await registry.live("pumps") == release("r-1")


async def test_a_release_of_another_domain_or_tenant_is_not_there(registries: Registries) -> None:
    await registries("acme").publish(release("r-1"))

    with pytest.raises(AgentError):
        await registries("acme").promote("valves", "r-1")
    with pytest.raises(AgentError):
        await registries("globex").promote("pumps", "r-1")
    assert await registries("globex").releases("pumps") == []
    assert await registries("acme").releases("valves") == []
