from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from memory.ports import PatternIndex
from tests.conformance.adapters import PATTERN_INDEXES, Flow, Learn

pytestmark = pytest.mark.anyio

USERS = [f"{number:016x}" for number in range(1, 21)]
ALARM = ["alarm", "diagnose", "repair", "restart"]
ORDER = ["order", "price", "delivery"]
FLOWS = [(user, ALARM) for user in USERS for _ in range(3)] + [(user, ORDER) for user in USERS[:10]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=PATTERN_INDEXES.values(), ids=PATTERN_INDEXES.keys())
def learn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learn]:
    """Return what learns from flows; the same flows are learned from once, since an index never changes."""
    folder = tmp_path_factory.mktemp("patterns")
    with ExitStack() as stack:

        @cache
        def learned(flows: tuple[Flow, ...]) -> PatternIndex:
            learn: Learn = stack.enter_context(request.param(folder / str(learned.cache_info().misses)))
            return learn(flows)

        yield lambda flows: learned(tuple((user, tuple(labels)) for user, labels in flows))


async def test_the_usual_next_step_comes_first(learn: Learn) -> None:
    found = await learn(FLOWS).match(["alarm", "diagnose"], user=None)

    assert found.suggestions[0].label == "repair"
    assert found.suggestions[0].why.endswith("alarm > diagnose")
    assert found.suggestions[0].support > 0


@pytest.mark.parametrize(
    "flow",
    [[], ["alarm"], ["order"], ["never seen"], ["alarm"] * 50, ["never seen", "alarm", "", "電気"]],
    ids=lambda flow: f"{len(flow)}-{flow[:1]}",
)
@pytest.mark.parametrize("k", [1, 2, 3])
async def test_confidences_fall_and_add_up_to_at_most_one(learn: Learn, flow: list[str], k: int) -> None:
    found = await learn(FLOWS).match(flow, user=USERS[0], k=k)
    confidences = [suggestion.confidence for suggestion in found.suggestions]

    assert 1 <= len(confidences) <= k
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) <= 1 + 1e-3
    assert len({suggestion.label for suggestion in found.suggestions}) == len(confidences)


async def test_a_flow_that_ends_well_has_little_risk(learn: Learn) -> None:
    found = await learn(FLOWS).match(["alarm"], user=None)

    assert found.failure_risk == pytest.approx(0, abs=1e-3)


async def test_the_same_question_has_the_same_answer(learn: Learn) -> None:
    index = learn(FLOWS)

    assert await index.match(["alarm"], user=USERS[3]) == await index.match(["alarm"], user=USERS[3])


async def test_a_user_never_seen_gets_what_all_get(learn: Learn) -> None:
    index = learn(FLOWS)

    assert await index.match(["alarm"], user="f" * 16) == await index.match(["alarm"], user=None)


async def test_what_a_single_user_did_is_shown_to_nobody_else(learn: Learn) -> None:
    secret = (USERS[0], ["alarm", "merger plans", "alarm", "merger plans"])
    index = learn([*FLOWS, secret, secret, secret])

    patterns = await index.patterns(limit=10_000)
    offered = [
        suggestion.label
        for flow in ([], ["alarm"], ["merger plans"], ["alarm", "merger plans", "alarm"])
        for user in (None, USERS[1])
        for suggestion in (await index.match(flow, user=user)).suggestions
    ]

    assert "merger plans" not in offered
    assert all(step.label != "merger plans" for pattern in patterns for step in pattern.sequence)


async def test_patterns_come_most_frequent_lately_first_equal_ones_by_id(learn: Learn) -> None:
    patterns = await learn(FLOWS).patterns(limit=1000)
    order = [(-pattern.decayed_frequency, pattern.pattern_id) for pattern in patterns]

    assert order == sorted(order)
    assert len({pattern.pattern_id for pattern in patterns}) == len(patterns)
    whole = [pattern for pattern in patterns if pattern.pattern_type == "flow"]
    assert [(len(pattern.sequence), pattern.frequency, pattern.users) for pattern in whole] == [
        (4, 60, 20),
        (3, 10, 10),
    ]


async def test_no_more_patterns_than_asked(learn: Learn) -> None:
    assert len(await learn(FLOWS).patterns(limit=2)) == 2
