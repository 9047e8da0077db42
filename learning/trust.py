"""Which sessions may teach others: no machine, no clock in the future, nobody louder than the rest.

Applied once, before all learning. Who is left out leaves no trace: the result is, column for column,
that of a log in which they never were.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.numbering import distinct
from learning.sessions import Sessions, choose
from learning.significance import tail_bound

MIN_USERS = 5
"""Distinct users from which anything is shown to others (k-anonymity); fewer would tell of persons."""

MACHINE_SESSIONS = 1_000
"""Sessions of one user up to which nobody is taken for a machine, however quiet the others are."""

MACHINE_MEDIANS = 20
"""Times the sessions of the median user above which a user is a machine or a forger; the most that a
person in the logs measured had was 7 times the median, above the floor."""

CAP_SESSIONS = 20
"""Newest sessions of each user that count in any log (count)."""

CAP_MEDIANS = 10
"""Times the sessions of the median user that count; see docs/decisions/0007."""

CAP_SHARE = 50
"""One user's sessions are at most one in so many of the log, where that is more than the above."""

AHEAD_S = 86_400.0
"""How far a clock may be ahead (seconds): a day, so that a wrong time zone costs nothing."""

Ints = NDArray[np.int64]
Marks = NDArray[np.bool_]


class LeftOut(NamedTuple):
    """What was not learned from, and why."""

    future: int
    """Sessions with a step later than now (count)."""

    machines: int
    """Users with absurdly many sessions (count); nothing of theirs is used."""

    machine_sessions: int
    capped: int
    """Sessions beyond the newest `cap` of their user (count)."""

    cap: int
    """Sessions of one user that count (count)."""


class Trusted(NamedTuple):
    """The sessions to learn from."""

    sessions: Sessions
    left_out: LeftOut


def trusted(sessions: Sessions, *, now: float | None = None) -> Trusted:
    """Return the sessions that may teach others, in the same order, with only their labels and users.

    `now` is a Unix time (seconds); without it no clock is doubted. Without user ids, which is a user a
    session, nobody is loud.
    """
    kept = _present(sessions, now)
    future = len(sessions) - int(kept.sum())
    counts = _sessions_per_user(sessions, kept)
    machines = _machines(counts)
    honest = kept & ~machines[sessions.users]
    cap = _cap(np.where(machines, 0, counts))
    chosen = honest & (_rank_from_newest(sessions, honest) < cap)
    left_out = LeftOut(
        future=future,
        machines=int(machines.sum()),
        machine_sessions=int(kept.sum() - honest.sum()),
        capped=int(honest.sum() - chosen.sum()),
        cap=cap,
    )
    return Trusted(sessions if chosen.all() else compact(sessions, chosen), left_out)


def compact(sessions: Sessions, chosen: Marks) -> Sessions:
    """Return the chosen sessions; labels and users that only others had are gone."""
    part = choose(sessions, np.flatnonzero(chosen))
    labels, users = distinct(part.steps.astype(np.int64)), distinct(part.users.astype(np.int64))
    return replace(
        part,
        labels=[part.labels[number] for number in labels],
        steps=np.searchsorted(labels, part.steps).astype(np.int32),
        users=np.searchsorted(users, part.users).astype(np.int32),
        user_keys=[part.user_keys[number] for number in users],
    )


def _present(sessions: Sessions, now: float | None) -> Marks:
    """Mark the sessions that do not reach into the future."""
    marks = np.ones(len(sessions), bool)
    if now is not None:
        ahead = np.flatnonzero(~(sessions.times <= now + AHEAD_S))
        marks[np.searchsorted(sessions.offsets, ahead, side="right") - 1] = False
    return marks


def _sessions_per_user(sessions: Sessions, kept: Marks) -> Ints:
    return np.bincount(sessions.users[kept], minlength=len(sessions.user_keys)).astype(np.int64)


def _machines(counts: Ints) -> Marks:
    """Mark users who are far above the median of those who remain.

    Who is marked cannot save others: the median is taken again without them until nobody is far above.
    """
    marks = np.zeros(len(counts), bool)
    while True:
        limit = max(MACHINE_SESSIONS, MACHINE_MEDIANS * _median(counts[~marks]))
        above = ~marks & (counts > limit)
        if not above.any():
            return marks
        marks |= above


def _cap(counts: Ints) -> int:
    """Return how many sessions of one user count."""
    return max(CAP_SESSIONS, CAP_MEDIANS * _median(counts), int(counts.sum()) // CAP_SHARE)


def _median(counts: Ints) -> int:
    """Return the lower median of those who have sessions; 0 without any."""
    present = np.sort(counts[counts > 0])
    return int(present[(len(present) - 1) // 2]) if len(present) else 0


def _rank_from_newest(sessions: Sessions, marks: Marks) -> Ints:
    """Return how many newer marked sessions the user of each has; of two at once the first is newer."""
    ends = np.full(len(sessions), -np.inf)
    filled = np.diff(sessions.offsets) > 0
    ends[filled] = sessions.times[sessions.offsets[1:][filled] - 1]
    order = np.flatnonzero(marks)
    order = order[np.lexsort((-ends[order], sessions.users[order]))]
    owner = sessions.users[order]
    rank = np.empty(len(sessions), np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(owner, owner, side="left")
    return rank


# --- sudden patterns -------------------------------------------------------------------------------

BURST_WEEKS = 2
"""Neighbouring weeks of a burst; seven days in a row always lie within two."""

BURST_SHARE = 0.9
"""Share (0 to 1) of a pattern's sessions within one burst from which it is sudden."""

USUAL_SHARE = 0.25
"""Share (0 to 1) of the whole log within the same weeks from which a burst is that of the log: a young
log, or one that only just grew, is not sudden for it."""

BEFORE_SHARE = 0.05
"""Share (0 to 1) of the log that must be older than a burst: what a log begins with may be older than it."""

BY_CHANCE = 1e-3
"""Chance below which so many sessions at once are no accident; the fewer there are, the more often."""

FEW_USERS = 10
"""Users below which a sudden pattern is withheld: twice those that any pattern needs. What more share is a
fashion."""


def sudden(weeks: Ints, log_weeks: Ints, users: Ints) -> Marks:
    """Mark patterns that came nearly all at once, from few users, in a log that had long been there.

    `weeks` has a row a pattern and a column a week, newest first (sessions, count); `log_weeks` is the same
    of the whole log. A marked pattern is withheld, and shown once it lasts or enough users share it.
    """
    windows = _windows(weeks)
    start = windows.argmax(axis=1)
    burst = windows[np.arange(len(windows)), start]
    usual = _windows(log_weeks[None, :])[0][start]
    total, share = np.maximum(weeks.sum(axis=1), 1), usual / max(int(log_weeks.sum()), 1)
    older = log_weeks.sum() - np.cumsum(log_weeks)[np.minimum(start + BURST_WEEKS, len(log_weeks)) - 1]
    rushed = (
        (burst >= BURST_SHARE * total) & (share < USUAL_SHARE) & (older >= BEFORE_SHARE * log_weeks.sum())
    )
    accident = tail_bound(burst, total, share) * weeks.shape[1] >= BY_CHANCE
    marks: Marks = rushed & ~accident & (users < FEW_USERS)
    return marks


def _windows(weeks: Ints) -> Ints:
    """Return sums over `BURST_WEEKS` neighbouring weeks, one for each that such a span begins with."""
    sums = np.cumsum(np.pad(weeks, ((0, 0), (1, BURST_WEEKS - 1))), axis=1)
    return sums[:, BURST_WEEKS:] - sums[:, :-BURST_WEEKS]
