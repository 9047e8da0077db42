"""Different keys and their numbers, by table or by sorting, are the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning import numbering
from learning.numbering import distinct, number


@pytest.mark.parametrize("share", [0, 1_000_000], ids=["sorted", "table"])
@given(keys=st.lists(st.integers(0, 5_000), max_size=80))
def test_keys_are_numbered_in_order(share: int, keys: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "TABLE_SHARE", share)
        found, place = number(np.array(keys, np.int64))

    assert found.tolist() == sorted(set(keys))
    assert found[place].tolist() == keys


@given(st.lists(st.integers(0, 2**62), max_size=80))
def test_each_key_is_found_once(keys: list[int]) -> None:
    assert distinct(np.array(keys, np.int64)).tolist() == sorted(set(keys))
