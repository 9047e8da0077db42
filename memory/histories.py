"""The last steps of each user, for that user's guidance alone."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


class Histories(NamedTuple):
    """Own steps of each user, sorted by key."""

    keys: Column
    """`user_number` of each user (uint64)."""

    starts: Column
    """First step of each user, and one past the last (int64)."""

    steps: Column
    """Numbers of labels from 1, oldest first; 0 begins a session (int32)."""


def user_number(user: str) -> int:
    """Return the key of `user` (a user key)."""
    return int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), "big")


def history_of(histories: Histories, user: str | None) -> list[int]:
    """Return the user's steps; none for a user who was never seen."""
    if user is None:
        return []
    key = np.uint64(user_number(user))
    row = int(np.searchsorted(histories.keys, key))
    if row == len(histories.keys) or histories.keys[row] != key:
        return []
    steps: list[int] = histories.steps[int(histories.starts[row]) : int(histories.starts[row + 1])].tolist()
    return steps
