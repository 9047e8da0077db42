"""Publishes what was learned: a release is whole or absent, and the same lake gives the same release."""

from pathlib import Path

from learning.next_step import Fitted
from learning.sessions import Sessions, digest_of, moment
from memory.arrays import write_index
from memory.ports import Registry
from memory.records import Pattern, Release

LEARNER_VERSION = 4
"""Grows when the same sessions would give other patterns."""

FOLDER = "models/patterns"
"""Where releases lie below the state folder."""


def release_id(sessions: Sessions, *, tenant: str, domain: str, embedder: str, advanced: bool) -> str:
    """Return a digest of all that a release is made from."""
    digest = digest_of(sessions, str(LEARNER_VERSION), tenant, domain, embedder, str(advanced))
    return f"r-{digest[:16]}"


async def publish(
    registry: Registry,
    folder: Path,
    sessions: Sessions,
    fitted: Fitted,
    patterns: list[Pattern],
    *,
    identity: str,
    tenant: str,
    domain: str,
    embedder: str,
) -> Release:
    """Write the index, then the release, then make it live: killed in between, the old one stays."""
    path = f"{FOLDER}/{identity}"
    release = Release(
        release_id=identity,
        tenant=tenant,
        domain=domain,
        created_at=moment(float(sessions.times.max())),
        sessions=len(sessions),
        steps=len(sessions.steps),
        patterns=len(patterns),
        embedder=embedder,
        metrics=fitted.metrics,
        path=path,
    )
    write_index(
        folder / path,
        domain=domain,
        model=fitted.model,
        patterns=patterns,
        release=release,
    )
    await registry.publish(release)
    await registry.promote(domain, identity)
    return release
