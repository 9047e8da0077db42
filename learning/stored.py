"""Gathered events kept between runs, so that a day reads only what the day before has not.

Only a shortcut: when the file is gone, damaged, of another version or classifier, or when a file that it
rests on has left the lake, everything is read again, with the same result.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from learning.gathering import SCHEMA
from memory.errors import StorageFailed
from memory.ports import LakeFile

VERSION = 2
"""Grows when the same files would give other rows."""

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Source:
    """Whose events they are, and who named them."""

    tenant: str
    domain: str
    classifier: str
    """Identity of the classifier."""

    @property
    def folder(self) -> str:
        """Folder of this source below that of all."""
        return hashlib.sha256(f"{self.tenant}\x00{self.domain}".encode()).hexdigest()[:16]

    def about(self) -> dict[str, Any]:
        """Return what must be the same for rows to be used again."""
        return {
            "version": VERSION,
            "schema": str(SCHEMA),
            "tenant": self.tenant,
            "domain": self.domain,
            "classifier": self.classifier,
        }


@dataclass(frozen=True)
class Stored:
    """Merged events, and the files of the lake that they come from."""

    files: frozenset[LakeFile]
    events: pa.Table


NOTHING = Stored(frozenset(), SCHEMA.empty_table())


def load_events(folder: Path, source: Source, files: Sequence[LakeFile]) -> Stored:
    """Return what earlier runs have gathered from `files`; `NOTHING` when it cannot be used."""
    place = folder / source.folder
    try:
        manifest = json.loads((place / MANIFEST).read_bytes())
        if manifest["about"] != source.about():
            return NOTHING
        known = frozenset(LakeFile(name, size) for name, size in manifest["files"])
        if not known <= frozenset(files):
            return NOTHING  # something was taken out of the lake, and must be out of what was learned
        digest = manifest["digest"]
        with pa.memory_map(str(place / f"{digest}.arrow")) as mapped:
            body = mapped.read_buffer()
        if _digest(body) != digest:
            return NOTHING
        return Stored(known, pa.ipc.open_file(body).read_all())
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return NOTHING


def store_events(folder: Path, source: Source, stored: Stored) -> None:
    """Keep merged events for the next run: whole or not at all, in place of those before.

    Raises:
        StorageFailed: the disk is full or refuses.
    """
    place = folder / source.folder
    beside = place / ".new"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(beside), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            writer.write_table(stored.events)
        with pa.memory_map(str(beside)) as mapped:
            digest = _digest(mapped.read_buffer())
        beside.replace(place / f"{digest}.arrow")
        manifest = {"about": source.about(), "digest": digest, "files": sorted(stored.files)}
        beside.write_text(json.dumps(manifest), encoding="utf-8")
        beside.replace(place / MANIFEST)
        for old in place.glob("*.arrow"):
            if old.stem != digest:
                old.unlink()
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageFailed(str(place), error.strerror or "it cannot be written") from None


def _digest(body: pa.Buffer) -> str:
    return hashlib.sha256(body).hexdigest()[:32]
