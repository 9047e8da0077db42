"""How sessions get to a solution: the usual way from each first step, and shorter ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.excess import design_effect, likeness_of
from learning.findings import Shortcut, Start, newest, told_share
from learning.flowgraph import MIN_KNOWN, without_repeats
from learning.numbering import distinct
from learning.sessions import SOLVED, UNKNOWN, Sessions
from learning.significance import discoveries, share, tail_bound
from learning.trust import MIN_USERS

MARGIN = 0.05
"""How much lower the share of solved may be on a shorter way (0 to 1) to call it no worse."""

STARTS = 20
"""First steps that are told, the most frequent ones."""

LONGEST = 20
"""Steps of the longest way that is compared step by step; nobody calls a longer one a shortcut."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class _Flows(NamedTuple):
    """Sessions with a known outcome and at least one step, and the whole ways that they took."""

    session: Ints
    start: Ints
    """Number of the first step's label, one a session."""

    length: Ints
    """Steps (count), repeats in a row once."""

    flow: Ints
    """Number of the way, one a session."""

    solved: NDArray[np.bool_]
    seconds: Floats
    """From first to last step."""


def starts(sessions: Sessions) -> list[Start]:
    """Return the usual way to a solution from each frequent first step, and the shortest that is no worse.

    Steps several times in a row count once. A shorter way counts when it is shared by enough users, takes no
    more time, and its share of solved is not below that of the other ways from the same step by `MARGIN`:
    tested for all ways at once (Benjamini and Yekutieli, 2001).
    """
    flows = _flows(sessions)
    usual = _usual(flows, sessions)
    shortest = _shortcuts(flows, sessions, usual)
    counts = np.bincount(flows.start, minlength=len(sessions.labels))
    told: list[Start] = []
    for start in np.argsort(-counts, kind="stable").tolist():
        mine = flows.start == start
        users = len(np.unique(sessions.users[flows.session[mine]]))
        if len(told) == STARTS or not counts[start]:
            break
        if users < MIN_USERS or start not in usual:
            continue
        steps, seconds = usual[start]
        solved = int(flows.solved[mine].sum())
        told.append(
            Start(
                step=sessions.labels[start],
                sessions=int(counts[start]),
                users=users,
                solved=solved,
                success=told_share(share(solved, int(counts[start]))),
                median_steps=steps,
                median_s=round(seconds, 1),
                shortest=shortest.get(start),
            )
        )
    return told


def _flows(sessions: Sessions) -> _Flows:
    lengths = np.diff(sessions.offsets)
    chosen = np.flatnonzero((sessions.outcomes != UNKNOWN) & (lengths > 0))
    steps, kept = without_repeats(sessions)
    length = np.bincount(kept, minlength=len(sessions))
    place = np.arange(len(kept)) - (np.cumsum(length) - length)[kept]
    key = np.zeros(len(sessions), np.uint64)
    np.add.at(key, kept, _mixed(steps.astype(np.uint64), place.astype(np.uint64)))
    _, flow = np.unique(key[chosen], return_inverse=True)
    first, last = sessions.offsets[chosen], sessions.offsets[chosen + 1] - 1
    return _Flows(
        session=chosen,
        start=sessions.steps[first].astype(np.int64),
        length=length[chosen],
        flow=flow.astype(np.int64),
        solved=sessions.outcomes[chosen] == SOLVED,
        seconds=sessions.times[last] - sessions.times[first],
    )


