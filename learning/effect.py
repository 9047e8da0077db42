"""Does guidance help? What happened with it, against what happened in the sessions that were held out.

The arm of a session is drawn once, so sessions are compared, never turns; `learning.anytime` tells why users
who come back do no harm to that. Held-out sessions record which patterns they would have been shown, so a
pattern is judged on sessions that are alike but for the showing.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from pydantic import AwareDatetime

from learning.anytime import (
    MISTAKES,
    Bools,
    Floats,
    effects,
    evidence,
    interval,
    largest_effect,
    log_e_below,
    log_e_drawn,
)
from learning.sessions import SOLVED, UNKNOWN
from learning.trials import Trial
from memory.records import Record

LONGEST = 20
"""Turns to a solution that are told apart: a session that takes longer, or fails, counts as so many."""

EXAMPLES = 5
"""Sessions that a finding names."""


class Comparison(Record):
    """An outcome of guided sessions against that of held-out ones."""

    guided: float | None = None
    """Mean among guided sessions; `None` when there are none."""

    holdout: float | None = None
    guided_sessions: int = 0
    holdout_sessions: int = 0
    lift: float | None = None
    """Guided minus held out, estimated; `None` while one arm is empty."""

    low: float | None = None
    """Lower end of the 95 % interval, which holds however often one looks."""

    high: float | None = None


class PatternEffect(Record):
    """What showing a pattern did."""

    pattern_id: str
    label: str
    """The step it suggests."""

    shown: int
    """Guided sessions in which it was shown (count)."""

    withheld: int
    """Held-out sessions in which it would have been shown (count)."""

    followed_rate: float | None = None
    """Share of the turns it was shown in whose next turn was its step; `None` without a next turn."""

    unprompted_rate: float | None = None
    """The same where it was withheld: how often its step comes by itself."""

    solved: Comparison
    log_harm: float
    """Log of the e-value against "showing it does no harm"."""

    is_comparable: bool
    """False when it comes up in one arm more often than the arms were drawn: what was shown before it has
    changed who comes so far, so the arms do not compare."""

    failed_sessions: list[str] = []
    """Guided sessions in which it was shown and that were not solved, the newest ones, at most five."""


class EffectReport(Record):
    """What guidance is worth in a domain."""

    domain: str
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    guided_sessions: int = 0
    holdout_sessions: int = 0
    hit_rate: float | None = None
    """Share of turns after suggestions that were one of them, in guided sessions."""

    unprompted_hit_rate: float | None = None
    """The same for what was withheld: how well the patterns foresee what nobody has been led to."""

    followed_rate: float | None = None
    """Share of all turns with suggestions that a suggested one followed; last turns count too."""

    solved: Comparison = Comparison()
    turns: Comparison = Comparison()
    """Turns to a solution; sessions that fail count as `LONGEST`."""

    known: Comparison = Comparison()
    """Share of sessions whose outcome is known. Where it differs, so may those left out."""

    arms_as_drawn: bool = True
    """False when one arm has more sessions than its draw explains: do not trust the comparison then."""

    patterns: list[PatternEffect] = []
    """Most harmful first."""


def measure(
    found: Sequence[Trial], domain: str, *, since: Mapping[str, datetime] | None = None
) -> EffectReport:
    """Return what guidance did, in all and by pattern.

    Of a pattern in `since`, only sessions that began then or later count.
    """
    if not found:
        return EffectReport(domain=domain)
    guided = [one for one in found if one.is_guided]
    withheld = [one for one in found if not one.is_guided]
    hits, asked, shown = _hits(guided)
    own_hits, own_asked, _ = _hits(withheld)
    known = [one for one in found if one.outcome != UNKNOWN]
    of_pattern: dict[str, list[Trial]] = defaultdict(list)
    for one in found:
        for pattern_id in one.pattern_ids:
            if since is None or pattern_id not in since or one.at >= since[pattern_id]:
                of_pattern[pattern_id].append(one)
    patterns = [_pattern(pattern_id, members) for pattern_id, members in of_pattern.items()]
    return EffectReport(
        domain=domain,
        since=found[0].at,
        until=found[-1].at,
        guided_sessions=len(guided),
        holdout_sessions=len(withheld),
        hit_rate=_share(hits, asked),
        unprompted_hit_rate=_share(own_hits, own_asked),
        followed_rate=_share(hits, shown),
        solved=compare(known, [float(one.outcome == SOLVED) for one in known]),
        turns=_scaled(compare(known, [_turns(one) / LONGEST for one in known]), LONGEST),
        known=compare(found, [float(one.outcome != UNKNOWN) for one in found]),
        arms_as_drawn=_is_drawn(found),
        patterns=sorted(patterns, key=lambda one: (-one.log_harm, one.pattern_id)),
    )


def compare(members: Sequence[Trial], outcomes: Sequence[float]) -> Comparison:
    """Compare the arms on an outcome (0 to 1) of each session, in the order they began."""
    values, is_guided, _ = _columns(members, outcomes)
    counts = {
        "guided_sessions": int(is_guided.sum()),
        "holdout_sessions": int((~is_guided).sum()),
        "guided": float(values[is_guided].mean()) if is_guided.any() else None,
        "holdout": float(values[~is_guided].mean()) if not is_guided.all() else None,
    }
    if is_guided.all() or not is_guided.any():
        return Comparison.model_validate(counts)
    where = interval(evidence(*estimates(members, outcomes)))
    return Comparison.model_validate({**counts, "lift": where.mean, "low": where.low, "high": where.high})


def estimates(members: Sequence[Trial], outcomes: Sequence[float]) -> tuple[Floats, float]:
    """Return the estimated effect on each session, and how far from 0 one can lie."""
    values, is_guided, share = _columns(members, outcomes)
    numbers: dict[str, int] = {}
    users = np.array([numbers.setdefault(one.user, len(numbers)) for one in members], np.int64)
    return effects(values, is_guided, share, users), largest_effect(share)


def harm(members: Sequence[Trial]) -> float:
    """Return the log of the e-value against "guidance does these sessions no harm"."""
    known = [one for one in members if one.outcome != UNKNOWN]
    if not known:
        return 0.0
    return log_e_below(evidence(*estimates(known, [float(one.outcome == SOLVED) for one in known])))


def _columns(members: Sequence[Trial], outcomes: Sequence[float]) -> tuple[Floats, Bools, Floats]:
    return (
        np.array(outcomes, np.float64),
        np.array([one.is_guided for one in members], np.bool_),
        np.array([one.holdout_share for one in members], np.float64),
    )


def _pattern(pattern_id: str, members: Sequence[Trial]) -> PatternEffect:
    guided = [one for one in members if one.is_guided]
    withheld = [one for one in members if not one.is_guided]
    known = [one for one in members if one.outcome != UNKNOWN]
    hits, asked, _ = _hits(guided, pattern_id)
    own_hits, own_asked, _ = _hits(withheld, pattern_id)
    failed = [one.session_id for one in reversed(guided) if one.outcome not in (SOLVED, UNKNOWN)]
    return PatternEffect(
        pattern_id=pattern_id,
        label=next(
            one.label for turn in members[0].turns for one in turn.suggestions if one.pattern_id == pattern_id
        ),
        shown=len(guided),
        withheld=len(withheld),
        followed_rate=_share(hits, asked),
        unprompted_rate=_share(own_hits, own_asked),
        solved=compare(known, [float(one.outcome == SOLVED) for one in known]),
        log_harm=harm(members),
        is_comparable=_is_drawn(members),
        failed_sessions=failed[:EXAMPLES],
    )


def _hits(members: Sequence[Trial], pattern_id: str | None = None) -> tuple[int, int, int]:
    """Count turns whose suggestion came next, turns with suggestions and a next turn, and all with some."""
    hits = asked = shown = 0
    for one in members:
        for place, turn in enumerate(one.turns):
            labels = {s.label for s in turn.suggestions if pattern_id in (None, s.pattern_id)}
            if not labels:
                continue
            shown += 1
            if place + 1 < len(one.turns):
                asked += 1
                hits += one.turns[place + 1].label in labels
    return hits, asked, shown


def _turns(one: Trial) -> int:
    return min(one.steps, LONGEST) if one.outcome == SOLVED else LONGEST


def _is_drawn(members: Sequence[Trial]) -> bool:
    _, is_guided, share = _columns(members, [0.0] * len(members))
    return log_e_drawn(is_guided, share) < -math.log(MISTAKES)


def _scaled(found: Comparison, factor: float) -> Comparison:
    values = {name: getattr(found, name) for name in ("guided", "holdout", "lift", "low", "high")}
    return found.model_copy(
        update={name: None if value is None else value * factor for name, value in values.items()}
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
