"""What chance alone would give: tail bounds, false discoveries, rates of few cases."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]

FALSE_DISCOVERIES = 0.05
"""Share (0 to 1) of patterns shown that chance may have made, at most, on average."""

PRIOR_SESSIONS = 4.0
"""Sessions that the usual success rate counts for in that of one pattern (strength of the Beta prior)."""

Z95 = 1.959964
"""Standard deviations either side that hold 95 % of a normal distribution."""


class Rate(NamedTuple):
    """A share (0 to 1) and the 95 % interval around it."""

    mean: float
    low: float
    high: float


def tail_bound(seen: Ints, tries: Ints, chance: Floats) -> Floats:
    """Return bounds on the chance of at least `seen` of `tries`, each with `chance`, one a row.

    The bound is that of Chernoff (1952), never below the exact tail: what it calls rare, is. 1 where no
    more is seen than chance gives. `seen` is at most `tries`.
    """
    share = seen / np.maximum(tries, 1)
    chance = np.clip(chance, 1e-300, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(share > 0, share * np.log(share / chance), 0.0)
        miss = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - chance)), 0.0)
    bound: Floats = np.where(share > chance, np.exp(-tries * (hit + miss)), 1.0)
    return bound


def discoveries(tails: Floats) -> Marks:
    """Mark what stands after so many tests, however they depend on each other.

    Benjamini and Yekutieli, "The control of the false discovery rate in multiple testing under
    dependency" (2001), at `FALSE_DISCOVERIES`.
    """
    order = np.argsort(tails, kind="stable")
    rank = np.arange(1, len(tails) + 1)
    strictness = len(tails) * np.sum(1 / rank)
    passed = np.flatnonzero(tails[order] * strictness <= rank * FALSE_DISCOVERIES)
    marks = np.zeros(len(tails), bool)
    if len(passed):
        marks[order[: passed[-1] + 1]] = True
    return marks


def share(hits: float, cases: float, z: float = Z95) -> Rate:
    """Return a share and Wilson's (1927) interval; `z` standard deviations either side of a normal one."""
    if cases <= 0:
        return Rate(0.0, 0.0, 1.0)
    mean = hits / cases
    spread = z * np.sqrt(mean * (1 - mean) / cases + z**2 / (4 * cases**2))
    centre, width = mean + z**2 / (2 * cases), 1 + z**2 / cases
    low, high = (centre - spread) / width, (centre + spread) / width
    return Rate(mean, max(float(low), 0.0), min(float(high), 1.0))


def success(solved: int, known: int, usual: float) -> Rate:
    """Return the success rate of few sessions, drawn towards the `usual` one by a Beta prior.

    The interval is that of `share`, over the sessions and the prior's together.
    """
    return share(solved + usual * PRIOR_SESSIONS, known + PRIOR_SESSIONS)
