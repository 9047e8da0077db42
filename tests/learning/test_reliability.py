"""Groups of confidences and how often they came true."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.reliability import calibration_gap, promises


def test_kept_promises_lie_on_the_line_and_broken_ones_do_not() -> None:
    rng = random.Random(7)
    sure = [rng.random() for _ in range(20_000)]

    kept = promises(sure, [rng.random() < one for one in sure])
    broken = promises(sure, [rng.random() < one / 2 for one in sure])

    assert all(group.low <= group.confidence <= group.high for group in kept)
    assert (calibration_gap(kept) or 0) < 0.02 < 0.2 < (calibration_gap(broken) or 0)
    assert [group.confidence for group in kept] == sorted(group.confidence for group in kept)


def test_nothing_to_group_makes_no_groups() -> None:
    assert promises([], []) == []
    assert calibration_gap([]) is None


def test_few_suggestions_make_one_group() -> None:
    [group] = promises([0.5, 0.7], [True, False])

    assert (group.confidence, group.rate, group.count) == (pytest.approx(0.6), 0.5, 2)
    assert 0 < group.low < 0.2 and 0.8 < group.high < 1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=300))
def test_every_suggestion_is_in_one_group(pairs: list[tuple[float, bool]]) -> None:
    groups = promises([sure for sure, _ in pairs], [hit for _, hit in pairs])

    assert sum(group.count for group in groups) == len(pairs)
    assert sum(group.rate * group.count for group in groups) == pytest.approx(sum(hit for _, hit in pairs))
    assert all(0 <= group.low <= group.rate <= group.high <= 1 for group in groups if 0 < group.rate < 1)
