"""Confidence means what it says: of the steps suggested at 70 %, seven in ten come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.calibration import CURVES, PRIOR_STEPS, calibrated, calibration_error, fit_curves, measure
from memory.arrays import Curve


def drawn(steps: int, overconfident: float) -> tuple[np.ndarray, np.ndarray]:
    """Chances of three labels, sharper than the truth by an exponent, and the label that came."""
    rng = np.random.default_rng(7)
    truth = rng.dirichlet([0.6, 0.6, 0.6], steps)
    came = np.array([rng.choice(3, p=row) for row in truth])
    said = truth**overconfident
    return said / said.sum(axis=1, keepdims=True), came.astype(np.int64)


@pytest.mark.parametrize("overconfident", [0.5, 1.0, 2.0])
def test_what_is_said_too_surely_or_too_shyly_is_put_right(overconfident: float) -> None:
    seen, came = drawn(6000, overconfident)
    half = np.arange(len(came)) % 2 == 0

    confidence = calibrated(seen[half], fit_curves(seen[~half], came[~half]))

    hit = seen[half].argmax(axis=1) == came[half]
    assert calibration_error(confidence, hit) < 0.03
    if overconfident != 1:
        assert calibration_error(seen[half].max(axis=1), hit) > 0.05


def test_true_chances_are_left_as_they_are() -> None:
    [first, *_] = fit_curves(*drawn(6000, 1.0))

    assert first.meant[1:-1] == pytest.approx(first.said[1:-1], abs=0.3)


def test_without_steps_a_chance_is_left_as_it_is() -> None:
    curves = fit_curves(np.zeros((0, 4)), np.zeros(0, np.int64))

    assert curves == [Curve([-1.0, 1.0], [-1.0, 1.0])] * CURVES


def test_a_handful_of_hits_does_not_make_it_certain() -> None:
    few = np.full((int(PRIOR_STEPS), 2), 0.5)

    [confidence, *_] = calibrated(few, fit_curves(few, np.zeros(len(few), np.int64)))

    assert 0.5 < confidence < 0.9


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(-1, 3)), max_size=60)
)
def test_any_sample_gives_finite_curves_that_rise(sample: list[tuple[list[float], int]]) -> None:
    seen = np.array([row for row, _ in sample], float).reshape(len(sample), 4)

    curves = fit_curves(seen, np.array([came for _, came in sample], np.int64))

    for said, meant in curves:
        assert len(said) == len(meant) >= 2
        assert np.isfinite(meant).all()
        assert (np.diff(said) > 0).all()
        assert (np.diff(meant) > 0).all()


def test_the_calibration_error_of_certain_and_wrong_is_one_and_of_a_fair_coin_nought() -> None:
    assert calibration_error(np.ones(30), np.zeros(30, bool)) == 1
    assert calibration_error(np.full(30, 0.5), np.arange(30) % 2 == 0) < 0.51 / 30 * 15


def test_ranks_are_counted_as_the_protocol_counts_them() -> None:
    chances = np.array(
        [[0.5, 0.3, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]
    )

    found = measure(chances, np.array([0, 1, 0, -1]), chances.max(axis=1))

    assert (found["prefixes"], found["hit_rate_at_1"], found["hit_rate_at_3"]) == (4, 0.25, 0.5)
    assert found["mrr_at_10"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 4, abs=1e-4)