def _mixed(step: NDArray[np.uint64], place: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a digest of each step at its place; their sum tells ways apart (splitmix64: Steele, 2014)."""
    mixed = (step + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + (place + np.uint64(1)) * np.uint64(
        0xD1B54A32D192ED03
    )
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _usual(flows: _Flows, sessions: Sessions) -> dict[int, tuple[float, float]]:
    """Return by first step the median steps and time (seconds) of the sessions that were solved."""
    order = np.flatnonzero(flows.solved)
    order = order[np.argsort(flows.start[order], kind="stable")]
    found, begin = np.unique(flows.start[order], return_index=True)
    parts = np.split(order, begin[1:]) if len(found) else []
    return {
        int(start): (float(np.median(flows.length[part])), float(np.median(flows.seconds[part])))
        for start, part in zip(found, parts, strict=True)
        if len(np.unique(sessions.users[flows.session[part]])) >= MIN_USERS
    }


def _shortcuts(
    flows: _Flows, sessions: Sessions, usual: dict[int, tuple[float, float]]
) -> dict[int, Shortcut]:
    """Return the shortest way of each first step that has one."""
    ways = int(flows.flow.max(initial=-1)) + 1
    known = np.bincount(flows.flow, minlength=ways)
    solved = np.bincount(flows.flow[flows.solved], minlength=ways)
    example = np.zeros(ways, np.int64)
    example[flows.flow] = np.arange(len(flows.flow))
    users = sessions.users[flows.session].astype(np.int64)
    people = int(users.max(initial=0)) + 1
    shared = np.bincount(distinct(flows.flow * people + users) // people, minlength=ways)
    solvers = distinct((flows.flow * people + users)[flows.solved]) // people
    start, length = flows.start[example], flows.length[example]
    longest = np.array([usual.get(one, (0.0, 0.0))[0] for one in range(len(sessions.labels))])
    tested = np.flatnonzero((shared >= MIN_USERS) & (length < longest[start]) & (length <= LONGEST))
    of_start = np.bincount(flows.start, minlength=len(sessions.labels))
    solved_of_start = np.bincount(flows.start[flows.solved], minlength=len(sessions.labels))
    others = of_start[start[tested]] - known[tested]
    rate = (solved_of_start[start[tested]] - solved[tested]) / np.maximum(others, 1)
    is_compared = others >= MIN_KNOWN
    tested, rate = tested[is_compared], rate[is_compared]
    effect = _effects(flows, users, of_start, solved_of_start, tested)
    tail = tail_bound(solved[tested], known[tested], np.maximum(rate - MARGIN, 0.0)) ** (1 / effect)
    stands = discoveries(tail) & (np.bincount(solvers, minlength=ways)[tested] >= MIN_USERS)
    found: dict[int, Shortcut] = {}
    order = np.lexsort((tail, length[tested]))
    for row in order[stands[order]].tolist():
        first = int(start[tested[row]])
        if first not in found:
            made = _shortcut(
                flows, sessions, int(tested[row]), usual[first], float(rate[row]), float(tail[row])
            )
            if made.median_s <= usual[first][1]:
                found[first] = made
    return found


def _effects(flows: _Flows, users: Ints, of_start: Ints, solved: Ints, tested: Ints) -> Floats:
    """Return the design effect of each way tested: sessions of one user are no independent cases."""
    likeness = likeness_of(users, flows.solved, (solved / np.maximum(of_start, 1))[flows.start])
    order = np.argsort(flows.flow, kind="stable")
    begins = np.searchsorted(flows.flow[order], tested)
    ends = np.searchsorted(flows.flow[order], tested, side="right")
    spans = zip(begins.tolist(), ends.tolist(), strict=True)
    return np.array([design_effect(users[order[begin:end]], likeness) for begin, end in spans])


def _shortcut(
    flows: _Flows, sessions: Sessions, way: int, usual: tuple[float, float], rate: float, tail: float
) -> Shortcut:
    mine = np.flatnonzero(flows.flow == way)
    session = int(flows.session[mine[0]])
    path = sessions.steps[sessions.offsets[session] : sessions.offsets[session + 1]]
    steps = [sessions.labels[step] for place, step in enumerate(path) if not place or step != path[place - 1]]
    solved = mine[flows.solved[mine]]
    rest = " > ".join(steps[1:]) or "the first answer alone"
    return Shortcut(
        steps=steps,
        sessions=len(mine),
        users=len(np.unique(sessions.users[flows.session[mine]])),
        evidence=newest(sessions, flows.session[solved]),
        advice=(
            f"After `{steps[0]}` lead users to `{rest}`: {len(steps)} steps solve it in place of the usual "
            f"{usual[0]:g}, and no less often."
        ),
        median_s=round(float(np.median(flows.seconds[solved])), 1),
        success=told_share(share(len(solved), len(mine))),
        others_rate=round(rate, 4),
        p_value=tail,
    )
