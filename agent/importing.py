"""Logs that people already have, sent down the path of live turns."""

from collections.abc import Iterable
from itertools import chain, islice

from agent.runtime import Runtime
from learning.importing.session import ImportedSession, session_events
from learning.progress import Progress
from memory.records import SessionEvent

BATCH = 5000
"""Events journalled at once: as many as one delivery takes, so that a second import makes the same files."""


async def import_sessions(
    runtime: Runtime,
    sessions: Iterable[ImportedSession],
    *,
    domain: str,
    turns: int,
    on_progress: Progress,
    sample: bool = False,
) -> int:
    """Send clean sessions through outbox and lake; returns how many events they were.

    Doing it again changes nothing, and what was broken off goes on where it was. `turns` is how many there
    are, for the progress; `sample` marks them as written for demonstration.

    Raises:
        StorageFailed: the state folder cannot be written.
    """
    tenant = runtime.settings.tenant
    each = (session_events(one, tenant=tenant, domain=domain, sample=sample) for one in sessions)
    events = chain.from_iterable(each)
    done = count = 0
    await runtime.drain()
    while batch := list[SessionEvent](islice(events, BATCH)):
        await runtime.replay(batch)
        count += len(batch)
        done += sum(event.kind == "turn_finished" for event in batch)
        on_progress("import", done, turns, "turns")
    return count
