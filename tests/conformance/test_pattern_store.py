from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from learning.patternfiles import PatternItem, pattern_item
from memory.ids import make_pattern_id
from memory.ports import PatternStore
from memory.records import Pattern, parse_step
from tests.conformance.adapters import PATTERN_STORES
from tests.conformance.samples import START

pytestmark = pytest.mark.anyio

Stores = Callable[[str], PatternStore]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=PATTERN_STORES.values(), ids=PATTERN_STORES.keys())
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with request.param(tmp_path) as opened:
        yield opened


def item(*labels: str, frequency: int = 20, success_rate: float | None = 0.75) -> PatternItem:
    return pattern_item(
        Pattern(
            pattern_id=make_pattern_id("pumps", "flow", labels),
            pattern_type="flow",
            sequence=[parse_step(label) for label in labels],
            frequency=frequency,
            users=9,
            success_rate=success_rate,
            avg_completion_time=61.25,
            last_updated=START,
        )
    )


async def test_an_item_comes_back_as_it_was_published(stores: Stores) -> None:
    published = item("alarm/seal", "procedure", success_rate=None)

    await stores("acme").replace("pumps", [published])

    assert await stores("acme").most_frequent("pumps", limit=5) == [published]


async def test_the_most_frequent_come_first(stores: Stores) -> None:
    items = [item("a", "b", frequency=count) for count in (5, 2000, 100)]
    items = [one | {"pattern_id": f"p-{number}"} for number, one in enumerate(items)]

    await stores("acme").replace("pumps", items)

    found = await stores("acme").most_frequent("pumps", limit=2)
    assert [one["frequency"] for one in found] == [Decimal(2000), Decimal(100)]


async def test_what_is_no_pattern_any_more_is_gone(stores: Stores) -> None:
    await stores("acme").replace("pumps", [item("a", "b"), item("b", "c")])
    await stores("acme").replace("pumps", [item("b", "c", frequency=50)])

    assert await stores("acme").most_frequent("pumps", limit=5) == [item("b", "c", frequency=50)]

    await stores("acme").replace("pumps", [])

    assert await stores("acme").most_frequent("pumps", limit=5) == []


async def test_more_than_one_batch_is_replaced_whole(stores: Stores) -> None:
    old = [item("a", f"step-{number}") for number in range(70)]
    new = [item("a", f"step-{number}") for number in range(40, 95)]
    await stores("acme").replace("pumps", old)

    await stores("acme").replace("pumps", new)

    found = await stores("acme").most_frequent("pumps", limit=500)
    assert {one["pattern_id"] for one in found} == {one["pattern_id"] for one in new}


async def test_another_tenant_or_domain_has_its_own(stores: Stores) -> None:
    await stores("acme").replace("pumps", [item("a", "b")])
    await stores("globex").replace("pumps", [])
    await stores("acme").replace("valves", [item("c", "d")])

    assert await stores("globex").most_frequent("pumps", limit=5) == []
    assert await stores("acme").most_frequent("pumps", limit=5) == [item("a", "b")]
