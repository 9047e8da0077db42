"""Takes patterns that do harm out of service, on evidence, and lets people put them back.

Every pattern has an e-value against "showing it does no harm". Patterns are many and share sessions, so the
decision is that of Wang and Ramdas, "False discovery rate control with e-values" (2022): of those demoted,
at most `FALSE_DEMOTIONS` are harmless on average, however they depend on each other and whenever one looks.
What a session with a worse pattern in it explains is not held against the others in it.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from learning.effect import EffectReport, harm, measure
from learning.sessions import Sessions
from learning.stored import Source
from learning.trials import Trial, read_turns, trials
from memory.errors import StorageFailed
from memory.ports import Lake
from memory.records import Record, TurnFinished

FALSE_DEMOTIONS = 0.05
"""Share (0 to 1) of demoted patterns that do no harm, at most, on average."""

FOLDER = "guidance/demoted"
"""Where decisions lie below the state folder."""


class Demotion(Record):
    """A pattern that is not shown any more, and why."""

    pattern_id: str
    label: str
    at: AwareDatetime
    """When it was decided."""

    shown: int
    """Guided sessions in which it was shown (count)."""

    withheld: int
    """Held-out sessions in which it would have been (count)."""

    lift: float | None
    """Share of solved sessions with it minus that without (-1 to 1)."""

    low: float | None
    high: float | None
    log_harm: float
    """Log of the e-value against "showing it does no harm"."""

    sessions: list[str] = []
    """Failed sessions in which it was shown, at most five."""


class Decisions(Record):
    """What is out of service in a domain, and what people put back."""

    demoted: dict[str, Demotion] = {}
    """By pattern id."""

    promoted: dict[str, AwareDatetime] = {}
    """Pattern id to when a person put it back; only later sessions count against it."""


def harmful(found: Sequence[Trial], report: EffectReport, promoted: Mapping[str, datetime]) -> list[str]:
    """Return the patterns to demote, most harmful first; pure, the same trials give the same answer.

    A pattern must be harmful by itself (e-BH over all patterns), comparable, and harmful still in the
    sessions that no worse pattern is part of. `promoted` tells from when on sessions count.
    """
    ranked = sorted(report.patterns, key=lambda one: (-one.log_harm, one.pattern_id))
    accepted = 0
    for rank, one in enumerate(ranked, start=1):
        if one.log_harm >= _enough(len(ranked), rank):
            accepted = rank
    chosen: list[str] = []
    for one in ranked[:accepted]:
        if not one.is_comparable:
            continue
        rest = [
            trial
            for trial in found
            if one.pattern_id in trial.pattern_ids
            and trial.pattern_ids.isdisjoint(chosen)
            and trial.at >= promoted.get(one.pattern_id, trial.at)
        ]
        if not chosen or harm(rest) >= _enough(1, 1):
            chosen.append(one.pattern_id)
    return chosen


def _enough(patterns: int, rank: int) -> float:
    """Return the log e-value that the pattern of this rank needs when there are so many."""
    return math.log(patterns / (rank * FALSE_DEMOTIONS))


def decide(found: Sequence[Trial], report: EffectReport, before: Decisions, *, at: datetime) -> Decisions:
    """Return what is out of service from now on; what was demoted stays so until a person puts it back."""
    effects = {one.pattern_id: one for one in report.patterns}
    demoted = dict(before.demoted)
    for pattern_id in harmful(found, report, before.promoted):
        effect = effects[pattern_id]
        demoted.setdefault(
            pattern_id,
            Demotion(
                pattern_id=pattern_id,
                label=effect.label,
                at=at,
                shown=effect.shown,
                withheld=effect.withheld,
                lift=effect.solved.lift,
                low=effect.solved.low,
                high=effect.solved.high,
                log_harm=round(effect.log_harm, 3),
                sessions=effect.failed_sessions,
            ),
        )
    return before.model_copy(update={"demoted": demoted})


def put_back(before: Decisions, pattern_id: str, *, at: datetime) -> Decisions:
    """Return the decisions with a pattern in service again; what was held against it is forgotten."""
    demoted = {key: one for key, one in before.demoted.items() if key != pattern_id}
    return Decisions(demoted=demoted, promoted={**before.promoted, pattern_id: at})


async def review(
    lake: Lake, sessions: Sessions, folder: Path, *, tenant: str, domain: str, now: datetime
) -> Decisions:
    """Take out of service what does harm by all that the lake tells; returns what is out of service now.

    Raises:
        StorageFailed: the state folder cannot be used.
    """
    before = load_decisions(folder, tenant=tenant, domain=domain)
    turns = await read_turns(lake, tenant=tenant, domain=domain)
    if not turns:
        return before
    after = await asyncio.to_thread(_decide, turns, sessions, domain, before, now)
    if after != before:
        store_decisions(folder, after, tenant=tenant, domain=domain)
    return after


def _decide(
    turns: Sequence[TurnFinished], sessions: Sessions, domain: str, before: Decisions, now: datetime
) -> Decisions:
    found = trials(turns, sessions)
    return decide(found, measure(found, domain, since=before.promoted), before, at=now)


# --- where decisions are kept --------------------------------------------------------------------------


def load_decisions(folder: Path, *, tenant: str, domain: str) -> Decisions:
    """Return the decisions of a domain below the state folder; none when nothing was ever decided.

    Raises:
        StorageFailed: they are there but cannot be read; to go on would show what was found to do harm.
    """
    file = _file(folder, tenant, domain)
    try:
        return Decisions.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Decisions()
    except OSError as error:
        raise StorageFailed(str(file), error.strerror or "it cannot be read") from None
    except ValidationError:
        raise StorageFailed(str(file), "it is damaged") from None


def store_decisions(folder: Path, decisions: Decisions, *, tenant: str, domain: str) -> None:
    """Keep decisions: the file is whole or as it was before.

    Raises:
        StorageFailed: the disk is full or refuses.
    """
    file = _file(folder, tenant, domain)
    beside = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(decisions.model_dump_json(indent=2), encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        raise StorageFailed(str(file), error.strerror or "it cannot be written") from None


def changed_at(folder: Path, *, tenant: str, domain: str) -> int:
    """Return a number that is another after each decision; 0 before the first."""
    try:
        return _file(folder, tenant, domain).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _file(folder: Path, tenant: str, domain: str) -> Path:
    return folder / FOLDER / f"{Source(tenant, domain, '').folder}.json"
