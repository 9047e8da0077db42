"""Patterns that people can read: whole flows, neighbouring steps, steps with others in between."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.interest import (
    Judged,
    judge_gapped,
    judge_runs,
    repeats,
    take,
    told_by_longer,
    told_by_neighbours,
)
from learning.mining import Mined, contiguous, gapped
from learning.occurrences import count_members, count_weeks, make_sought, weeks_ago
from learning.sessions import SOLVED, UNKNOWN, Sessions, moment
from learning.significance import success
from learning.trust import MIN_USERS, sudden
from learning.whole import whole_flows
from memory.ids import make_pattern_id
from memory.records import Pattern, parse_step

LONGEST = 5
"""Steps of the longest contiguous sequence."""

LONGEST_GAPPED = 3
"""Steps of the longest gapped sequence; longer ones say what three of their steps say."""

ONE_RUN_IN = 5_000
"""Sessions of the log of which one must show a contiguous sequence; in a small log `MIN_USERS` must."""

ONE_GAPPED_IN = 50
"""Sessions of the log of which one must show a gapped sequence: rarer ones are many and say little."""

TOP_FLOWS = 50
"""Whole flows that are kept, the most frequent ones."""

TOP_SEQUENCES = 2_000
"""Sequences of each kind that are kept for reading, the most frequent ones."""

CANDIDATES = 20_000
"""Sequences of each kind that are looked at week by week, the most frequent ones."""

HALF_LIFE_DAYS = 90
"""Age (days, before the newest sessions) at which a session counts half."""

STALE_BELOW = 1.0
"""Decayed sessions (count) below which a pattern is out: five sessions last seven months, 1,000 two years
and a half."""

Kind = Literal["flow", "sequence", "gapped"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Found(NamedTuple):
    """The patterns of a log, and what is not among them (counts)."""

    patterns: list[Pattern]
    """Most frequent lately first, equal ones by id."""

    mined: int
    """Sequences of two steps or more that enough users and sessions show."""

    chance: int
    """Not shown: no more frequent than chance would make them, or one step again and again."""

    sudden: int
    """Withheld: came all at once from few users."""

    stale: int
    """Out: hardly seen lately."""

    told: int
    """Not shown: a longer pattern, or the same without gaps, says it already."""


class _Candidates(NamedTuple):
    """Sequences of one kind that chance does not explain."""

    kind: Kind
    mined: Mined
    lift: Floats
    """Not a number for whole flows."""

    weeks: Ints
    """Sessions by weeks before the newest (count), one row a sequence."""

    chance: int
    """Sequences that were left out (count)."""


class _Sifted(NamedTuple):
    """What is left of them, and why the rest is not."""

    kind: Kind
    mined: Mined
    lift: Floats
    decayed: Floats
    sudden: int
    stale: int
    told: int


def find_patterns(sessions: Sessions, domain: str, *, advanced: bool) -> list[Pattern]:
    """Return the shared patterns, most frequent lately first; `advanced` adds gapped ones.

    `sessions` are those that `learning.trust.trusted` returned.
    """
    return survey_patterns(sessions, domain, advanced=advanced).patterns


def survey_patterns(sessions: Sessions, domain: str, *, advanced: bool, top_flows: int = TOP_FLOWS) -> Found:
    """Return the shared patterns, and how many sequences are not worth a reader's time and why."""
    runs = _mine(contiguous, sessions, LONGEST, ONE_RUN_IN)
    candidates = [_runs(runs, sessions), _flows(sessions)]
    if advanced:
        candidates.append(_gapped(sessions))
    sifted = [_sift(one, runs, sessions) for one in candidates]
    usual = _usual_success(sessions)
    patterns = [
        _pattern(row, part, sessions, domain, usual)
        for part in sifted
        for row in _highest(part.decayed, top_flows if part.kind == "flow" else TOP_SEQUENCES)
    ]
    return Found(
        patterns=sorted(patterns, key=rank),
        mined=sum(one.chance + len(one.lift) for one in candidates),
        chance=sum(one.chance for one in candidates),
        sudden=sum(one.sudden for one in sifted),
        stale=sum(one.stale for one in sifted),
        told=sum(one.told for one in sifted),
    )


def rank(pattern: Pattern) -> tuple[float, str]:
    """Order patterns: most frequent lately first, equal ones by id."""
    return -(pattern.decayed_frequency or 0.0), pattern.pattern_id


def _highest(figures: Floats | Ints, count: int) -> list[int]:
    """Return the rows with the highest figures, at most `count`, highest first."""
    rows: list[int] = np.argsort(-figures, kind="stable")[:count].tolist()
    return rows


