"""The next-step model: interpolated modified Kneser-Ney over flows, the users' habits, calibrated.

Source: Chen and Goodman, "An empirical study of smoothing techniques for language modeling" (1999).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.patterns import MIN_USERS
from learning.sessions import SOLVED, UNKNOWN, Sessions, choose
from memory.arrays import (
    EMPTY_KEY,
    ORDER,
    START,
    ArrayPatternIndex,
    Contexts,
    Habits,
    Tuning,
    habit_key,
)

HELD_OUT_SHARE = 0.15
"""Share of sessions (0 to 1) that tuning and metrics are measured on."""

FEW_SESSIONS = 40
"""With fewer sessions nothing is held out and the cautious tuning is taken."""

MEASURED_PREFIXES = 4_000
"""Prefixes looked at while tuning; more would not change the choice."""

POWERS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
HABITS = (0.0, 3.0, 10.0, 30.0)
CAUTIOUS = Tuning(power=0.9, habit=0.0)
ECE_BINS = 15

Column = NDArray[Any]
Ints = NDArray[np.integer[Any]]
Keys = NDArray[np.uint64]


class Model(NamedTuple):
    """What a release serves."""

    labels: list[str]
    contexts: Contexts
    habits: Habits
    tuning: Tuning
    metrics: dict[str, float]
    """Measured on held-out sessions; empty when there were too few."""


def fit(sessions: Sessions, domain: str) -> Model:
    """Choose the tuning on held-out sessions, then fit on all of them."""
    tuning = CAUTIOUS
    metrics: dict[str, float] = {}
    if len(sessions) >= FEW_SESSIONS:
        held, rest = _split(sessions)
        tuning, metrics = _tune(_index(rest, domain, CAUTIOUS), held)
    labels, contexts, habits = _count(sessions)
    return Model(labels, contexts, habits, tuning, metrics)


def _index(sessions: Sessions, domain: str, tuning: Tuning) -> ArrayPatternIndex:
    labels, contexts, habits = _count(sessions)
    return ArrayPatternIndex(Path(), domain, labels, contexts, habits, tuning)


def _split(sessions: Sessions) -> tuple[Sessions, Sessions]:
    """Draw held-out sessions by a digest of their ids, so that the same log is always cut the same way."""
    digests = [hashlib.sha256(session_id.encode()).digest() for session_id in sessions.ids]
    drawn = np.array([int.from_bytes(one[:4], "big") / 2**32 < HELD_OUT_SHARE for one in digests])
    return choose(sessions, np.flatnonzero(drawn)), choose(sessions, np.flatnonzero(~drawn))


# --- counting --------------------------------------------------------------------------------------


class Level(NamedTuple):
    """What followed the contexts of one length."""

    keys: Keys
    """Key of each context, sorted."""

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


def _count(sessions: Sessions) -> tuple[list[str], Contexts, Habits]:
    """Return labels, contexts and habits; what fewer than `MIN_USERS` users did is left out."""
    known = _shared_labels(sessions)
    levels = list(_levels(known))
    foreign = len(known.labels)
    parts = [_smooth(level, level.varied, foreign) for level in levels[:-1]]
    parts.append(_smooth(levels[-1], levels[-1].raw, foreign))
    return known.labels, _join(parts), _habits(known)


def _shared_labels(sessions: Sessions) -> Sessions:
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
    keys = np.full(len(place), EMPTY_KEY, np.uint64)
    at = place
    for length in range(ORDER + 1):
        before = np.where(depth[at] > length, sessions.steps[np.maximum(at - length - 1, 0)] + 1, START)
        yield _level(keys, at, before, depth[at] < length, sessions, session)
        longer = depth[at] >= length
        keys = _extend(keys[longer], before[longer])
        at = at[longer]


def _extend(keys: Keys, numbers: Ints) -> Keys:
    """Do what `memory.arrays.extend_key` does, for all at once."""
    with np.errstate(over="ignore"):
        mixed = (keys ^ (numbers + 1).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(29))


def _level(
    keys: Keys, at: Ints, before: Ints, whole: NDArray[np.bool_], sessions: Sessions, session: Ints
) -> Level:
    """Count one length; `whole` marks contexts that begin with the session: nothing stands before."""
    width = len(sessions.labels) + 1
    found, context = np.unique(keys, return_inverse=True)
    pairs, pair = np.unique(context * width + sessions.steps[at], return_inverse=True)
    raw = np.bincount(pair, minlength=len(pairs))
    left = np.unique(pair * (width + 1) + before) // (width + 1)
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
        keys=found,
        context=pairs // width,
        label=pairs % width,
        raw=raw,
        varied=np.where(is_whole, raw, varied),
        sessions=np.bincount(once[0], minlength=len(pairs)),
        users=np.bincount(people[0], minlength=len(pairs)),
        solved=np.bincount(once[0][outcome == SOLVED], minlength=len(pairs)),
        known=np.bincount(once[0][outcome != UNKNOWN], minlength=len(pairs)),
        context_solved=np.bincount(context_once[0][context_outcome == SOLVED], minlength=len(found)),
        context_known=np.bincount(context_once[0][context_outcome != UNKNOWN], minlength=len(found)),
    )


def _distinct(left: Ints, right: Ints, width: int) -> tuple[Ints, Ints]:
    """Return the different pairs of two columns."""
    both = np.unique(left * max(width, 1) + right)
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
    first = np.cumsum(np.concatenate([[0], rows]))[:-1]
    shown = np.flatnonzero((rows > 0) | (keys == EMPTY_KEY))
    order = shown[np.argsort(keys[shown], kind="stable")]
    places = np.concatenate([np.arange(first[n], first[n] + rows[n]) for n in order]) if len(order) else order

    def context(name: str) -> Column:
        found: Column = np.concatenate([getattr(part, name) for part in parts])[order]
        return found

    def row(name: str) -> Column:
        found: Column = np.concatenate([getattr(part, name) for part in parts])[places]
        return found

    return Contexts(
        keys=keys[order],
        starts=np.concatenate([[0], np.cumsum(rows[order])]),
        left=context("left"),
        solved=context("solved"),
        known=context("known"),
        labels=row("labels"),
        shares=row("shares"),
        counts=row("counts"),
        label_solved=row("label_solved"),
        label_known=row("label_known"),
    )


def _habits(sessions: Sessions) -> Habits:
    """Count what each user did after each step; a user's own habits are shown to that user only."""
    owner = np.repeat(sessions.users, np.diff(sessions.offsets)).astype(np.int64)
    steps = sessions.steps.astype(np.int64)
    before = np.concatenate([[-1], steps[:-1]])[: len(steps)]
    before[sessions.offsets[:-1][np.diff(sessions.offsets) > 0]] = -1
    foreign, width = len(sessions.labels), len(sessions.labels) + 2
    triples, times = np.unique((owner * width + before + 1) * width + steps, return_counts=True)
    rows = []
    for triple, seen in zip(triples.tolist(), times.tolist(), strict=True):
        head, label = divmod(triple, width)
        user, last = divmod(head, width)
        if label < foreign and last - 1 < foreign:
            rows.append((habit_key(sessions.user_keys[user], last - 1), label, seen))
    rows.sort()
    keys = np.array([key for key, _, _ in rows], np.uint64)
    found, starts = np.unique(keys, return_index=True)
    return Habits(
        keys=found,
        starts=np.concatenate([starts, [len(keys)]]),
        labels=np.array([label for _, label, _ in rows], np.int32),
        counts=np.array([seen for _, _, seen in rows], np.int32),
    )


