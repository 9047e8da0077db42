"""Training data in files: Parquet by split, in a folder named by its content, whole or absent.

`processed/training-data/<model>/domain=…/tenant=…/data=<hash>/{train,validation}.parquet` and `data.json`.
A training job gets such a folder as its channel, on this machine or another.
"""

import hashlib
import io
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from memory.errors import AgentError, StorageFailed
from memory.records import Record

ModelKind = Literal["intent-classifier", "pattern-recognition"]
"""What can be trained; a folder each below `processed/training-data`."""

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")

VALIDATION_SHARE = 0.15
"""Share of sessions (0 to 1) that models are measured on and never fitted to."""

ABOUT = "data.json"


class TrainingDataBroken(AgentError):
    """A folder does not hold training data for the model that is asked for."""

    code = "learning.training_data_broken"

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(
            f"`{folder}` holds no training data that can be used: {problem}.",
            fix="Name a `data=…` folder below `processed/training-data` that `slipstream models train` made.",
        )


class DataSet(Record):
    """What a folder of training data holds."""

    model: ModelKind
    domain: str
    tenant: str
    data_hash: str
    """Digest of the rows of all splits: the same rows, the same hash."""

    rows: dict[Split, int]


class TrainingData(NamedTuple):
    """Training data and where it lies."""

    folder: Path
    about: DataSet


def split_of(session_id: str) -> Split:
    """Return the split of a session: by a digest of its id, so that it never moves to the other one."""
    drawn = int.from_bytes(hashlib.sha256(session_id.encode()).digest()[:4], "big") / 2**32
    return "validation" if drawn < VALIDATION_SHARE else "train"


def write_data(
    root: Path, model: ModelKind, domain: str, tenant: str, splits: Mapping[Split, pa.Table]
) -> TrainingData:
    """Write the splits into a folder named by their content; the same rows give the same folder back.

    Raises:
        StorageFailed: the disk is full or refuses.
    """
    about = DataSet(
        model=model,
        domain=domain,
        tenant=tenant,
        data_hash=_hash(model, domain, tenant, splits),
        rows={split: splits[split].num_rows for split in SPLITS},
    )
    place = f"domain={quote(domain, safe='')}/tenant={quote(tenant, safe='')}"
    folder = root / model / place / f"data={about.data_hash}"
    if (folder / ABOUT).exists():
        return TrainingData(folder, about)
    beside = folder.with_name(f".{about.data_hash}.{secrets.token_hex(4)}.new")
    try:
        beside.mkdir(parents=True)
        for split in SPLITS:
            pq.write_table(splits[split], beside / f"{split}.parquet", compression="zstd")
        (beside / ABOUT).write_bytes(orjson.dumps(about.model_dump(), option=orjson.OPT_INDENT_2))
        _rename(beside, folder)
    except OSError as error:
        raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return TrainingData(folder, about)


def read_about(folder: Path, model: ModelKind) -> DataSet:
    """Return what a folder holds.

    Raises:
        TrainingDataBroken: it is not training data, or that of another model.
    """
    try:
        about = DataSet.model_validate_json((folder / ABOUT).read_bytes())
    except (OSError, ValidationError):
        raise TrainingDataBroken(folder, f"`{ABOUT}` is missing or damaged") from None
    if about.model != model:
        raise TrainingDataBroken(folder, f"it is for model `{about.model}`, not for `{model}`")
    return about


def read_split(folder: Path, split: Split, schema: pa.Schema) -> pa.Table:
    """Return the rows of a split.

    Raises:
        TrainingDataBroken: the file is missing or damaged, or has other columns.
    """
    file = folder / f"{split}.parquet"
    try:
        return pq.read_table(file, partitioning=None).select(schema.names).cast(schema)
    except (pa.ArrowException, KeyError, OSError, ValueError):
        raise TrainingDataBroken(folder, f"`{file.name}` is missing or damaged") from None


def _rename(beside: Path, folder: Path) -> None:
    """Put a folder in its place; one that lies there without `data.json` was broken by hand, and goes."""
    try:
        beside.rename(folder)
    except OSError:
        if (folder / ABOUT).exists():
            return  # somebody else wrote the same
        shutil.rmtree(folder)
        beside.rename(folder)


class _Digest(io.RawIOBase):
    """A file that keeps the digest of what is written, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return len(data)


def _hash(model: str, domain: str, tenant: str, splits: Mapping[Split, pa.Table]) -> str:
    """Digest the rows, not the files, whose bytes change with the version of the library."""
    digest = _Digest()
    digest.write(orjson.dumps([model, domain, tenant]))
    for split in SPLITS:
        table = splits[split].combine_chunks()
        digest.write(orjson.dumps([split, table.schema.names, table.num_rows]))
        with pa.ipc.new_stream(pa.PythonFile(digest, mode="w"), table.schema) as stream:
            stream.write_table(table)
    return digest.sha256.hexdigest()[:32]
