"""Interpolated modified Kneser-Ney over flows: how likely each step is after the steps before it.

Source: Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.numbering import distinct, number
from learning.sessions import SOLVED, UNKNOWN, Sessions
from learning.trust import MIN_USERS
from memory.contexts import EMPTY_KEY, ORDER, START, Contexts

Column = NDArray[Any]
Ints = NDArray[np.integer[Any]]
Keys = NDArray[np.uint64]


class Level(NamedTuple):
    """What followed the contexts of one length."""

    keys: Keys
    """Key of each context."""

    context: Ints
    """Number of the context, one a pair of context and next label; sorted."""

    label: Ints
    raw: Ints
    """Times the pair was seen (count)."""

    varied: Ints
    """Different steps seen before the pair (count); equal to `raw` where nothing can stand before it."""

    sessions: Ints
    users: Ints
    solved: Ints
    known: Ints
    context_solved: Ints
    context_known: Ints


def count_contexts(sessions: Sessions) -> Contexts:
    """Return what followed each context; what fewer than `MIN_USERS` users did is left out.

    `sessions` are those that `share_labels` returned.
    """
    levels = list(_levels(sessions))
    foreign = len(sessions.labels)
    parts = [_smooth(level, level.varied, foreign) for level in levels[:-1]]
    parts.append(_smooth(levels[-1], levels[-1].raw, foreign))
    return _join(parts)


def share_labels(sessions: Sessions) -> Sessions:
    """Keep the labels that enough users made; all others become one number more than there are labels."""
    owner = np.repeat(sessions.users, np.diff(sessions.offsets))
    label, _ = _distinct(sessions.steps.astype(np.int64), owner, len(sessions.user_keys))
    users = np.bincount(label, minlength=len(sessions.labels))
    kept = np.flatnonzero(users >= MIN_USERS)
    number = np.full(len(sessions.labels), len(kept), np.int32)
    number[kept] = np.arange(len(kept))
    return replace(sessions, labels=[sessions.labels[n] for n in kept], steps=number[sessions.steps])


def _levels(sessions: Sessions) -> Iterator[Level]:
    """Count the pairs of context and next step for each length of context, 0 to `ORDER`."""
    lengths = np.diff(sessions.offsets)
    session = np.repeat(np.arange(len(sessions)), lengths)
    begin = np.repeat(sessions.offsets[:-1], lengths)
    place = np.arange(len(sessions.steps))
    depth = place - begin  # steps before this one in its session
    keys, context = np.array([EMPTY_KEY], np.uint64), np.zeros(len(place), np.int64)
    numbers = len(sessions.labels) + 2  # of all labels, of the foreign one, and of `START`
    at = place
    for length in range(ORDER + 1):
        before = np.where(depth[at] > length, sessions.steps[np.maximum(at - length - 1, 0)] + 1, START)
        yield _level(keys, context, at, before, depth[at] < length, sessions, session)
        longer = depth[at] >= length
        pairs, context = number(context[longer] * numbers + before[longer])
        keys = _extend(keys[pairs // numbers], pairs % numbers)
        at = at[longer]


def _extend(keys: Keys, numbers: Ints) -> Keys:
    """Do what `memory.contexts.extend_key` does, for all at once."""
    with np.errstate(over="ignore"):
        mixed = (keys ^ (numbers + 1).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(29))


def _level(
    keys: Keys,
    context: Ints,
    at: Ints,
    before: Ints,
    whole: NDArray[np.bool_],
    sessions: Sessions,
    session: Ints,
) -> Level:
    """Count one length; `whole` marks contexts that begin with the session: nothing stands before."""
    width = len(sessions.labels) + 1
    pairs, pair = number(context * width + sessions.steps[at])
    raw = np.bincount(pair, minlength=len(pairs))
    left = distinct(pair * (width + 1) + before) // (width + 1)
    varied = np.bincount(left, minlength=len(pairs))
    is_whole = np.zeros(len(pairs), bool)
    is_whole[pair] = whole
    own = session[at]
    once = _distinct(pair, own, len(sessions))
    outcome = sessions.outcomes[once[1]]
    context_once = _distinct(context, own, len(sessions))
    context_outcome = sessions.outcomes[context_once[1]]
    people = _distinct(pair, sessions.users[own], len(sessions.user_keys))
    return Level(
        keys=keys,
        context=pairs // width,
        label=pairs % width,
        raw=raw,
        varied=np.where(is_whole, raw, varied),
        sessions=np.bincount(once[0], minlength=len(pairs)),
        users=np.bincount(people[0], minlength=len(pairs)),
        solved=np.bincount(once[0][outcome == SOLVED], minlength=len(pairs)),
        known=np.bincount(once[0][outcome != UNKNOWN], minlength=len(pairs)),
        context_solved=np.bincount(context_once[0][context_outcome == SOLVED], minlength=len(keys)),
        context_known=np.bincount(context_once[0][context_outcome != UNKNOWN], minlength=len(keys)),
    )


def _distinct(left: Ints, right: Ints, width: int) -> tuple[Ints, Ints]:
    """Return the different pairs of two columns."""
    both = distinct(left * max(width, 1) + right)
    return both // max(width, 1), both % max(width, 1)


# --- smoothing -------------------------------------------------------------------------------------


def _smooth(level: Level, counts: Ints, foreign: int) -> Contexts:
    """Discount the counts; pairs that too few users made give their share to shorter contexts."""
    totals = np.bincount(level.context, counts, minlength=len(level.keys))
    share = (counts - _discounts(counts)[np.minimum(counts, 3)]) / totals[level.context]
    kept = (level.users >= MIN_USERS) & (level.label < foreign)
    held = np.bincount(level.context[kept], share[kept], minlength=len(level.keys))
    rows = np.bincount(level.context[kept], minlength=len(level.keys))
    return Contexts(
        keys=level.keys,
        starts=np.concatenate([[0], np.cumsum(rows)]),
        left=np.maximum(1 - held, 0).astype(np.float32),
        solved=level.context_solved.astype(np.int32),
        known=level.context_known.astype(np.int32),
        labels=level.label[kept].astype(np.int32),
        shares=share[kept].astype(np.float32),
        counts=level.sessions[kept].astype(np.int32),
        label_solved=level.solved[kept].astype(np.int32),
        label_known=level.known[kept].astype(np.int32),
    )


def _discounts(counts: Ints) -> NDArray[np.float64]:
    """Return what to take off counts of 0, 1, 2 and 3 or more, from how many of each there are."""
    n1, n2, n3, n4 = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    if not n1 or not n2:
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n1 / (n1 + 2 * n2)
    three = 3 - 4 * y * n4 / n3 if n3 else 1.0
    found = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, three])
    clipped: NDArray[np.float64] = np.clip(found, 0, [0, 0.95, 1.9, 2.85])
    return clipped


def _join(parts: list[Contexts]) -> Contexts:
    """Put the levels into one table, sorted by key; contexts that show nothing to others are left out."""
    keys = np.concatenate([part.keys for part in parts])
    rows = np.concatenate([np.diff(part.starts) for part in parts])
    first = np.cumsum(rows) - rows
    shown = np.flatnonzero((rows > 0) | (keys == EMPTY_KEY))
    order = shown[np.argsort(keys[shown], kind="stable")]
    ends = np.cumsum(rows[order])
    places = np.arange(rows[order].sum()) + np.repeat(first[order] - ends + rows[order], rows[order])

    def context(name: str) -> Column:
        found: Column = np.concatenate([getattr(part, name) for part in parts])[order]
        return found

    def row(name: str) -> Column:
        found: Column = np.concatenate([getattr(part, name) for part in parts])[places]
        return found

    return Contexts(
        keys=keys[order],
        starts=np.concatenate([[0], ends]),
        left=context("left"),
        solved=context("solved"),
        known=context("known"),
        labels=row("labels"),
        shares=row("shares"),
        counts=row("counts"),
        label_solved=row("label_solved"),
        label_known=row("label_known"),
    )
