"""Effects of a drawn treatment that may be looked at any time: estimates, intervals and e-values.

Each session's arm is drawn by itself with a known chance. That draw is all the randomness used here, so it
does not matter that sessions of one user resemble each other, that users come back, or that the world
changes. Ham, Bojinov, Lindon and Tingley, "Design-Based Confidence Sequences" (2022).

Whoever looks after every session and stops when it suits is wrong no more often than promised: the bound is
the empirical Bernstein one of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric,
nonasymptotic confidence sequences" (Annals of Statistics 2021, theorem 4), mixed over several stakes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MISTAKES = 0.05
"""Share (0 to 1) of intervals that miss the truth at least once while somebody looks on, at most."""

STAKES = 0.8 / 2.0 ** np.arange(8)
"""Parts of the largest possible stake: large ones find large effects soon, small ones small effects late."""

LEAST_GUESS, MOST_GUESS = 0.2, 0.8
"""Bounds of the outcome that is expected of a session, which keep a single surprise small."""

GUESS_PRIOR = 4.0
"""Sessions of the user that count as much as those of everybody, when guessing the next outcome."""

HALVINGS = 40
"""Steps of the search for the end of an interval; exact to 2 / 2^40."""

SHIFTS = np.log([0.25, 0.5, 0.7, 1.4, 2.0, 4.0])
"""Log odds by which an arm may be too frequent."""


class Evidence(NamedTuple):
    """All that is kept of the effects of single sessions."""

    sessions: int = 0
    total: float = 0.0
    """Sum of the estimated effects."""

    squares: float = 0.0
    """Sum of their squares."""

    bound: float = 1.0
    """No estimate lies further from 0 than this."""


class Interval(NamedTuple):
    """An effect and where it lies, whenever one looks."""

    mean: float
    low: float
    high: float


def effects(outcomes: Floats, is_guided: Bools, holdout_share: Floats, users: NDArray[np.int64]) -> Floats:
    """Return an unbiased estimate of what guidance did to each session's outcome, in the order they began.

    `outcomes` lie in 0 to 1, `holdout_share` strictly between. What sticks out of the user's usual outcome
    is weighed by the chance of the arm (augmented inverse probability weighting): what is usual is known
    from earlier sessions only, so it cannot bend the estimate, and takes the differences between users out.
    """
    surprise = outcomes - _guesses(outcomes, users)
    found: Floats = np.where(is_guided, surprise / (1 - holdout_share), -surprise / holdout_share)
    return found


def _guesses(outcomes: Floats, users: NDArray[np.int64]) -> Floats:
    """Return what to expect of each session from those before it: the mean of the user and of everybody."""
    number = np.arange(len(outcomes))
    overall = (np.cumsum(outcomes) - outcomes + 0.5 * GUESS_PRIOR) / (number + GUESS_PRIOR)
    order = np.argsort(users, kind="stable")
    first = np.searchsorted(users[order], users[order])
    before = np.cumsum(outcomes[order]) - outcomes[order]
    own, count = np.empty(len(order)), np.empty(len(order))
    own[order], count[order] = before - before[first], number - first
    return np.clip((own + overall * GUESS_PRIOR) / (count + GUESS_PRIOR), LEAST_GUESS, MOST_GUESS)


def largest_effect(holdout_share: Floats) -> float:
    """Return how far from 0 an estimate can lie, given the chances of the arms."""
    rarest = float(np.minimum(holdout_share, 1 - holdout_share).min(initial=0.5))
    return MOST_GUESS / rarest


def evidence(found: Floats, bound: float) -> Evidence:
    """Sum up estimates of which none is larger than `bound`."""
    return Evidence(len(found), float(found.sum()), float(np.square(found).sum()), bound)


def log_e_below(seen: Evidence, effect: float = 0.0) -> float:
    """Return the log of the e-value against "the mean effect is at least `effect`": large when it is below.

    While that holds, the e-value ever reaches 1 / a with a chance of at most a.
    """
    return _log_e(seen, effect * seen.sessions - seen.total)


def log_e_above(seen: Evidence, effect: float = 0.0) -> float:
    """Return the log of the e-value against "the mean effect is at most `effect`"."""
    return _log_e(seen, seen.total - effect * seen.sessions)


def _log_e(seen: Evidence, excess: float) -> float:
    """Mix the wealth of all stakes; `excess` is the sum of effects beyond what is claimed."""
    price = (-np.log1p(-STAKES) - STAKES) / seen.bound**2
    logs = STAKES / seen.bound * excess - price * seen.squares
    most = float(logs.max())
    return most + float(np.log(np.exp(logs - most).mean()))


def interval(seen: Evidence, mistakes: float = MISTAKES) -> Interval:
    """Return the mean effect (-1 to 1) and the interval that holds it at all times but for `mistakes`."""
    if not seen.sessions:
        return Interval(0.0, -1.0, 1.0)
    enough = float(np.log(2 / mistakes))
    mean = min(max(seen.total / seen.sessions, -1.0), 1.0)
    low = _end(lambda effect: log_e_above(seen, effect) < enough, mean, -1.0)
    high = _end(lambda effect: log_e_below(seen, effect) < enough, mean, 1.0)
    return Interval(mean, low, high)


def _end(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return where, on the way from `inside` to `outside`, a claim no longer holds."""
    if holds(outside):
        return outside
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside


def log_e_drawn(is_guided: Bools, holdout_share: Floats) -> float:
    """Return the log of the e-value against "the arms were drawn as planned": large when one is too frequent.

    A mixture of the likelihoods of shares that are up to four times as likely or unlikely (log odds), after
    Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022).
    """
    odds = np.log(holdout_share / (1 - holdout_share))
    logs = [
        float(np.where(is_guided, -_softplus(odds + shift), odds + shift - _softplus(odds + shift)).sum())
        for shift in SHIFTS
    ]
    planned = float(np.where(is_guided, np.log1p(-holdout_share), np.log(holdout_share)).sum())
    most = max(logs)
    return most + float(np.log(np.exp(np.array(logs) - most).mean())) - planned


def _softplus(values: Floats) -> Floats:
    return np.logaddexp(0.0, values)