# --- candidates ------------------------------------------------------------------------------------


def _mine(miner: Callable[..., Mined], sessions: Sessions, longest: int, one_in: int) -> Mined:
    least = max(MIN_USERS, len(sessions) // one_in)
    return miner(sessions, longest=longest, min_sessions=least, min_users=MIN_USERS)


def _runs(mined: Mined, sessions: Sessions) -> _Candidates:
    return _standing("sequence", mined, judge_runs(mined, sessions), sessions)


def _gapped(sessions: Sessions) -> _Candidates:
    mined = _mine(gapped, sessions, LONGEST_GAPPED, ONE_GAPPED_IN)
    return _standing("gapped", mined, judge_gapped(mined, sessions), sessions)


def _standing(kind: Kind, mined: Mined, judged: Judged, sessions: Sessions) -> _Candidates:
    """Keep the most frequent of those that chance does not explain, and count them week by week."""
    rows = np.flatnonzero(judged.stands)
    rows = np.sort(rows[_highest(mined.sessions[rows], CANDIDATES)])
    kept = take(mined, rows)
    sought = make_sought(kept.steps, kept.offsets, len(sessions.labels))
    weeks = count_weeks(sessions, sought, gapped=kind == "gapped")
    return _Candidates(kind, kept, judged.lift[rows], weeks, chance=len(mined.sessions) - len(rows))


def _flows(sessions: Sessions) -> _Candidates:
    """Whole flows are facts: no test, but one step again and again is none worth telling."""
    mined, flow = whole_flows(sessions, min_users=MIN_USERS)
    rows = np.flatnonzero(~repeats(mined))
    weeks = count_members(sessions, flow, len(mined.sessions))[rows]
    return _Candidates(
        "flow", take(mined, rows), np.full(len(rows), np.nan), weeks, len(mined.sessions) - len(rows)
    )


# --- sifting ---------------------------------------------------------------------------------------


def _sift(found: _Candidates, runs: Mined, sessions: Sessions) -> _Sifted:
    """Leave out what came suddenly, what is stale, and what another one says."""
    decayed = np.round(found.weeks @ 0.5 ** (np.arange(found.weeks.shape[1]) * 7 / HALF_LIFE_DAYS), 3)
    rushed = sudden(found.weeks, np.bincount(weeks_ago(sessions)), found.mined.users)
    stale = ~rushed & (decayed < STALE_BELOW)
    fresh = np.flatnonzero(~rushed & ~stale)
    told = _told(found.kind, take(found.mined, fresh), runs, len(sessions.labels))
    kept = fresh[~told]
    return _Sifted(
        kind=found.kind,
        mined=take(found.mined, kept),
        lift=found.lift[kept],
        decayed=decayed[kept],
        sudden=int(rushed.sum()),
        stale=int(stale.sum()),
        told=int(told.sum()),
    )


def _told(kind: Kind, mined: Mined, runs: Mined, width: int) -> Marks:
    """Mark what a longer sequence says already, or the same without gaps."""
    if kind == "flow":
        return np.zeros(len(mined.sessions), bool)
    if kind == "sequence":
        return told_by_longer(mined, width, gapped=False)
    return told_by_longer(mined, width, gapped=True) | told_by_neighbours(mined, runs, width)


def _usual_success(sessions: Sessions) -> float:
    """Return the success rate of the whole log, of a small one drawn towards a half."""
    known = sessions.outcomes[sessions.outcomes != UNKNOWN]
    return success(int((known == SOLVED).sum()), len(known), 0.5).mean


def _pattern(row: int, found: _Sifted, sessions: Sessions, domain: str, usual: float) -> Pattern:
    mined = found.mined
    labels = [sessions.labels[step] for step in mined.steps[mined.offsets[row] : mined.offsets[row + 1]]]
    known, lift = int(mined.known[row]), float(found.lift[row])
    rate = success(int(mined.solved[row]), known, usual) if known else None
    return Pattern(
        pattern_id=make_pattern_id(domain, found.kind, labels),
        pattern_type=found.kind,
        sequence=[parse_step(label) for label in labels],
        frequency=int(mined.sessions[row]),
        users=int(mined.users[row]),
        success_rate=round(rate.mean, 4) if rate else None,
        success_low=round(rate.low, 4) if rate else None,
        success_high=round(rate.high, 4) if rate else None,
        avg_completion_time=round(float(mined.seconds[row]), 3),
        first_seen=moment(float(mined.first_seen[row])),
        last_updated=moment(float(mined.last_seen[row])),
        decayed_frequency=float(found.decayed[row]),
        lift=None if np.isnan(lift) else round(lift, 2),
    )
