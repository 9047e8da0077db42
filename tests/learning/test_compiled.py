"""Compiling works wherever the code lies, and threads share the sessions out without a gap."""

import numpy as np
import pytest

from learning import compiled as module
from learning.compiled import compiled, in_threads


def test_what_cannot_be_cached_is_compiled_all_the_same() -> None:
    from_no_file = eval("lambda number: number + 1")

    assert compiled(from_no_file)(41) == 42


@pytest.mark.parametrize("lengths", [[], [0], [5], [0, 0, 9, 0], [1] * 100, [1, 1_000, 1]])
@pytest.mark.parametrize("worth", [0, 10**9])
def test_each_session_is_worked_on_once(
    lengths: list[int], worth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORTH_A_THREAD", worth)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    spans = in_threads(lambda begin, end: list(range(begin, end)), offsets)

    assert [session for span in spans for session in span] == list(range(len(lengths)))


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORTH_A_THREAD", 0)

    with pytest.raises(ZeroDivisionError):
        in_threads(lambda begin, end: 1 // (begin * 0), np.array([0, 3, 6], np.int64))
