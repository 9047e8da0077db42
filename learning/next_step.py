"""The next-step model of a release: what follows what, each user's habits, and how sure to be of it.

What is chosen is chosen on sessions held out; then all sessions are counted.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.calibration import calibrated, fit_curves, measure
from learning.kneser_ney import count_contexts, share_labels
from learning.sessions import Sessions, choose
from memory.arrays import ArrayPatternIndex, Contexts, Curve, Habits, Tuning, habit_key

HELD_OUT_SHARE = 0.15
"""Share of sessions (0 to 1) that tuning and metrics are measured on."""

FEW_SESSIONS = 40
"""With fewer sessions nothing is held out and the cautious tuning is taken."""

MEASURED_PREFIXES = 4_000
"""Prefixes looked at while tuning (count, up to twice as many); more would not change the choice."""

HABITS = (0.0, 100.0, 30.0, 10.0, 3.0)
"""Weights of the population against a user's own steps that are tried, from none of the user's on."""

HABIT_GAIN = 0.01
"""Share of the loss that a stronger habit must save: sessions held out lie between the ones that are
counted, so habits look better on them than on tomorrow's (seen on the incident log)."""

CAUTIOUS = Tuning(habit=0.0, curves=[Curve(slope=0.8, shift=0.0)])
"""For logs too small to measure: a little less sure than the counts are (as on all logs measured)."""


class Model(NamedTuple):
    """What a release serves."""

    labels: list[str]
    contexts: Contexts
    habits: Habits
    tuning: Tuning
    metrics: dict[str, float]
    """Measured on held-out sessions; empty when there were too few."""


class Prefixes(NamedTuple):
    """What the model says of held-out steps, before calibration."""

    chances: NDArray[np.float64]
    """Probability of each label, one row a prefix."""

    target: NDArray[np.int64]
    """Number of the label that came; -1 when the model does not know it."""

    session: NDArray[np.int64]
    """Number of the session that the prefix is of."""


def fit(sessions: Sessions, domain: str) -> Model:
    """Choose the tuning on held-out sessions, then fit on all of them."""
    tuning = CAUTIOUS
    metrics: dict[str, float] = {}
    if len(sessions) >= FEW_SESSIONS:
        held, rest = _split(sessions)
        tuning, metrics = _tune(_count(rest), held, domain)
    return _count(sessions)._replace(tuning=tuning, metrics=metrics)


def _count(sessions: Sessions) -> Model:
    """Return the model of the sessions, cautiously tuned; what few users did is left out."""
    shared = share_labels(sessions)
    return Model(shared.labels, count_contexts(shared), _habits(shared), CAUTIOUS, {})


def _split(sessions: Sessions) -> tuple[Sessions, Sessions]:
    """Draw held-out sessions by a digest of their ids, so that the same log is always cut the same way."""
    digests = [hashlib.sha256(session_id.encode()).digest() for session_id in sessions.ids]
    drawn = np.array([int.from_bytes(one[:4], "big") / 2**32 < HELD_OUT_SHARE for one in digests])
    return choose(sessions, np.flatnonzero(drawn)), choose(sessions, np.flatnonzero(~drawn))


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


# --- tuning ----------------------------------------------------------------------------------------


def _tune(model: Model, held: Sessions, domain: str) -> tuple[Tuning, dict[str, float]]:
    """Choose habit weight and calibration on held-out sessions, and measure with that choice.

    The calibration error is that of each half of the sessions under the curves of the other half.
    """
    trials = []
    for habit in HABITS:
        tuning = Tuning(habit=habit, curves=CAUTIOUS.curves)
        index = ArrayPatternIndex(Path(), domain, model.labels, model.contexts, model.habits, tuning)
        seen = _prefixes(index, held)
        if not seen.chances.size:  # too few users to name any step, or nothing held out has a next one
            return CAUTIOUS, {}
        trials.append((habit, _loss(seen), seen))
    enough = min(loss for _, loss, _ in trials) * (1 + HABIT_GAIN)
    habit, _, seen = next(trial for trial in trials if trial[1] <= enough)
    half = seen.session % 2 == 0
    confidence = np.zeros(len(seen.target))
    for part in (half, ~half):
        confidence[part] = calibrated(seen.chances[part], fit_curves(seen.chances[~part], seen.target[~part]))
    curves = fit_curves(seen.chances, seen.target)
    return Tuning(habit=habit, curves=curves), measure(seen.chances, seen.target, confidence)


def _prefixes(index: ArrayPatternIndex, held: Sessions) -> Prefixes:
    """Ask for the step after each prefix, evenly drawn when there are too many."""
    places = [
        (n, place)
        for n in range(len(held))
        for place in range(int(held.offsets[n]) + 1, int(held.offsets[n + 1]))
    ]
    asked = places[:: max(1, len(places) // MEASURED_PREFIXES)]
    rows: list[Sequence[float]] = []
    for n, place in asked:
        flow = [held.labels[step] for step in held.steps[int(held.offsets[n]) : place]]
        rows.append(list(index.chances(flow, user=held.user_keys[held.users[n]]).values()))
    width = len(rows[0]) if rows else 1
    return Prefixes(
        chances=np.array(rows, float).reshape(len(rows), width),
        target=np.array([index.number(held.labels[held.steps[place]]) for _, place in asked], np.int64),
        session=np.array([n for n, _ in asked], np.int64),
    )


def _loss(seen: Prefixes) -> float:
    """Return the mean negative log likelihood of the steps that the model can name."""
    known = np.flatnonzero(seen.target >= 0)
    if not len(known):
        return 0.0
    return float(-np.log(np.maximum(seen.chances[known, seen.target[known]], 1e-9)).mean())
