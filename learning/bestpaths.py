"""The surest way through each topic: what to suggest to the next user who comes with it."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.excess import design_effect, likeness_of
from learning.findings import BestPath, newest, told_share
from learning.flowgraph import MIN_KNOWN, without_repeats
from learning.numbering import number
from learning.sessions import SOLVED, UNKNOWN, Sessions
from learning.significance import Rate, share
from learning.trust import MIN_USERS
from memory.records import parse_step

TOPICS = 20
"""Topics that are told, the most frequent ones."""

PATH = 5
"""Steps of the longest way through a topic; further on it leads elsewhere."""

Ints = NDArray[np.int64]


class _Topics(NamedTuple):
    """Where sessions with a known outcome first touch each topic."""

    topic: Ints
    place: Ints
    """Place of that step among all that count."""

    session: Ints


def best_paths(sessions: Sessions) -> list[BestPath]:
    """Return for the most frequent topics the way that is surest to end solved.

    A way begins where a session first touches the topic and has up to `PATH` steps; it counts for the topic
    when at least `MIN_USERS` users took it. The surest has the highest low end of an interval that holds for
    all ways of the topic at once (Wilson with Bonferroni's correction).
    """
    names: dict[str, int] = {}
    topic_of = np.array(
        [
            names.setdefault(step.topic or step.intent, len(names))
            for step in map(parse_step, sessions.labels)
        ],
        np.int64,
    )
    labels, session = without_repeats(sessions)
    is_known = sessions.outcomes[session] != UNKNOWN
    steps, session = labels[is_known].astype(np.int64), session[is_known]
    if not len(steps):
        return []
    _, first = np.unique(session * len(names) + topic_of[steps], return_index=True)
    topics = _Topics(topic_of[steps[first]], first, session[first])
    return _surest(topics, steps, session, sessions, list(names))


class _Way(NamedTuple):
    """A way through a topic that enough users took."""

    topic: int
    place: int
    """Place of the first step of a session that took it."""

    length: int
    members: Ints
    """Numbers of the sessions that took it."""


def _surest(
    topics: _Topics, steps: Ints, session: Ints, sessions: Sessions, names: list[str]
) -> list[BestPath]:
    """Return the surest way of each of the most frequent topics."""
    counts = np.bincount(topics.topic, minlength=len(names))
    is_solved = sessions.outcomes == SOLVED
    known = np.flatnonzero(sessions.outcomes != UNKNOWN)
    likeness = likeness_of(sessions.users[known], is_solved[known], np.zeros(len(known)))
    told: list[BestPath] = []
    for topic in np.argsort(-counts, kind="stable")[:TOPICS].tolist():
        mine = topics.topic == topic
        ways = _ways(topic, topics.place[mine], steps, session, sessions)
        if not ways:
            continue
        z = NormalDist().inv_cdf(1 - 0.025 / len(ways))
        rates = [_low_and_high(way.members, sessions, likeness, z) for way in ways]
        best = max(range(len(ways)), key=lambda one: (rates[one].low, -ways[one].length))
        way, rate = ways[best], rates[best]
        usual = float(is_solved[topics.session[mine]].mean())
        labels = [sessions.labels[step] for step in steps[way.place : way.place + way.length]]
        told.append(
            BestPath(
                steps=labels,
                sessions=len(way.members),
                users=len(np.unique(sessions.users[way.members])),
                evidence=newest(sessions, way.members[is_solved[way.members]]),
                advice=_path_advice(names[topic], labels, rate.low, usual),
                topic=names[topic],
                success=told_share(rate),
                usual_rate=round(usual, 4),
                is_better=rate.low > usual,
            )
        )
    return told


def _low_and_high(members: Ints, sessions: Sessions, likeness: float, z: float) -> Rate:
    """Return the share of solved; sessions of one user count for less than as many of different ones."""
    effect = design_effect(sessions.users[members], likeness)
    return share(int((sessions.outcomes[members] == SOLVED).sum()) / effect, len(members) / effect, z)


def _path_advice(topic: str, labels: list[str], low: float, usual: float) -> str:
    way = " > ".join(labels)
    if low > usual:
        return (
            f"Suggest `{way}` for `{topic}`: at least {low:.0%} end solved, {usual:.0%} of all its sessions."
        )
    return (
        f"Watch `{way}` for `{topic}`: the surest way so far, but not yet surely above the usual {usual:.0%}."
    )


def _ways(topic: int, first: Ints, steps: Ints, session: Ints, sessions: Sessions) -> list[_Way]:
    """Return the ways of 2 to `PATH` steps from the places `first` on that enough users took."""
    found: list[_Way] = []
    width = len(sessions.labels)
    kind, place = steps[first], first
    for length in range(2, PATH + 1):
        after = place + length - 1
        goes_on = after < len(steps)
        goes_on[goes_on] = session[after[goes_on]] == session[place[goes_on]]
        place, kind = place[goes_on], kind[goes_on]
        if not len(place):
            break
        kinds, kind = number(kind * width + steps[place + length - 1])
        order = np.argsort(kind, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(kind, minlength=len(kinds)))[:-1])
        for part in parts:
            members = session[place[part]]
            if len(part) >= MIN_KNOWN and len(np.unique(sessions.users[members])) >= MIN_USERS:
                found.append(_Way(topic, int(place[part[0]]), length, members))
    return found
