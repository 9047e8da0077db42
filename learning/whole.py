"""Whole flows: sessions that took exactly the same steps."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.figures import MICROSECONDS
from learning.mining import Mined
from learning.numbering import distinct
from learning.sessions import SOLVED, UNKNOWN, Sessions

NONE = -1

Ints = NDArray[np.int64]


class Whole(NamedTuple):
    """The flows that enough users took."""

    mined: Mined
    """In the order in which they are first seen in the log."""

    flow: Ints
    """Number of the flow that each session took; `NONE` where too few users took it."""


def whole_flows(sessions: Sessions, *, min_users: int) -> Whole:
    """Return the flows of two steps or more that at least `min_users` users took."""
    long = np.flatnonzero(np.diff(sessions.offsets) >= 2)
    numbers = _number(sessions, long)
    people = distinct(numbers * max(len(sessions.user_keys), 1) + sessions.users[long])
    users = np.bincount(people // max(len(sessions.user_keys), 1))
    kept = np.flatnonzero(users >= min_users)
    place = np.full(len(users) + 1, NONE, np.int64)
    place[kept] = np.arange(len(kept))
    flow = np.full(len(sessions), NONE, np.int64)
    flow[long] = place[numbers]
    return Whole(_figures(sessions, flow, users[kept]), flow)


def _number(sessions: Sessions, long: Ints) -> Ints:
    """Return for each of these sessions a number that equal flows have in common."""
    seen: dict[bytes, int] = {}
    spans = zip(sessions.offsets[long].tolist(), sessions.offsets[long + 1].tolist(), strict=True)
    return np.array([seen.setdefault(sessions.steps[a:b].tobytes(), len(seen)) for a, b in spans], np.int64)


def _figures(sessions: Sessions, flow: Ints, users: Ints) -> Mined:
    member = np.flatnonzero(flow != NONE)
    numbers, count = flow[member], len(users)
    begins, ends = sessions.times[sessions.offsets[member]], sessions.times[sessions.offsets[member + 1] - 1]
    micros = np.zeros(count, np.int64)
    np.add.at(micros, numbers, np.rint((ends - begins) * MICROSECONDS).astype(np.int64))
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, numbers, begins)
    np.maximum.at(last, numbers, ends)
    outcomes = sessions.outcomes[member]
    times = np.bincount(numbers, minlength=count)
    example = np.zeros(count, np.int64)
    example[numbers[::-1]] = member[::-1]
    spans = [sessions.steps[sessions.offsets[n] : sessions.offsets[n + 1]] for n in example]
    return Mined(
        steps=np.concatenate([*spans, np.zeros(0, np.int32)]),
        offsets=np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64),
        sessions=times,
        users=users,
        solved=np.bincount(numbers[outcomes == SOLVED], minlength=count),
        known=np.bincount(numbers[outcomes != UNKNOWN], minlength=count),
        seconds=micros / MICROSECONDS / np.maximum(times, 1),
        first_seen=first,
        last_seen=last,
    )
