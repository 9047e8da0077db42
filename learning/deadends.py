"""Where sessions go wrong: steps after which they fail, are handed over, or turn in circles."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.excess import Cases, Excess, by_length, excess, likeness_of, share, standing_out
from learning.findings import Loop, MoreOften, newest, told_share
from learning.flowgraph import MIN_KNOWN, MIN_USERS
from learning.numbering import distinct, number
from learning.sessions import ESCALATED, SOLVED, UNKNOWN, Sessions
from learning.significance import tail_bound

MOST = 20
"""Findings of one kind that are told, the surest ones; nobody acts on more in a week."""

STILL_P = 0.05
"""Probability up to which a step still stands out in sessions without the surer findings."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class _Groups(NamedTuple):
    """Groups of sessions by what steps they show."""

    group: Ints
    session: Ints
    steps: list[tuple[int, ...]]
    """Numbers of the labels of each group."""


def dead_ends(sessions: Sessions) -> list[MoreOften]:
    """Return the steps, and pairs of neighbouring steps, after which sessions fail more often than chance.

    Chance is what other sessions of the same length give. A pair is told only where it is worse than each
    of its steps; a finding that goes away without the sessions of surer ones is not told.
    """
    known = np.flatnonzero(sessions.outcomes != UNKNOWN)
    failed = sessions.outcomes != SOLVED
    lengths = np.diff(sessions.offsets)
    chance = np.zeros(len(sessions))
    chance[known] = by_length(failed[known], lengths[known])
    users = sessions.users.astype(np.int64)
    likeness = likeness_of(users[known], failed[known], chance[known])
    singles = _singles(sessions, known)
    cases = _cases(singles, sessions, failed, chance[singles.session])
    found = excess(cases, len(singles.steps), likeness)
    surer = _independent(cases, found, standing_out(found), lengths)
    pairs = _pairs(sessions, known)
    at_least = np.maximum(_parts_rate(pairs, found), chance[pairs.session])
    of_pairs = _cases(pairs, sessions, failed, at_least)
    in_pairs = excess(of_pairs, len(pairs.steps), likeness)
    left = standing_out(in_pairs)[:MOST].tolist()

    def advice(steps: list[str], rate: float, usual: float) -> str:
        return (
            f"Look at what users get after `{' > '.join(steps)}`: {rate:.0%} of these sessions fail, "
            f"{usual:.0%} would by chance; mend that answer, or offer a person there."
        )

    told = [_told(one, singles, cases, found, sessions, advice) for one in surer]
    told += [_told(one, pairs, of_pairs, in_pairs, sessions, advice) for one in left]
    return sorted(told, key=lambda one: (one.p_value, -one.hits, one.steps))[:MOST]


def hand_overs(sessions: Sessions) -> list[MoreOften]:
    """Return the last steps at which sessions are handed over to a person more often than chance."""
    lengths = np.diff(sessions.offsets)
    known = np.flatnonzero((sessions.outcomes != UNKNOWN) & (lengths > 0))
    escalated = sessions.outcomes == ESCALATED
    if not escalated[known].any():
        return []
    chance = np.zeros(len(sessions))
    chance[known] = by_length(escalated[known], lengths[known])
    last = sessions.steps[sessions.offsets[known + 1] - 1].astype(np.int64)
    groups = _Groups(last, known, [(step,) for step in range(len(sessions.labels))])
    cases = _cases(groups, sessions, escalated, chance[groups.session])
    found = excess(cases, len(groups.steps), likeness_of(cases.user, cases.hit, cases.chance))

    def advice(steps: list[str], rate: float, usual: float) -> str:
        return (
            f"Teach the agent `{steps[0]}`, or hand over sooner: {rate:.0%} of the sessions that end there "
            f"go to a person, {usual:.0%} would by chance."
        )

    return [_told(one, groups, cases, found, sessions, advice) for one in standing_out(found)[:MOST].tolist()]


def loops(sessions: Sessions) -> list[Loop]:
    """Return the steps that sessions come back to more often than chance.

    Chance is what other steps of sessions as long give, or what a step as frequent would in any order, the
    higher of the two.
    """
    labels = max(len(sessions.labels), 1)
    lengths = np.diff(sessions.offsets)
    session = np.repeat(np.arange(len(sessions)), lengths)
    keys = np.sort(session * labels + sessions.steps)
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else keys
    hit = np.diff(np.append(begins, len(keys))) > 1
    owner, step = keys[begins] // labels, keys[begins] % labels
    popularity = np.bincount(sessions.steps, minlength=labels) / max(len(sessions.steps), 1)
    chance = np.maximum(by_length(hit, lengths[owner]), _drawn_twice(popularity[step], lengths[owner]))
    users = sessions.users[owner].astype(np.int64)
    cases = Cases(step, owner, users, hit, chance)
    groups = _Groups(step, owner, [(one,) for one in range(labels)])
    found = excess(cases, labels, likeness_of(users, hit, chance))

    surest = standing_out(found)[:MOST].tolist()
    told = [_told(one, groups, cases, found, sessions, lambda *_: "") for one in surest]
    return [_with_outcomes(one, cases, sessions) for one in told]


def _with_outcomes(told: MoreOften, cases: Cases, sessions: Sessions) -> Loop:
    """Add how the sessions ended that came back to the step, and those that did not."""
    mine = cases.group == sessions.labels.index(told.steps[0])

    def failed(chosen: Ints) -> float | None:
        outcomes = sessions.outcomes[chosen]
        known = outcomes[outcomes != UNKNOWN]
        return round(float((known != SOLVED).mean()), 4) if len(known) >= MIN_KNOWN else None

    back, other = failed(cases.session[mine & cases.hit]), failed(cases.session[mine & ~cases.hit])
    loop = Loop(**dict(told), failed_rate=back, other_failed_rate=other)
    return loop.model_copy(update={"advice": _loop_advice(loop)})