# --- measuring -------------------------------------------------------------------------------------


class Prefixes(NamedTuple):
    """What the model says of held-out steps, before calibration."""

    chances: NDArray[np.float64]
    """Probability of each label, one row a prefix."""

    target: Ints
    """Number of the label that came; -1 when the model does not know it."""


def _tune(index: ArrayPatternIndex, held: Sessions) -> tuple[Tuning, dict[str, float]]:
    """Choose habit weight and power by the likelihood of held-out steps; measure with that choice."""
    best: tuple[float, Tuning, NDArray[np.float64], Ints] | None = None
    for habit in HABITS:
        seen = _prefixes(index.tuned(Tuning(power=1.0, habit=habit)), held)
        if not seen.chances.size:  # too few users to name any step, or nothing held out has a next one
            return CAUTIOUS, {}
        for power in POWERS:
            calibrated = seen.chances**power
            calibrated /= calibrated.sum(axis=1, keepdims=True)
            loss = _loss(calibrated, seen.target)
            if best is None or loss < best[0]:
                best = (loss, Tuning(power=power, habit=habit), calibrated, seen.target)
    assert best is not None, "the grid is not empty"
    return best[1], _metrics(best[2], best[3])


def _prefixes(index: ArrayPatternIndex, held: Sessions) -> Prefixes:
    """Ask for the step after each prefix, evenly drawn when there are too many."""
    places = [
        (n, place)
        for n in range(len(held))
        for place in range(int(held.offsets[n]) + 1, int(held.offsets[n + 1]))
    ]
    stride = max(1, len(places) // MEASURED_PREFIXES)
    rows, targets = [], []
    for n, place in places[::stride]:
        flow = [held.labels[step] for step in held.steps[int(held.offsets[n]) : place]]
        rows.append(list(index.chances(flow, user=held.user_keys[held.users[n]]).values()))
        targets.append(index.number(held.labels[held.steps[place]]))
    width = len(rows[0]) if rows else 1
    return Prefixes(np.array(rows, float).reshape(len(rows), width), np.array(targets, np.int64))


def _loss(chances: NDArray[np.float64], target: Ints) -> float:
    """Return the mean negative log likelihood of the steps that the model can name."""
    known = np.flatnonzero(target >= 0)
    if not len(known):
        return 0.0
    return float(-np.log(np.maximum(chances[known, target[known]], 1e-9)).mean())


def _metrics(chances: NDArray[np.float64], target: Ints) -> dict[str, float]:
    """Return hit rates, mean reciprocal rank and calibration error of the first suggestion."""
    order = np.argsort(-chances, axis=1, kind="stable")
    hits = order == target[:, None]
    ranks = np.where(hits.any(axis=1), hits.argmax(axis=1), order.shape[1])
    top = chances[np.arange(len(target)), order[:, 0]]
    return {
        "prefixes": float(len(target)),
        "hit_rate_at_1": round(float((ranks < 1).mean()), 4),
        "hit_rate_at_3": round(float((ranks < 3).mean()), 4),
        "mrr_at_10": round(float(np.where(ranks < 10, 1 / (ranks + 1.0), 0).mean()), 4),
        "ece_at_1": round(_calibration_error(top, ranks == 0), 4),
    }


def _calibration_error(confidence: NDArray[np.float64], hit: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over bins of equal count (0 to 1)."""
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, min(ECE_BINS, len(order)))
    gaps = [abs(confidence[part].mean() - hit[part].mean()) * len(part) for part in bins]
    return float(sum(gaps) / len(order))
