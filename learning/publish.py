"""Publishes what was learned: a release is whole or absent, and the same lake gives the same release."""

import hashlib
from pathlib import Path

import numpy as np

from learning.next_step import Fitted
from learning.sessions import Sessions, moment
from memory.arrays import write_index
from memory.ports import Registry
from memory.records import Pattern, Release

LEARNER_VERSION = 4
"""Grows when the same sessions would give other patterns."""

FOLDER = "models/patterns"
"""Where releases lie below the state folder."""


def release_id(sessions: Sessions, *, tenant: str, domain: str, embedder: str, advanced: bool) -> str:
    """Return a digest of all that a release is made from."""
    digest = hashlib.sha256()
    for part in (
        str(LEARNER_VERSION),
        tenant,
        domain,
        embedder,
        str(advanced),
        *sessions.labels,
        *sessions.ids,
        *sessions.user_keys,
    ):
        digest.update(part.encode() + b"\x00")
    for column in (
        sessions.steps,
        sessions.times,
        sessions.offsets,
        sessions.users,
        sessions.outcomes,
        sessions.words,
        sessions.word_offsets,
    ):
        digest.update(np.ascontiguousarray(column).data)
    return f"r-{digest.hexdigest()[:16]}"


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