def _loop_advice(loop: Loop) -> str:
    often = f"{loop.share.rate:.0%} of its sessions do, {loop.usual_rate:.0%} would by chance"
    back, other = loop.failed_rate, loop.other_failed_rate
    if back is None or other is None:
        return f"Answer `{loop.steps[0]}` so that nobody has to come back to it: {often}."
    if back < other:
        return (
            f"Leave `{loop.steps[0]}` as it is: coming back to it ({often}) is part of the work, {back:.0%} of "
            f"these sessions fail, {other:.0%} of the others."
        )
    return (
        f"Answer `{loop.steps[0]}` so that nobody has to come back to it: {often}; {back:.0%} of these "
        f"sessions fail, {other:.0%} of the others."
    )


def _drawn_twice(popularity: Floats, lengths: Ints) -> Floats:
    """Return how likely a step that stands in a session stands there again, steps drawn one by one."""
    never = (1 - popularity) ** lengths
    once = lengths * popularity * (1 - popularity) ** (lengths - 1)
    twice: Floats = (1 - never - once) / np.maximum(1 - never, 1e-12)
    return np.clip(twice, 0.0, 1.0)


# --- groups ------------------------------------------------------------------------------------------


def _singles(sessions: Sessions, chosen: Ints) -> _Groups:
    """Return the chosen sessions by step, each once a step."""
    labels = max(len(sessions.labels), 1)
    session, place = _places(sessions, chosen)
    once = distinct(sessions.steps[place].astype(np.int64) * len(sessions) + session)
    total = max(len(sessions), 1)
    return _Groups(once // total, once % total, [(step,) for step in range(labels)])


def _pairs(sessions: Sessions, chosen: Ints) -> _Groups:
    """Return the chosen sessions by pairs of different neighbouring steps, each once a pair."""
    session, place = _places(sessions, chosen)
    has_next = session[1:] == session[:-1]
    session, place = session[:-1][has_next], place[:-1][has_next]
    first, second = (sessions.steps[place + more].astype(np.int64) for more in (0, 1))
    apart = first != second
    labels = max(len(sessions.labels), 1)
    kinds, kind = number(first[apart] * labels + second[apart])
    total = max(len(sessions), 1)
    once = distinct(kind * total + session[apart])
    return _Groups(once // total, once % total, [divmod(kind, labels) for kind in kinds.tolist()])


def _places(sessions: Sessions, chosen: Ints) -> tuple[Ints, Ints]:
    """Return the session and the place of each step of the chosen sessions."""
    is_chosen = np.zeros(len(sessions), bool)
    is_chosen[chosen] = True
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    place = np.flatnonzero(is_chosen[session])
    return session[place], place


def _cases(groups: _Groups, sessions: Sessions, hit: Marks, chance: Floats) -> Cases:
    """Return the members of groups as cases; `hit` is one a session, `chance` one a member."""
    users = sessions.users[groups.session].astype(np.int64)
    return Cases(groups.group, groups.session, users, hit[groups.session], chance)


def _parts_rate(pairs: _Groups, singles: Excess) -> Floats:
    """Return for each member of a pair the higher rate of the pair's two steps."""
    rate = singles.hits / np.maximum(singles.cases, 1)
    steps = np.array(pairs.steps, np.int64).reshape(-1, 2)
    higher: Floats = rate[steps].max(axis=1, initial=0.0)[pairs.group]
    return higher


# --- what is told ------------------------------------------------------------------------------------


def _independent(cases: Cases, found: Excess, surest: Ints, lengths: Ints) -> list[int]:
    """Return the groups that stand out by themselves: also among the sessions without any surer one."""
    failed, is_known, explained = (np.zeros(len(lengths), bool) for _ in range(3))
    failed[cases.session[cases.hit]] = True
    is_known[cases.session] = True
    chance = np.zeros(len(lengths))
    kept: list[int] = []
    for group in surest.tolist():
        mine = cases.session[cases.group == group]
        free = mine[~explained[mine]]
        if kept:
            if len(np.unique(cases.user[cases.group == group][~explained[mine]])) < MIN_USERS:
                continue
            hits, mean = failed[free].sum(keepdims=True), chance[free].mean(keepdims=True)
            if tail_bound(hits, np.array([len(free)]), mean)[0] ** (1 / found.effect[group]) > STILL_P:
                continue
        kept.append(group)
        if len(kept) == MOST:
            break
        explained[mine] = True
        rest = np.flatnonzero(is_known & ~explained)
        chance[rest] = by_length(failed[rest], lengths[rest])
    return kept


def _told(
    one: int,
    groups: _Groups,
    cases: Cases,
    found: Excess,
    sessions: Sessions,
    advice: Callable[[list[str], float, float], str],
) -> MoreOften:
    """Return a group as a finding."""
    steps = [sessions.labels[step] for step in groups.steps[one]]
    hits, known, effect = int(found.hits[one]), int(found.cases[one]), float(found.effect[one])
    rate, usual = share(hits / effect, known / effect), float(found.expected[one])
    hit = cases.session[(cases.group == one) & cases.hit]
    return MoreOften(
        steps=steps,
        sessions=known,
        users=int(found.users[one]),
        evidence=newest(sessions, hit),
        advice=advice(steps, rate.mean, usual),
        hits=hits,
        cases=known,
        share=told_share(rate),
        usual_rate=round(usual, 4),
        p_value=float(found.tail[one]),
    )
