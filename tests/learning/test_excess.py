"""What is more often than chance: intervals, loud users, lengths."""

import numpy as np
import pytest

from learning.excess import Cases, by_length, design_effect, excess, likeness_of, standing_out
from learning.significance import share


def cases(hit: list[bool], users: list[int], chance: float = 0.3, groups: list[int] | None = None) -> Cases:
    return Cases(
        group=np.array(groups or [0] * len(hit), np.int32),
        session=np.arange(len(hit), dtype=np.int32),
        user=np.array(users, np.int32),
        hit=np.array(hit),
        chance=np.full(len(hit), chance),
    )


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [
        (0, 7, 0.0, 0.35433044),
        (3, 10, 0.10779127, 0.60322185),
        (40, 40, 0.9123784, 1.0),
        (1, 1000, 0.00017655, 0.00564256),
    ],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, tries: int, low: float, high: float) -> None:
    """The ends are those of scipy 1.16, `binomtest(hits, tries).proportion_ci(method="wilson")`."""
    assert share(hits, tries) == pytest.approx((hits / tries, low, high), abs=1e-7)


def test_without_a_case_a_share_is_anything() -> None:
    assert share(0, 0) == (0.0, 0.0, 1.0)


def test_cases_of_a_user_are_alike_as_far_as_they_are() -> None:
    rng = np.random.default_rng(1)
    user = np.repeat(np.arange(500), 8)
    own = np.repeat(rng.random(500) < 0.4, 8)
    luck = rng.random(4_000) < 0.4
    chance = np.full(4_000, 0.4)

    assert likeness_of(user, own, chance) == pytest.approx(1)
    assert likeness_of(user, luck, chance) < 0.03
    assert likeness_of(user, np.where(rng.random(4_000) < 0.5, own, luck), chance) == pytest.approx(
        0.25, abs=0.06
    )
    assert likeness_of(np.arange(4_000), luck, chance) == 0.0


def test_as_many_cases_of_one_user_count_for_one_where_all_are_alike() -> None:
    assert design_effect(np.zeros(50, np.int32), 1.0) == 50
    assert design_effect(np.arange(50, dtype=np.int32), 1.0) == 1
    assert design_effect(np.repeat(np.arange(10), 5), 0.5) == 3


def test_hits_of_many_users_stand_out_and_as_many_of_few_alike_do_not() -> None:
    hit = [True] * 45 + [False] * 5

    many = excess(cases(hit, list(range(50))), 1, likeness=0.5)
    few = excess(cases(hit, [n % 6 for n in range(50)]), 1, likeness=0.9)

    assert (many.cases[0], many.hits[0], many.users[0], many.hit_users[0]) == (50, 45, 50, 45)
    assert many.tail[0] < 1e-12
    assert few.tail[0] > 1e-4
    assert standing_out(many).tolist() == [0]


def test_a_group_whose_hits_are_those_of_four_users_is_not_shown() -> None:
    hit = [True] * 200 + [False] * 20
    users = [n % 4 for n in range(200)] + list(range(10, 30))

    assert standing_out(excess(cases(hit, users), 1, likeness=0.0)).tolist() == []


def test_a_group_without_a_case_is_none() -> None:
    found = excess(cases([True], [1], groups=[2]), 4, likeness=0.0)

    assert found.cases.tolist() == [0, 0, 1, 0]
    assert found.tail.tolist()[:2] == [1.0, 1.0]


def test_chance_is_that_of_cases_as_long() -> None:
    lengths = np.array([1] * 10 + [40] * 10)
    hit = np.array([False] * 9 + [True] + [True] * 8 + [False] * 2)

    rates = by_length(hit, lengths)

    assert rates[:10].tolist() == [0.1] * 10
    assert rates[10:].tolist() == [0.8] * 10
    assert len(by_length(np.zeros(0, bool), np.zeros(0, np.int64))) == 0
