"""What chance alone would give, against exact figures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.significance import PRIOR_SESSIONS, discoveries, success, tail_bound


def exact_tail(seen: int, tries: int, chance: float) -> float:
    terms = (math.comb(tries, k) * chance**k * (1 - chance) ** (tries - k) for k in range(seen, tries + 1))
    return math.fsum(terms)


def beta_interval(a: float, b: float) -> tuple[float, float]:
    """Sum the density of the Beta distribution on a fine grid."""
    x = (np.arange(100_000) + 0.5) / 100_000
    density = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
    held = np.cumsum(np.exp(density - density.max()))
    low, high = np.searchsorted(held / held[-1], [0.025, 0.975])
    return float(x[low]), float(x[high])


@given(st.integers(1, 300), st.floats(0, 1), st.floats(0.0005, 0.9995))
def test_the_bound_is_never_below_the_exact_tail(tries: int, share: float, chance: float) -> None:
    seen = round(share * tries)

    [bound] = tail_bound(np.array([seen]), np.array([tries]), np.array([chance]))

    assert exact_tail(seen, tries, chance) <= bound * (1 + 1e-9) or bound == 1
    assert 0 <= bound <= 1


def test_what_chance_gives_anyway_is_never_rare() -> None:
    assert tail_bound(np.array([30]), np.array([100]), np.array([0.3])).tolist() == [1.0]
    assert tail_bound(np.array([100]), np.array([100]), np.array([1.0])).tolist() == [1.0]


def test_what_can_hardly_happen_is_rare() -> None:
    tails = tail_bound(np.array([90, 20, 5]), np.array([100, 100, 5]), np.array([0.3, 0.01, 0.01]))

    assert (tails < 1e-9).all()


def test_among_things_that_chance_made_hardly_any_is_discovered() -> None:
    rng = np.random.default_rng(7)
    false = [discoveries(rng.random(1_000)).sum() for _ in range(50)]

    assert sum(count > 0 for count in false) <= 5


def test_what_is_real_is_discovered_among_much_that_is_not() -> None:
    rng = np.random.default_rng(7)
    tails = np.concatenate([rng.random(900), np.full(100, 1e-6)])

    found = discoveries(tails)

    assert found[900:].all() and found[:900].sum() <= 5


def test_the_more_was_tried_the_less_is_believed() -> None:
    rare = np.full(3, 1e-4)

    assert discoveries(rare).all()
    assert not discoveries(np.concatenate([rare, np.ones(10_000)])).any()


def test_nothing_tested_is_nothing_found() -> None:
    assert discoveries(np.zeros(0)).tolist() == []


def test_a_rate_of_few_sessions_is_near_the_usual_one_and_of_many_its_own() -> None:
    few, many = success(2, 2, 0.5), success(2_000, 2_000, 0.5)

    assert few.mean == pytest.approx(4 / 6)
    assert many.mean > 0.998
    assert few.low < 0.35 and many.low > 0.99


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.05, 0.95))
def test_a_rate_lies_within_its_interval(solved: int, failed: int, usual: float) -> None:
    rate = success(solved, solved + failed, usual)

    assert 0 <= rate.low <= rate.mean <= rate.high <= 1


@pytest.mark.parametrize(("solved", "failed"), [(10, 10), (3, 30), (40, 5), (300, 200), (90, 1)])
def test_the_interval_is_about_that_of_the_beta_distribution(solved: int, failed: int) -> None:
    rate = success(solved, solved + failed, 0.5)

    low, high = beta_interval(solved + PRIOR_SESSIONS / 2, failed + PRIOR_SESSIONS / 2)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))
