"""From the log to a user's suggestions: nobody forges them, and nobody sees another's habits in them."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from learning.next_step import fit
from learning.trust import trusted
from memory.arrays import ArrayPatternIndex
from memory.records import Suggestion
from tests.learning.logs import ALARM, ORDER, USERS, Visit, sessions_of

pytestmark = pytest.mark.anyio

PREFIXES = [[], ["alarm"], ["alarm", "diagnose"], ["order"], ["order", "price"], ["unheard-of"], ["bye"]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def people() -> list[Visit]:
    """What twenty users do, with detours."""
    rng = random.Random(3)
    flows = [ALARM, ORDER, ["alarm", "call", "bye"], ["order", "cancel", "bye"]]
    log = []
    for number in range(240):
        flow = list(rng.choices(flows, (4, 3, 2, 1))[0])
        if rng.random() < 0.2:
            flow.insert(rng.randrange(len(flow)), rng.choice(["bye", "price", "call"]))
        log.append(Visit(USERS[number % 20], flow, solved=rng.random() < 0.7))
    return log


def index(log: Sequence[Visit]) -> ArrayPatternIndex:
    return ArrayPatternIndex(Path(), "pumps", fit(trusted(sessions_of(log)).sessions, "pumps").model)


async def top_five(log: Sequence[Visit]) -> list[list[Suggestion]]:
    """Return what each of all users is offered at each prefix."""
    learned = index(log)
    return [
        (await learned.match(flow, user=user, k=5)).suggestions
        for flow in PREFIXES
        for user in [None, *USERS]
    ]


async def test_ten_thousand_forged_sessions_of_one_user_change_nobodys_top_five() -> None:
    forged = [Visit("forger", ["alarm", "cancel", "unheard-of"], solved=True)] * 10_000

    assert await top_five([*people(), *forged]) == await top_five(people())


async def test_a_habit_of_one_user_is_offered_to_no_other() -> None:
    habit = [Visit(USERS[0], ["alarm", "price", "alarm", "price"]) for _ in range(30)]
    learned = index([*people(), *habit])

    for user in (None, *USERS[1:]):
        found = await learned.match(["call", "alarm"], user=user, k=3)
        assert "price" not in [one.label for one in found.suggestions]


async def test_a_phrase_that_one_user_planted_is_offered_to_nobody() -> None:
    planted = [Visit("forger", ["alarm", "call-me-under-555", "bye"])] * 19

    offered = {one.label for some in await top_five([*people(), *planted]) for one in some}

    assert "bye" in offered and not any("555" in label for label in offered)


async def test_what_rested_on_a_user_goes_with_the_user() -> None:
    five = [Visit(user, ["alarm", "gift", "bye"]) for user in USERS[:5] for _ in range(6)]
    log = [*people(), *five]

    before = {one.label for some in await top_five(log) for one in some}
    after = {one.label for some in await top_five([v for v in log if v.user != USERS[0]]) for one in some}

    assert "gift" in before and "gift" not in after
