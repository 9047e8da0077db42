"""User journeys: what users come back with after what, and when; never a single user's."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.findings import Journey, Returns, newest, told_share
from learning.flowgraph import MIN_KNOWN
from learning.sessions import SOLVED, UNKNOWN, Sessions
from learning.significance import discoveries, share, tail_bound
from learning.trust import MIN_USERS
from memory.records import parse_step

MOST = 20
"""Journeys that are told, the surest ones."""

Ints = NDArray[np.int64]


class _Returns(NamedTuple):
    """Each session of a user that another one of theirs follows."""

    before: Ints
    """Number of the earlier session."""

    after: Ints
    """Number of the next."""

    gap_s: NDArray[np.float64]
    """From the end of the one to the start of the other (seconds), at least 0."""


def returns(sessions: Sessions) -> Returns:
    """Return how many users come back, and after how long."""
    found = _returns(sessions)
    returning = len(np.unique(sessions.users[found.before]))
    is_told = returning >= MIN_USERS
    return Returns(
        users=len(np.unique(sessions.users)),
        returning=returning if is_told else 0,
        median_gap_s=round(float(np.median(found.gap_s)), 1) if is_told else None,
    )


def journeys(sessions: Sessions) -> list[Journey]:
    """Return what users come back with more often than chance, the surest first.

    A session's kind is the topic of its first step, or its intent. Each user counts once for each kind that
    they come back after, by the first time that they did; chance is how often users come back with a kind.
    """
    found = _returns(sessions)
    names, kind_of = _kinds(sessions)
    kinds = max(len(names), 1)
    before, after = kind_of[found.before], kind_of[found.after]
    users = sessions.users[found.before].astype(np.int64)
    _, first = np.unique(users * kinds + before, return_index=True)
    once = np.zeros(len(before), bool)
    once[first] = True
    popular = np.bincount(after[once], minlength=kinds) / max(int(once.sum()), 1)
    pairs, seen = np.unique(before[once] * kinds + after[once], return_counts=True)
    tries = np.bincount(before[once], minlength=kinds)[pairs // kinds]
    tested = np.flatnonzero(tries >= MIN_USERS)
    tail = tail_bound(seen[tested], tries[tested], popular[pairs[tested] % kinds])
    stands = np.flatnonzero(discoveries(tail) & (seen[tested] >= MIN_USERS))
    told: list[Journey] = []
    for row in stands[np.lexsort((-seen[tested][stands], tail[stands]))][:MOST].tolist():
        pair = int(pairs[tested[row]])
        came, back = pair // kinds, pair % kinds
        shown = np.flatnonzero((before == came) & (after == back))
        figures = _Figures(
            int(seen[tested[row]]), int(tries[tested[row]]), float(popular[back]), float(tail[row])
        )
        told.append(_journey(sessions, found, shown, (names[came], names[back]), figures))
    return told


class _Figures(NamedTuple):
    """How often users come back with something."""

    users: int
    """Who come back with it (count)."""

    returning: int
    """Who come back at all after the same (count)."""

    usual_rate: float
    p_value: float


def _journey(
    sessions: Sessions, found: _Returns, shown: Ints, kinds: tuple[str, str], figures: _Figures
) -> Journey:
    came, back = kinds
    first = sessions.outcomes[found.before[shown]]
    known = first[first != UNKNOWN]
    unsolved = round(float((known != SOLVED).mean()), 4) if len(known) >= MIN_KNOWN else None
    gap_s = float(np.median(found.gap_s[shown]))
    rate = share(figures.users, figures.returning)
    return Journey(
        steps=[came, back],
        sessions=len(shown),
        users=figures.users,
        evidence=newest(sessions, found.after[shown]),
        advice=_advice(came, back, rate.mean, figures.usual_rate),
        median_gap_s=round(gap_s, 1),
        share=told_share(rate),
        usual_rate=round(figures.usual_rate, 4),
        unsolved_rate=unsolved,
        p_value=figures.p_value,
    )


def _advice(came: str, back: str, rate: float, usual: float) -> str:
    often = f"{rate:.0%} of the users who come back do so, {usual:.0%} would by chance"
    if came == back:
        return f"See what the first session on `{came}` leaves open: they come for it again ({often})."
    return f"Answer `{back}` already in sessions on `{came}`: it is what they come back with ({often})."


def _returns(sessions: Sessions) -> _Returns:
    """Return the sessions that another one of the same user follows, by user and time."""
    some = np.flatnonzero(np.diff(sessions.offsets) > 0)
    start = sessions.times[sessions.offsets[some]]
    order = some[np.lexsort((start, sessions.users[some]))]
    follows = sessions.users[order[1:]] == sessions.users[order[:-1]]
    before, after = order[:-1][follows], order[1:][follows]
    gap_s = sessions.times[sessions.offsets[after]] - sessions.times[sessions.offsets[before + 1] - 1]
    return _Returns(before, after, np.maximum(gap_s, 0.0))


def _kinds(sessions: Sessions) -> tuple[list[str], Ints]:
    """Return the kinds of session, and the number of each session's; one without steps has `-1`."""
    numbers: dict[str, int] = {}
    of_label = np.array(
        [
            numbers.setdefault(step.topic or step.intent, len(numbers))
            for step in map(parse_step, sessions.labels)
        ],
        np.int64,
    )
    kind = np.full(len(sessions), -1)
    some = np.flatnonzero(np.diff(sessions.offsets) > 0)
    kind[some] = of_label[sessions.steps[sessions.offsets[some]]]
    return list(numbers), kind
