"""The offline half in one line: lake, sessions, intents, patterns and next steps, release."""

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from graph.state import Classifier
from learning.arranging import Arranged, arrange
from learning.demotion import review
from learning.intents import BatchClassifier, Named, count_unlearned
from learning.next_step import fit
from learning.patternfiles import pattern_item, store_patterns
from learning.patterns import find_patterns
from learning.progress import Progress
from learning.publish import publish, release_id
from learning.reading import Read, read_events
from learning.reports import LearnPreview, LearnReport, PassedOver
from learning.sessions import Sessions
from learning.stored import Source
from learning.trust import LeftOut, trusted
from memory.arrays import PatternIndexBroken, open_pattern_index
from memory.errors import AgentError, LakeFileBroken
from memory.ports import Lake, PatternStore, Registry
from memory.records import Pattern, Release

PATTERNS = "lake/processed/patterns"
"""Where the patterns of the live release lie for other programs, below the state folder."""

TRAINED = "learning/trained"
"""Where trainings of the next-step model are kept between runs, below the state folder."""


class NothingToLearn(AgentError):
    """The lake holds no steps of a domain."""

    code = "learning.nothing_to_learn"

    def __init__(self, domain: str) -> None:
        super().__init__(
            f"The lake holds no sessions of domain `{domain}`.",
            fix="Ask something first (`slipstream run`), or see it on samples with `slipstream demo`.",
        )


class Log(NamedTuple):
    """A domain's sessions, ready to learn from."""

    read: Read
    arranged: Arranged
    sessions: Sessions
    """The trusted ones."""

    left_out: LeftOut


async def learn(
    lake: Lake,
    registry: Registry,
    classifier: BatchClassifier,
    *,
    fallback: Classifier | None = None,
    tenant: str,
    domain: str,
    folder: Path,
    embedder: str,
    advanced: bool,
    now: datetime,
    on_progress: Progress,
    due_after: int | None = None,
    published: PatternStore | None = None,
) -> LearnReport:
    """Learn from all sessions of a domain and make the result live; the same lake gives the same release.

    Reads only what is new since the last run; the release is the same as if all had been read. Safe to
    break off: what was classified stays, and the live release changes only at the very end.

    `fallback` names what the classifier cannot. With `due_after`, nothing is learned until there are more new
    intents than that (count) since the live release. `published` takes the patterns for others to read.

    Raises:
        ClassifierDown: the classifier cannot be reached; the next run goes on from there.
        NothingToLearn: the lake holds no steps of the domain.
        LakeFileBroken: it may hold some, but cannot be read.
    """
    clock = _Clock()
    source = Source(tenant, domain, classifier.identity)
    read = await read_events(lake, classifier, source, folder, on_progress, keep=True, fallback=fallback)
    clock.stop("read")
    log = await _arrange(read, domain, now, on_progress)
    clock.stop("sessions")
    live = await registry.live(domain)
    unlearned = _unlearned(log, live)
    if live is not None and due_after is not None and unlearned <= due_after:
        waits = _report(log, live, is_new=False, unlearned=unlearned, stages_ms=clock.stages_ms)
        return waits.model_copy(update={"is_due": False})
    identity = release_id(log.sessions, tenant=tenant, domain=domain, embedder=embedder, advanced=advanced)
    release = next((one for one in await registry.releases(domain) if one.release_id == identity), None)
    is_new = release is None or not await _is_whole(folder / release.path)
    if is_new or release is None:
        on_progress("patterns", 0, 2, "counting")
        patterns = await asyncio.to_thread(find_patterns, log.sessions, domain, advanced=advanced)
        clock.stop("patterns")
        on_progress("patterns", 1, 2, f"{len(patterns):,} patterns")
        model = await asyncio.to_thread(fit, log.sessions, domain, cache=folder / TRAINED / source.folder)
        clock.stop("next_step")
        about = {"identity": identity, "tenant": tenant, "domain": domain, "embedder": embedder}
        release = await publish(registry, folder, log.sessions, model, patterns, **about)
        clock.stop("publish")
    else:
        await registry.promote(domain, identity)
        patterns = list((await _patterns(folder, release)).values())
    # last, and again when a run was killed before it: it mirrors what is live
    await asyncio.to_thread(store_patterns, patterns, folder / PATTERNS, tenant=tenant, domain=domain)
    if published is not None:
        await published.replace(domain, [pattern_item(one) for one in patterns])
    await review(lake, log.sessions, folder, tenant=tenant, domain=domain, now=now)
    clock.stop("guidance")
    on_progress("patterns", 2, 2, _figure(release))
    return _report(log, release, is_new=is_new, unlearned=unlearned, stages_ms=clock.stages_ms)


