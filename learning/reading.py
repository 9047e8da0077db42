"""The first stage: what the lake holds of a domain, read once, named and in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from graph.state import Classifier
from learning.gathering import digest, merge, with_names
from learning.intents import BatchClassifier, Question, classify_turns
from learning.progress import Progress
from learning.stored import Source, Stored, load_events, store_events
from memory.errors import LakeFileBroken
from memory.ports import Lake, LakeFile

INTENTS = "lake/processed/intents"
"""Where classified turns lie below the state folder."""

GATHERED = "learning/events"
"""Where gathered events are kept between runs, below the state folder."""


@dataclass(frozen=True)
class Unread:
    """Files that no earlier run has read, as they were found."""

    events: list[pa.Table]
    questions: list[Question]
    """What nobody has named yet, or another classifier has."""

    files: list[LakeFile]
    broken: list[str]
    """Names of files that could not be read; the next run tries them again."""


@dataclass(frozen=True)
class Read:
    """What the lake holds."""

    events: pa.Table
    """Rows of `learning.gathering.SCHEMA`, merged."""

    files: int
    """Files of the lake that were read, in this run or an earlier one (count)."""

    new_files: int
    broken: list[str]
    questions: int
    """Steps that a classifier had to name, or has yet to name when nothing is kept (count)."""


async def read_events(
    lake: Lake,
    classifier: BatchClassifier,
    source: Source,
    folder: Path,
    on_progress: Progress,
    *,
    keep: bool,
    fallback: Classifier | None = None,
) -> Read:
    """Read what is new, name its steps, and put it among what earlier runs have gathered.

    `fallback` names what the classifier cannot. Without `keep` nothing is written and nobody is asked: new
    steps bear the labels that their events have. Broken off while reading, the next run reads again; broken
    off while naming, it goes on from there.

    Raises:
        ClassifierDown: the classifier cannot be reached.
        StorageFailed: the state folder cannot be used.
    """
    files = await lake.files()
    known = await asyncio.to_thread(load_events, folder / GATHERED, source, files)
    unread = await _read_new([file for file in files if file not in known.files], lake, source, on_progress)
    if unread.questions and keep:
        named = await classify_turns(
            unread.questions, classifier, folder / INTENTS, on_progress, fallback=fallback
        )
        events = [await asyncio.to_thread(with_names, part, named.steps) for part in unread.events]
        unread = replace(unread, events=events)
    read = known
    if unread.files or not known.files:  # what was taken out of the lake must not stay here
        merged = await asyncio.to_thread(merge, [known.events, *unread.events])
        read = Stored(known.files | frozenset(unread.files), merged)
        if keep:
            await asyncio.to_thread(store_events, folder / GATHERED, source, read)
    return Read(read.events, len(read.files), len(unread.files), unread.broken, len(unread.questions))


async def _read_new(files: list[LakeFile], lake: Lake, source: Source, on_progress: Progress) -> Unread:
    """Read file by file; one that is broken is noted and passed over."""
    found = Unread([], [], [], [])
    rows = 0
    on_progress("sessions", 0, len(files), "reading the lake")
    async with aclosing(_tables(files, lake, source)) as tables:
        async for file, raw in tables:
            if raw is None:
                found.broken.append(file.name)
                continue
            part = await asyncio.to_thread(digest, raw, source.classifier)
            found.files.append(file)
            if part.events.num_rows:
                found.events.append(part.events)
                found.questions.extend(part.questions)
            rows += part.events.num_rows
            on_progress("sessions", len(found.files), len(files), f"{rows:,} events")
    return found


async def _tables(
    files: list[LakeFile], lake: Lake, source: Source
) -> AsyncGenerator[tuple[LakeFile, pa.Table | None], None]:
    """Yield each file with its columns, `None` when it is broken; the next is read while one is looked at."""

    async def read(file: LakeFile) -> pa.Table | None:
        try:
            return await lake.columns(file, tenant=source.tenant, domain=source.domain)
        except LakeFileBroken:
            return None

    ahead: deque[asyncio.Task[pa.Table | None]] = deque()
    try:
        for number, file in enumerate(files):
            ahead.extend(asyncio.create_task(read(one)) for one in files[number + len(ahead) : number + 2])
            yield file, await ahead.popleft()
    finally:
        for task in ahead:
            task.cancel()
