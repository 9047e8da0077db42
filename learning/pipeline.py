"""The offline half in one line: lake, sessions, intents, patterns and next steps, release."""

import asyncio
import time
from pathlib import Path

from graph.state import Classifier
from learning.intents import Question, classify_turns
from learning.next_step import Model, fit
from learning.patterns import find_patterns
from learning.progress import Progress
from learning.publish import publish, release_id
from learning.sessions import RECORDED, Sessions, arrange, gather
from memory.arrays import PatternIndexBroken, open_pattern_index
from memory.errors import AgentError
from memory.ports import Lake, Registry
from memory.records import Pattern, Record, Release

INTENTS = "lake/processed/intents"
"""Where classified turns lie below the state folder."""


class NothingToLearn(AgentError):
    """The lake holds no steps of a domain."""

    code = "learning.nothing_to_learn"

    def __init__(self, domain: str) -> None:
        super().__init__(
            f"The lake holds no sessions of domain `{domain}`.",
            fix="Ask something first (`slipstream run`), or see it on samples with `slipstream demo`.",
        )


class LearnReport(Record):
    """What a run of the pipeline did."""

    release_id: str
    is_new: bool
    """False when the same sessions had been learned from before; nothing was written then."""

    sessions: int
    steps: int
    classified: int
    """Steps that a classifier named (count), in this run or an earlier one."""

    users: int
    patterns: int
    metrics: dict[str, float] = {}
    stages_ms: dict[str, float] = {}
    """Wall time of each stage (milliseconds)."""


async def learn(
    lake: Lake,
    registry: Registry,
    classifier: Classifier,
    *,
    tenant: str,
    domain: str,
    folder: Path,
    embedder: str,
    advanced: bool,
    on_progress: Progress,
) -> LearnReport:
    """Learn from all sessions of a domain and make the result live; the same lake gives the same release.

    Safe to break off: what was classified stays, and the live release changes only at the very end.

    Raises:
        NothingToLearn: the lake holds no steps of the domain.
    """
    clock = _Clock()
    on_progress("sessions", 0, 1, "reading the lake")
    found = await gather(lake.scan(tenant=tenant, domain=domain))
    clock.stop("read")
    asked = (
        Question(turn.event_id, turn.session_id, turn.user, turn.at, turn.query)
        for turn in found.turns.values()
        if turn.label_source not in (RECORDED, classifier.identity) and turn.query
    )
    named = (await classify_turns(asked, classifier, folder / INTENTS, on_progress)).steps
    clock.stop("intents")
    sessions = await asyncio.to_thread(arrange, found, named)
    if not len(sessions.steps):
        raise NothingToLearn(domain)
    on_progress("sessions", 1, 1, f"{len(sessions):,} sessions, {len(sessions.steps):,} steps")
    clock.stop("sessions")
    identity = release_id(sessions, tenant=tenant, domain=domain, embedder=embedder, advanced=advanced)
    release = next((one for one in await registry.releases(domain) if one.release_id == identity), None)
    is_new = release is None or not await _is_whole(folder / release.path)
    if is_new or release is None:
        patterns, model = await _count(sessions, domain, advanced, on_progress)
        clock.stop("count")
        about = {"identity": identity, "tenant": tenant, "domain": domain, "embedder": embedder}
        release = await publish(registry, folder, sessions, model, patterns, **about)
        clock.stop("publish")
    else:
        await registry.promote(domain, identity)
    on_progress("patterns", 2, 2, _figure(release))
    return LearnReport(
        release_id=identity,
        is_new=is_new,
        sessions=len(sessions),
        steps=len(sessions.steps),
        classified=len(named),
        users=len(sessions.user_keys),
        patterns=release.patterns,
        metrics=release.metrics,
        stages_ms=clock.stages_ms,
    )


async def _is_whole(folder: Path) -> bool:
    """True when all files of a release can be read; otherwise they are written again."""
    try:
        await open_pattern_index(folder).patterns(limit=1)
    except PatternIndexBroken:
        return False
    return True


async def _count(
    sessions: Sessions, domain: str, advanced: bool, on_progress: Progress
) -> tuple[list[Pattern], Model]:
    """Return the patterns and the next-step model of the sessions, counted in a thread."""
    on_progress("patterns", 0, 2, "counting")
    patterns = await asyncio.to_thread(find_patterns, sessions, domain, advanced=advanced)
    on_progress("patterns", 1, 2, f"{len(patterns):,} patterns")
    return patterns, await asyncio.to_thread(fit, sessions, domain)


def _figure(release: Release) -> str:
    """Name the figure that matters: how often the next step is among the three suggestions."""
    rate = release.metrics.get("hit_rate_at_3")
    return f"{release.patterns:,} patterns" + (f", next step in the top 3: {rate:.0%}" if rate else "")


class _Clock:
    """Notes how long each stage took."""

    def __init__(self) -> None:
        self.stages_ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages_ms[stage] = round((now - self._last) * 1000, 1)
        self._last = now