async def preview(
    lake: Lake,
    registry: Registry,
    classifier: BatchClassifier,
    *,
    tenant: str,
    domain: str,
    folder: Path,
    embedder: str,
    advanced: bool,
    now: datetime,
    on_progress: Progress,
) -> LearnPreview:
    """Return what `learn` would do with the lake as it is; writes nothing and asks no classifier.

    Raises:
        NothingToLearn: the lake holds no steps of the domain.
        LakeFileBroken: it may hold some, but cannot be read.
    """
    source = Source(tenant, domain, classifier.identity)
    read = await read_events(lake, classifier, source, folder, on_progress, keep=False)
    log = await _arrange(read, domain, now, on_progress)
    identity = release_id(log.sessions, tenant=tenant, domain=domain, embedder=embedder, advanced=advanced)
    on_progress("patterns", 0, 1, "counting")
    found = await asyncio.to_thread(find_patterns, log.sessions, domain, advanced=advanced)
    on_progress("patterns", 1, 1, f"{len(found):,} patterns")
    live = await registry.live(domain)
    before = await _patterns(folder, live)
    after = {one.pattern_id: one for one in found}
    return LearnPreview(
        release_id=identity,
        live=live,
        is_new=live is None or live.release_id != identity,
        sessions=len(log.sessions),
        steps=len(log.sessions.steps),
        users=len(log.sessions.user_keys),
        patterns=len(found),
        new_patterns=[one for one in found if one.pattern_id not in before],
        gone_patterns=[one for one in before.values() if one.pattern_id not in after],
        moved_patterns=sum(one != after.get(one.pattern_id, one) for one in before.values()),
        unnamed=read.questions,
        new_files=read.new_files,
        **_passed_over(log).model_dump(),
    )


async def read_sessions(
    lake: Lake,
    classifier: BatchClassifier,
    *,
    tenant: str,
    domain: str,
    folder: Path,
    now: datetime,
    on_progress: Progress,
) -> Sessions:
    """Return the sessions that `learn` would learn from; writes nothing and asks no classifier.

    Raises:
        NothingToLearn: the lake holds no steps of the domain.
        LakeFileBroken: it may hold some, but cannot be read.
    """
    source = Source(tenant, domain, classifier.identity)
    read = await read_events(lake, classifier, source, folder, on_progress, keep=False)
    return (await _arrange(read, domain, now, on_progress)).sessions


async def _patterns(folder: Path, release: Release | None) -> dict[str, Pattern]:
    """Return the patterns of a release by id; none when it cannot be read, since learning writes it anew."""
    if release is None:
        return {}
    try:
        found = await open_pattern_index(folder / release.path).patterns(limit=release.patterns)
    except PatternIndexBroken:
        return {}
    return {one.pattern_id: one for one in found}


def _unlearned(log: Log, live: Release | None) -> int:
    """Return how many intents are new since the live release."""
    until = None if live is None else live.created_at.timestamp()
    return count_unlearned(log.sessions.times, Named({}, log.read.questions), until)


async def _arrange(read: Read, domain: str, now: datetime, on_progress: Progress) -> Log:
    """Make sessions of what was read, and keep those that may teach others."""
    arranged = await asyncio.to_thread(arrange, read.events, now=now.timestamp())
    sessions, left_out = await asyncio.to_thread(trusted, arranged.sessions)
    if not len(sessions.steps):
        if read.broken:
            raise LakeFileBroken(read.broken[0])
        raise NothingToLearn(domain)
    on_progress("sessions", 1, 1, f"{len(sessions):,} sessions, {len(sessions.steps):,} steps")
    return Log(read, arranged, sessions, left_out)


def _report(
    log: Log, release: Release, *, is_new: bool, unlearned: int, stages_ms: dict[str, float]
) -> LearnReport:
    return LearnReport(
        release_id=release.release_id,
        is_new=is_new,
        sessions=len(log.sessions),
        steps=len(log.sessions.steps),
        classified=log.arranged.named,
        users=len(log.sessions.user_keys),
        patterns=release.patterns,
        metrics=release.metrics,
        stages_ms=stages_ms,
        files=log.read.files,
        new_files=log.read.new_files,
        unlearned=unlearned,
        **_passed_over(log).model_dump(),
    )


def _passed_over(log: Log) -> PassedOver:
    return PassedOver(
        broken_files=log.read.broken,
        future_events=log.arranged.future,
        cut_steps=log.arranged.cut,
        machine_sessions=log.left_out.machine_sessions,
        capped_sessions=log.left_out.capped,
    )


async def _is_whole(folder: Path) -> bool:
    """True when all files of a release can be read; otherwise they are written again."""
    try:
        await open_pattern_index(folder).patterns(limit=1)
    except PatternIndexBroken:
        return False
    return True


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
