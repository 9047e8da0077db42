"""Versions of trained models: `models/<name>/v<N>/`, whole or absent, never rewritten, rolled back by id.

A version is what a trainer left in a folder (`model.json`, arrays, `metrics.json`), with `version.json` that
says what it was made of and the digest of each file. `models/<name>/live.json` says which one is in use.
"""

import hashlib
import os
import re
import secrets
import shutil
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import orjson
from pydantic import AwareDatetime, Field, ValidationError

from memory.errors import AgentError, StorageFailed
from memory.records import Record

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,119}")
"""Names become folders and keys of a bucket."""

ABOUT, METRICS, LIVE = "version.json", "metrics.json", "live.json"


class VersionUnknown(AgentError):
    """A model has no version of that number."""

    code = "learning.version_unknown"
    kind = "not_found"

    def __init__(self, name: str, asked: str) -> None:
        super().__init__(
            f"There is no version `{asked[:40]}` of model `{name[:120]}`.",
            fix="Choose one that `slipstream models list` shows.",
        )


class VersionBroken(AgentError):
    """A file of a version is missing, half-written or changed."""

    code = "learning.version_broken"

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(
            f"The model version in `{folder}` cannot be used: {problem}.",
            fix="Go back to another one with `slipstream models rollback`, or train it again.",
        )


class ModelVersion(Record):
    """What a version is and what it was made of."""

    name: str
    version: int = Field(ge=1)
    created_at: AwareDatetime
    data_hash: str
    """Of the training data, as `DataSet.data_hash`."""

    code_version: str
    """Commit or package version of the code that trained it."""

    metrics: dict[str, float] = {}
    """Measured on the validation split."""

    files: dict[str, str]
    """Name of each file to the hex SHA-256 of its content; `version.json` itself is not among them."""

    @property
    def version_id(self) -> str:
        """`v3`: the name of its folder."""
        return f"v{self.version}"


class Live(Record):
    """Which version of a model is in use."""

    history: list[Annotated[int, Field(ge=1)]] = []
    """Versions that were put in use and not taken back, oldest first; the last one is in use."""

    withdrawn: list[int] = []
    """Versions that somebody took back; no nightly run puts them in use again."""


class Published(NamedTuple):
    """A version, and whether it was made just now."""

    version: ModelVersion
    is_new: bool


def model_name(kind: str, domain: str, tenant: str) -> str:
    """Return the name of a domain's model; what one tenant's sessions taught is of no use to another."""
    plain = re.fullmatch(r"[a-z0-9_-]{1,40}", tenant)
    key = tenant if plain else hashlib.sha256(tenant.encode()).hexdigest()[:16]
    return f"{kind}.{domain}.{'t' if plain else 'h'}-{key}"


def publish_version(
    root: Path, name: str, trained: Path, *, data_hash: str, code_version: str, created_at: datetime
) -> Published:
    """Copy what was trained into the next version; the same files from the same data give the same version.

    Killed at any point, there is a whole version more or none.

    Raises:
        VersionBroken: `trained` holds no metrics, or folders.
        StorageFailed: the disk is full or refuses.
    """
    folder = _folder(root, name)
    metrics = _read_metrics(trained)
    files = _digests(trained)
    try:
        while True:
            for known in versions(root, name):
                if known.files == files and known.data_hash == data_hash:
                    return Published(known, is_new=False)
            version = ModelVersion(
                name=name,
                version=max(version_numbers(root, name), default=0) + 1,
                created_at=created_at,
                data_hash=data_hash,
                code_version=code_version,
                metrics=metrics,
                files=files,
            )
            if _place(trained, folder, version):
                return Published(version, is_new=True)
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None


def version_numbers(root: Path, name: str) -> list[int]:
    """Return the numbers of all versions, whole ones and broken ones, ascending."""
    folder = _folder(root, name)
    found = (re.fullmatch(r"v([1-9]\d{0,8})", path.name) for path in folder.glob("v*"))
    return sorted(int(match[1]) for match in found if match)


def versions(root: Path, name: str) -> list[ModelVersion]:
    """Return all whole versions, newest first."""
    found = []
    for number in reversed(version_numbers(root, name)):
        try:
            found.append(load_version(root, name, number))
        except VersionBroken:
            continue
    return found


def model_names(root: Path) -> list[str]:
    """Return the models that have versions, in alphabetical order."""
    names = (path.name for path in root.glob("*") if path.is_dir() and NAME.fullmatch(path.name))
    return sorted(name for name in names if version_numbers(root, name))


def version_folder(root: Path, version: ModelVersion) -> Path:
    """Return where the files of a version lie; to be read, never written."""
    return _folder(root, version.name) / version.version_id


