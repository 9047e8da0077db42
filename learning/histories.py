"""Each user's own last steps: what a network learns habits from, and what the index knows of a user."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.sessions import Sessions, spread
from memory.clues import HISTORY, NONE
from memory.histories import Histories, user_number

Ints = NDArray[np.int64]


class Earlier(NamedTuple):
    """For each session the steps of its user's earlier ones."""

    steps: NDArray[np.int32]
    """Of all sessions by user and time, each begun by `NONE`; numbers of labels from 1."""

    starts: Ints
    """One a session: its earlier steps are `starts[n]` to `ends[n]`, at most `HISTORY`."""

    ends: Ints


def earlier_steps(sessions: Sessions) -> Earlier:
    """Look back from each session; of two that began at once the first in the log is the earlier."""
    order, steps, ends = _by_user(sessions)
    before = np.empty(len(sessions), np.int64)
    before[order] = np.concatenate([[0], ends[:-1]])[: len(order)]
    owner = sessions.users[order]
    is_first = np.concatenate([[True], owner[1:] != owner[:-1]])[: len(order)]
    begins = np.concatenate([[0], ends[:-1]])[: len(order)]
    first = np.empty(len(sessions), np.int64)
    first[order] = np.maximum.accumulate(np.where(is_first, begins, 0))
    return Earlier(steps, np.maximum(first, before - HISTORY), before)


def histories(sessions: Sessions) -> Histories:
    """Return the last steps of every user, by key."""
    order, steps, ends = _by_user(sessions)
    owner = sessions.users[order]
    is_last = np.concatenate([owner[1:] != owner[:-1], [True]])[: len(order)]
    last = ends[is_last]
    first = np.maximum(np.concatenate([[0], last[:-1]])[: len(last)], last - HISTORY)
    keys = np.array([user_number(sessions.user_keys[user]) for user in owner[is_last]], np.uint64)
    by_key = np.argsort(keys, kind="stable")
    places, starts = spread(np.stack([first, last], axis=1).ravel(), 2 * by_key)
    return Histories(keys[by_key], starts, steps[places])


def _by_user(sessions: Sessions) -> tuple[Ints, NDArray[np.int32], Ints]:
    """Return the sessions by user and start, their steps with `NONE` before each, and where each ends."""
    lengths = np.diff(sessions.offsets)
    began = sessions.times[np.minimum(sessions.offsets[:-1], max(len(sessions.times) - 1, 0))]
    order = np.lexsort((np.arange(len(sessions)), began, sessions.users))
    ends = np.cumsum(lengths[order] + 1)
    steps = np.full(int(ends[-1]) if len(ends) else 0, NONE, np.int32)
    places, offsets = spread(sessions.offsets, order)
    inner = np.arange(len(places)) + np.repeat(np.arange(1, len(order) + 1), np.diff(offsets))
    steps[inner] = sessions.steps[places] + 1
    return order, steps, ends
