"""Where sessions go wrong: steps after which they fail, are handed over, or turn in circles."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.excess import Cases, Excess, by_length, excess, likeness_of, standing_out
from learning.findings import Loop, MoreOften, newest, told_share
from learning.flowgraph import MIN_KNOWN
from learning.numbering import distinct, number
from learning.sessions import ESCALATED, SOLVED, UNKNOWN, Sessions
from learning.significance import Rate, share, tail_bound
from learning.trust import MIN_USERS

MOST = 20
"""Findings of one kind that are told, the surest ones; nobody acts on more in a week."""

STILL_P = 0.05
"""Probability up to which a step still stands out in sessions without the surer findings."""

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class _Groups(NamedTuple):
    """Groups of sessions by what steps they show; a session is in each once."""

    group: Numbers
    session: Numbers
    steps: list[tuple[int, ...]]
    """Numbers of the labels of each group."""


def dead_ends(sessions: Sessions) -> list[MoreOften]:
    """Return the steps, and pairs of neighbouring steps, after which sessions fail more often than chance.

    Chance is what other sessions of the same length give. A pair is told only where it is worse than each
    of its steps; a finding that goes away without the sessions of surer ones is not told.
    """
    known = np.flatnonzero(sessions.outcomes != UNKNOWN)
    lengths = np.diff(sessions.offsets)
    failed = sessions.outcomes != SOLVED
    chance = np.zeros(len(sessions))
    chance[known] = by_length(failed[known], lengths[known])
    likeness = likeness_of(sessions.users[known], failed[known], chance[known])
    facts = _Facts(sessions, failed, chance, likeness)
    told, rates, surer = _of_steps(facts, known, lengths)
    told = told + _of_pairs(facts, known, rates, surer)
    return sorted(told, key=lambda one: (one.p_value, -one.hits, one.steps))[:MOST]


class _Facts(NamedTuple):
    """What is known of each session."""

    sessions: Sessions
    failed: Marks
    chance: Floats
    """Share of failed among sessions of the same length."""

    likeness: float
    """How alike the sessions of one user end."""


def _of_steps(
    facts: _Facts, known: Ints, lengths: Ints
) -> tuple[list[MoreOften], Floats, dict[int, Numbers]]:
    """Return the single steps that are dead ends, the rate of every step, and the sessions of those told."""
    groups = _singles(facts.sessions, known)
    cases = _cases(groups, facts.sessions, facts.failed, facts.chance)
    found = excess(cases, len(groups.steps), facts.likeness)
    surer = _independent(cases, found, standing_out(found), lengths)
    told = [_told(step, groups, cases, found, facts.sessions, _dead_end) for step in surer]
    return told, found.hits / np.maximum(found.cases, 1), surer


def _of_pairs(facts: _Facts, known: Ints, rates: Floats, surer: dict[int, Numbers]) -> list[MoreOften]:
    """Return the pairs of steps that are dead ends beyond what each of their steps is, and what lies near."""
    groups = _pairs(facts.sessions, known)
    worst = rates[np.array(groups.steps, np.int64).reshape(-1, 2)].max(axis=1, initial=0.0)
    cases = _cases(groups, facts.sessions, facts.failed, facts.chance)
    np.maximum(cases.chance, worst[groups.group], out=cases.chance)
    found = excess(cases, len(groups.steps), facts.likeness)
    told = []
    for pair in standing_out(found)[:MOST].tolist():
        near = [members for step, members in surer.items() if step not in groups.steps[pair]]
        mine = np.flatnonzero(cases.group == pair)
        free = mine[~np.isin(cases.session[mine], np.concatenate([*near, np.zeros(0, np.int32)]))]
        if len(free) == len(mine) or _stands(cases, free, cases.chance[free], float(found.effect[pair])):
            told.append(_told(pair, groups, cases, found, facts.sessions, _dead_end))
    return told


def _dead_end(steps: list[str], rate: float, usual: float) -> str:
    return (
        f"Look at what users get after `{' > '.join(steps)}`: {rate:.0%} of these sessions fail, "
        f"{usual:.0%} would by chance; mend that answer, or offer a person there."
    )


def hand_overs(sessions: Sessions) -> list[MoreOften]:
    """Return the last steps at which sessions are handed over to a person more often than chance."""
    lengths = np.diff(sessions.offsets)
    known = np.flatnonzero((sessions.outcomes != UNKNOWN) & (lengths > 0))
    escalated = sessions.outcomes == ESCALATED
    if not escalated[known].any():
        return []
    chance = np.zeros(len(sessions))
    chance[known] = by_length(escalated[known], lengths[known])
    last = sessions.steps[sessions.offsets[known + 1] - 1]
    groups = _Groups(last, known.astype(np.int32), [(step,) for step in range(len(sessions.labels))])
    cases = _cases(groups, sessions, escalated, chance)
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
    step, owner, hit = _repeated(sessions)
    popularity = np.bincount(sessions.steps, minlength=labels) / max(len(sessions.steps), 1)
    chance = np.maximum(by_length(hit, lengths[owner]), _drawn_twice(popularity[step], lengths[owner]))
    users = sessions.users[owner]
    cases = Cases(step, owner, users, hit, chance)
    groups = _Groups(step, owner, [(one,) for one in range(labels)])
    found = excess(cases, labels, likeness_of(users, hit, chance))

    surest = standing_out(found)[:MOST].tolist()
    told = [_told(one, groups, cases, found, sessions, lambda *_: "") for one in surest]
    return [_with_outcomes(one, cases, sessions) for one in told]


def _repeated(sessions: Sessions) -> tuple[Numbers, Numbers, Marks]:
    """Return each step of each session once, with its session, and whether it stands there again."""
    labels = max(len(sessions.labels), 1)
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    keys = np.sort(session * labels + sessions.steps)
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else keys
    owner, step = _split(keys[begins], labels)
    return step, owner, np.diff(np.append(begins, len(keys))) > 1


def _with_outcomes(told: MoreOften, cases: Cases, sessions: Sessions) -> Loop:
    """Add how the sessions ended that came back to the step, and those that did not."""
    mine = cases.group == sessions.labels.index(told.steps[0])

    def failed(chosen: Numbers) -> Rate | None:
        outcomes = sessions.outcomes[chosen]
        known = outcomes[outcomes != UNKNOWN]
        return share(int((known != SOLVED).sum()), len(known)) if len(known) >= MIN_KNOWN else None

    back, other = failed(cases.session[mine & cases.hit]), failed(cases.session[mine & ~cases.hit])
    loop = Loop(
        **dict(told),
        failed_rate=round(back.mean, 4) if back else None,
        other_failed_rate=round(other.mean, 4) if other else None,
        is_costly=bool(back and other and back.low > other.high),
    )
    return loop.model_copy(update={"advice": _loop_advice(loop)})


def _loop_advice(loop: Loop) -> str:
    often = f"{loop.share.rate:.0%} of its sessions do, {loop.usual_rate:.0%} would by chance"
    back, other = loop.failed_rate, loop.other_failed_rate
    if back is None or other is None:
        return f"See why users come back to `{loop.steps[0]}`: {often}; too few say how they fared."
    if loop.is_costly:
        return (
            f"Answer `{loop.steps[0]}` so that nobody has to come back to it: {often}; {back:.0%} of these "
            f"sessions fail, {other:.0%} of the others."
        )
    return (
        f"Leave `{loop.steps[0]}` as it is: coming back to it ({often}) does no harm that shows; "
        f"{back:.0%} of these sessions fail, {other:.0%} of the others."
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
    return _Groups(*_split(once, total), [(step,) for step in range(labels)])


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
    return _Groups(*_split(once, total), [divmod(kind, labels) for kind in kinds.tolist()])


def _split(keys: Ints, total: int) -> tuple[Numbers, Numbers]:
    """Return the groups and the sessions of keys, in half the memory that the keys need each."""
    return (keys // total).astype(np.int32), (keys % total).astype(np.int32)


def _places(sessions: Sessions, chosen: Ints) -> tuple[Ints, Ints]:
    """Return the session and the place of each step of the chosen sessions."""
    is_chosen = np.zeros(len(sessions), bool)
    is_chosen[chosen] = True
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    place = np.flatnonzero(is_chosen[session])
    return session[place], place


def _cases(groups: _Groups, sessions: Sessions, hit: Marks, chance: Floats) -> Cases:
    """Return the members of groups as cases; `hit` and `chance` are one a session."""
    of = groups.session
    return Cases(groups.group, of, sessions.users[of], hit[of], chance[of])


# --- what is told ------------------------------------------------------------------------------------


def _independent(cases: Cases, found: Excess, surest: Ints, lengths: Ints) -> dict[int, Numbers]:
    """Return the groups that stand out by themselves, also without any surer one, and their sessions."""
    failed, is_known, explained = (np.zeros(len(lengths), bool) for _ in range(3))
    failed[cases.session[cases.hit]] = True
    is_known[cases.session] = True
    chance = np.zeros(len(lengths))
    kept: dict[int, Numbers] = {}
    for group in surest.tolist():
        mine = np.flatnonzero(cases.group == group)
        sessions = cases.session[mine]
        free = mine[~explained[sessions]]
        effect = float(found.effect[group])
        if kept and not _stands(cases, free, chance[cases.session[free]], effect):
            continue
        kept[group] = sessions
        if len(kept) == MOST:
            break
        explained[sessions] = True
        rest = np.flatnonzero(is_known & ~explained)
        chance[rest] = by_length(failed[rest], lengths[rest])
    return kept


def _stands(cases: Cases, free: Ints, chance: Floats, effect: float) -> bool:
    """True when the cases `free`, with these chances, are of enough users and hit too often."""
    if len(np.unique(cases.user[free])) < MIN_USERS:
        return False
    hits = np.array([np.count_nonzero(cases.hit[free])])
    tail = tail_bound(hits, np.array([len(free)]), chance.mean(keepdims=True))
    return bool(tail[0] ** (1 / effect) <= STILL_P)


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
