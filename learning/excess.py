"""What happens more often in some group of cases than chance would give, however loud single users are."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.numbering import distinct
from learning.significance import discoveries, tail_bound
from learning.trust import MIN_USERS

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Cases(NamedTuple):
    """Members of groups, one a row; a case may be in several groups, and is in each once."""

    group: Numbers
    """Number of the group."""

    session: Numbers
    """Number of the session that the case lies in."""

    user: Numbers
    hit: Marks
    """True where it happened."""

    chance: Floats
    """How likely that is (0 to 1) if the group is like all others."""


class Excess(NamedTuple):
    """Figures of each group, by its number."""

    cases: Ints
    users: Ints
    hits: Ints
    hit_users: Ints
    """Distinct users to whom it happened."""

    expected: Floats
    """Mean chance of its members (0 to 1)."""

    tail: Floats
    """Bound on the probability that chance gives so many hits."""

    effect: Floats
    """How many members count for one independent case, at least 1."""


def excess(cases: Cases, groups: int, likeness: float) -> Excess:
    """Compare each of the `groups` with chance; `likeness` is that of cases of one user (`likeness_of`).

    Cases of one user are no independent cases: their number is divided by the design effect
    `1 + (m - 1) * likeness`, m cases a user (Rao and Scott, "A simple method for the analysis of clustered
    binary data", 1992). That cases have different chances makes the tail no heavier (Hoeffding, 1956).
    """
    counts = np.bincount(cases.group, minlength=groups)
    hits = np.bincount(cases.group[cases.hit], minlength=groups)
    chance = np.bincount(cases.group, cases.chance, minlength=groups)
    expected = chance / np.maximum(counts, 1)
    people = int(cases.user.max(initial=0)) + 1
    member = cases.group.astype(np.int64) * people + cases.user
    of_user, per_user = _counted(member)
    squares = np.bincount(of_user // people, per_user.astype(float) ** 2, minlength=groups)
    effect = 1 + np.maximum(squares / np.maximum(counts, 1) - 1, 0) * likeness
    tail, some = np.ones(groups), counts > 0
    tail[some] = tail_bound(hits[some], counts[some], expected[some]) ** (1 / effect[some])
    hit_users = distinct(member[cases.hit]) // people
    return Excess(
        cases=counts,
        users=np.bincount(of_user // people, minlength=groups),
        hits=hits,
        hit_users=np.bincount(hit_users, minlength=groups),
        expected=expected,
        tail=tail,
        effect=effect,
    )


def _counted(keys: Ints) -> tuple[Ints, Ints]:
    """Return the different keys and how often each stands."""
    if not len(keys):
        return keys, keys
    in_order = np.sort(keys)
    begins = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1]]))
    return in_order[begins], np.diff(np.append(begins, len(keys)))


def likeness_of(user: NDArray[np.integer[Any]], hit: Marks, chance: Floats) -> float:
    """Return how alike the cases of one user are beyond their chances (0: not at all, 1: all the same).

    The intraclass correlation by analysis of variance (Donner, 1986).
    """
    counts = np.bincount(user)
    people, total = int((counts > 0).sum()), len(user)
    if people < 2 or total == people:
        return 0.0
    rest = hit - chance
    rest = rest - rest.mean()
    sums = np.bincount(user, rest)
    between = float((sums**2 / np.maximum(counts, 1)).sum())
    within = float((rest**2).sum()) - between
    mean_between, mean_within = between / (people - 1), within / (total - people)
    size = (total - float((counts.astype(float) ** 2).sum()) / total) / (people - 1)
    scale = mean_between + (size - 1) * mean_within
    return min(max((mean_between - mean_within) / scale, 0.0), 1.0) if scale > 0 else 0.0


def design_effect(users: NDArray[np.integer[Any]], likeness: float) -> float:
    """Return how many of some cases count for one independent case; `users` are theirs, one a case."""
    _, counts = np.unique(users, return_counts=True)
    return 1 + (float((counts.astype(float) ** 2).sum()) / max(len(users), 1) - 1) * likeness


def standing_out(found: Excess) -> Ints:
    """Return the groups that happen to be hit too often for chance, the surest first.

    Only groups of enough users are tested, and shown only where enough users were hit. At most
    `significance.FALSE_DISCOVERIES` of what is returned is there by chance, on average.
    """
    tested = np.flatnonzero(found.users >= MIN_USERS)
    kept = tested[discoveries(found.tail[tested])]
    kept = kept[found.hit_users[kept] >= MIN_USERS]
    return kept[np.lexsort((kept, -found.hits[kept], found.tail[kept]))]


def by_length(hit: Marks, lengths: Ints) -> Floats:
    """Return for each case the share of hits among cases of about the same length (steps).

    Long sessions hold more steps and often fail more: without this every frequent step would be blamed.
    """
    stratum = np.minimum(np.floor(2 * np.log2(np.maximum(lengths, 1))), 12).astype(np.int64)
    counts = np.bincount(stratum)
    rates: Floats = np.bincount(stratum, hit, minlength=len(counts)) / np.maximum(counts, 1)
    return rates[stratum] if len(stratum) else np.zeros(0)
