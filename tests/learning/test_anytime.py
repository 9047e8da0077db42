"""Intervals that hold however often one looks."""

import math

import numpy as np
import pytest

from learning.anytime import (
    MISTAKES,
    Evidence,
    effects,
    evidence,
    interval,
    largest_effect,
    log_e_above,
    log_e_below,
    log_e_drawn,
)

ENOUGH = math.log(2 / MISTAKES)
"""Log e-value from which an effect lies outside the interval."""

SESSIONS, SEEDS, LOOK_EVERY = 800, 200, 20


def drawn(
    seed: int, *, lift: float, share: float = 0.5, loyal: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes, arms, shares and users; `loyal`: two users, so that sessions hang together."""
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 2 if loyal else 50, SESSIONS)
    is_guided = rng.random(SESSIONS) >= share
    usual = np.where(users == 0, 0.9, 0.3) if loyal else np.full(SESSIONS, 0.5)
    outcomes = (rng.random(SESSIONS) < usual + lift * is_guided).astype(float)
    return outcomes, is_guided, np.full(SESSIONS, share), users


def misses(seed: int, lift: float, **world: object) -> bool:
    """True when somebody who looks every so often sees an interval without the truth."""
    outcomes, is_guided, share, users = drawn(seed, lift=lift, **world)  # type: ignore[arg-type]
    found, bound = effects(outcomes, is_guided, share, users), largest_effect(share)
    for until in range(LOOK_EVERY, SESSIONS + 1, LOOK_EVERY):
        seen = evidence(found[:until], bound)
        if max(log_e_above(seen, lift), log_e_below(seen, lift)) >= ENOUGH:
            return True
    return False


@pytest.mark.parametrize(
    ("lift", "world"), [(0.0, {}), (0.2, {}), (0.0, {"share": 0.1}), (0.05, {"loyal": True})]
)
def test_who_looks_again_and_again_is_wrong_no_more_often_than_promised(
    lift: float, world: dict[str, object]
) -> None:
    assert sum(misses(seed, lift, **world) for seed in range(SEEDS)) <= MISTAKES * SEEDS


def test_the_usual_interval_would_be_wrong_far_more_often() -> None:
    wrong = 0
    for seed in range(SEEDS):
        outcomes, is_guided, _, _ = drawn(seed, lift=0.0)
        for until in range(LOOK_EVERY, SESSIONS + 1, LOOK_EVERY):
            one, other = outcomes[:until][is_guided[:until]], outcomes[:until][~is_guided[:until]]
            error = math.sqrt(one.var() / len(one) + other.var() / len(other))
            if abs(one.mean() - other.mean()) > 1.96 * error:
                wrong += 1
                break

    assert (
        wrong > 3 * MISTAKES * SEEDS
    )  # what the test above would let through without the time-uniform bound


def test_a_planted_effect_is_found_and_the_interval_shrinks_around_it() -> None:
    outcomes, is_guided, share, users = drawn(3, lift=0.3)
    found, bound = effects(outcomes, is_guided, share, users), largest_effect(share)

    early, late = interval(evidence(found[:200], bound)), interval(evidence(found, bound))

    assert late.low > 0
    assert late.high - late.low < early.high - early.low
    assert late.low < 0.3 < late.high


def test_an_estimate_is_right_on_average_whatever_users_are_like() -> None:
    means = []
    for seed in range(SEEDS):
        outcomes, is_guided, share, users = drawn(seed, lift=0.05, share=0.2, loyal=True)
        means.append(effects(outcomes, is_guided, share, users).mean())

    assert np.mean(means) == pytest.approx(0.05, abs=0.01)


def test_no_estimate_lies_beyond_the_bound() -> None:
    outcomes, is_guided, share, users = drawn(1, lift=0.0, share=0.1, loyal=True)

    assert np.abs(effects(outcomes, is_guided, share, users)).max() <= largest_effect(share)


def test_the_ends_of_the_interval_are_where_the_e_value_says_so() -> None:
    seen = Evidence(sessions=500, total=60.0, squares=400.0, bound=4.0)
    where = interval(seen)

    assert log_e_above(seen, where.low) == pytest.approx(math.log(2 / MISTAKES), abs=1e-6)
    assert log_e_below(seen, where.high) == pytest.approx(math.log(2 / MISTAKES), abs=1e-6)


def test_without_sessions_nothing_is_known() -> None:
    assert interval(Evidence()) == (0.0, -1.0, 1.0)
    assert log_e_below(Evidence()) == 0.0


def test_arms_that_were_not_drawn_as_planned_are_noticed_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    share = np.full(2000, 0.1)

    assert log_e_drawn(rng.random(2000) >= 0.2, share) > math.log(1 / MISTAKES)
    alarms = [log_e_drawn(rng.random(2000) >= 0.1, share) > math.log(1 / MISTAKES) for _ in range(SEEDS)]
    assert sum(alarms) <= MISTAKES * SEEDS