def load_version(root: Path, name: str, number: int) -> ModelVersion:
    """Return a version after comparing every file with its digest.

    Raises:
        VersionUnknown: there is none of this number.
        VersionBroken: a file is missing, half-written or changed.
    """
    folder = _folder(root, name) / f"v{number}"
    if not folder.is_dir():
        raise VersionUnknown(name, f"v{number}")
    try:
        version = ModelVersion.model_validate_json((folder / ABOUT).read_bytes())
    except (OSError, ValidationError):
        raise VersionBroken(folder, f"`{ABOUT}` is missing or damaged") from None
    if (version.name, version.version) != (name, number):
        raise VersionBroken(folder, f"it says that it is `{version.version_id}` of `{version.name}`")
    found = _digests(folder)
    for file in sorted(found.keys() | version.files.keys()):
        if found.get(file) != version.files.get(file):
            raise VersionBroken(folder, f"`{file}` is not what was published")
    return version


# --- which one is in use -----------------------------------------------------------------------------


def read_live(root: Path, name: str) -> Live:
    """Return what is said of the versions in use; nothing is in use before the first `promote`.

    Raises:
        VersionBroken: the file that says so is damaged.
    """
    file = _folder(root, name) / LIVE
    try:
        return Live.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Live()
    except (OSError, ValidationError):
        raise VersionBroken(file.parent, f"`{LIVE}` is damaged") from None


def live_version(root: Path, name: str) -> ModelVersion | None:
    """Return the version in use; `None` before the first.

    Raises:
        VersionBroken: it is not what was published.
        VersionUnknown: its folder is gone.
    """
    history = read_live(root, name).history
    return load_version(root, name, history[-1]) if history else None


def promote(root: Path, name: str, number: int) -> ModelVersion:
    """Put a version in use, in one instant.

    Raises:
        VersionUnknown: there is none of this number.
        VersionBroken: it is not whole; the one in use stays.
    """
    version = load_version(root, name, number)
    live = read_live(root, name)
    if live.history[-1:] != [number]:
        history = [*live.history, number]
        _write_live(root, name, Live(history=history, withdrawn=[n for n in live.withdrawn if n != number]))
    return version


def rollback(root: Path, name: str, number: int | None = None) -> ModelVersion:
    """Take the version in use back, for the one before it or for version `number`.

    Raises:
        VersionUnknown: there is none to go back to.
        VersionBroken: it is not whole; the one in use stays.
    """
    live = read_live(root, name)
    if number is None:
        if len(live.history) < 2:
            raise VersionUnknown(name, "before the first")
        number = live.history[-2]
    version = load_version(root, name, number)
    if live.history[-1:] == [number]:
        return version
    taken_back = live.history[-1:]
    before = live.history[: live.history.index(number)] if number in live.history else live.history[:-1]
    withdrawn = sorted({n for n in (*live.withdrawn, *taken_back) if n != number})
    _write_live(root, name, Live(history=[*before, number], withdrawn=withdrawn))
    return version


# --- files -------------------------------------------------------------------------------------------


def _folder(root: Path, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise VersionUnknown(name, "any")
    return root / name


def _read_metrics(trained: Path) -> dict[str, float]:
    try:
        found = orjson.loads((trained / METRICS).read_bytes())
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise VersionBroken(trained, f"`{METRICS}` is missing or damaged") from None


def _digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file; arrays are read in pieces, never whole."""
    found = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            raise VersionBroken(folder, f"`{path.name}` is no file")
        if path.name != ABOUT:
            with path.open("rb") as stream:
                found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def _place(trained: Path, folder: Path, version: ModelVersion) -> bool:
    """Write a version beside and rename it; False when somebody else took its number."""
    beside = folder / f".{version.version_id}.{secrets.token_hex(4)}.new"
    try:
        beside.mkdir(parents=True)
        for file in version.files:
            shutil.copyfile(trained / file, beside / file)
        (beside / ABOUT).write_bytes(_json(version))
        for path in beside.iterdir():
            _sync(path)
        try:
            beside.rename(folder / version.version_id)
        except OSError:
            if (folder / version.version_id).exists():
                return False
            raise
        _sync(folder)
        return True
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_live(root: Path, name: str, live: Live) -> None:
    file = _folder(root, name) / LIVE
    beside = file.with_name(f".{LIVE}.{secrets.token_hex(4)}.new")
    try:
        beside.write_bytes(_json(live))
        _sync(beside)
        beside.replace(file)
        _sync(file.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageFailed(str(file), error.strerror or "it cannot be written") from None


def _json(record: Record) -> bytes:
    return orjson.dumps(record.model_dump(mode="json"), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def _sync(path: Path) -> None:
    """Make what was written, or a rename in a folder, last through a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
