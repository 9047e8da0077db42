"""Training data in files: named by their content, whole or absent, refused when they are something else."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from learning.datasets import (
    Split,
    TrainingData,
    TrainingDataBroken,
    read_about,
    read_split,
    split_of,
    write_data,
)
from learning.session_data import SESSIONS, read_sessions, session_tables
from learning.sessions import SOLVED, SessionRow, choose, make_sessions

SCHEMA = pa.schema([("text", pa.string())])


def store(root: Path, *texts: str, tenant: str = "acme") -> TrainingData:
    train, validation = (pa.table({"text": rows}, schema=SCHEMA) for rows in (list(texts), ["v"]))
    splits: dict[Split, pa.Table] = {"train": train, "validation": validation}
    return write_data(root, "intent-classifier", "pumps", tenant, splits)


def test_rows_come_back_from_a_folder_that_says_what_it_holds(tmp_path: Path) -> None:
    folder, about = store(tmp_path, "a", "b")

    assert read_about(folder, "intent-classifier") == about
    assert (about.rows, about.domain, about.tenant) == ({"train": 2, "validation": 1}, "pumps", "acme")
    assert read_split(folder, "train", SCHEMA).column("text").to_pylist() == ["a", "b"]
    assert folder.name == f"data={about.data_hash}"


def test_the_same_rows_give_the_same_folder_and_others_another(tmp_path: Path) -> None:
    first = store(tmp_path / "a", "a", "b")

    assert store(tmp_path / "b", "a", "b").about == first.about
    assert store(tmp_path / "a", "a", "b") == first
    others = [
        store(tmp_path / "a", "a"),
        store(tmp_path / "a", "ab", ""),
        store(tmp_path / "a", "a", tenant="b"),
    ]
    assert len({first.about.data_hash, *(one.about.data_hash for one in others)}) == 4


def test_rows_that_were_put_together_from_parts_are_the_same_rows(tmp_path: Path) -> None:
    whole = pa.table({"text": ["a", "b"]}, schema=SCHEMA)
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])

    stored = [
        write_data(tmp_path, "intent-classifier", "pumps", "acme", {"train": one, "validation": one})
        for one in (whole, parts)
    ]

    assert stored[0] == stored[1]


def test_a_tenant_with_a_strange_name_stays_in_the_folder(tmp_path: Path) -> None:
    folder = store(tmp_path, "a", tenant="../../é").folder

    assert folder.resolve().is_relative_to(tmp_path.resolve() / "intent-classifier" / "domain=pumps")
    found = ds.dataset(tmp_path, format="parquet", partitioning="hive", exclude_invalid_files=True)
    assert set(found.to_table().column("tenant").to_pylist()) == {"../../é"}


def test_a_folder_that_was_half_written_is_written_anew(tmp_path: Path) -> None:
    first = store(tmp_path, "a")
    (first.folder / "data.json").unlink()
    (first.folder / "train.parquet").write_bytes(b"PAR1")

    assert store(tmp_path, "a") == first
    assert read_split(first.folder, "train", SCHEMA).num_rows == 1
    assert not list(first.folder.parent.glob(".*"))


def test_what_is_no_training_data_is_refused(tmp_path: Path) -> None:
    folder = store(tmp_path, "a").folder

    with pytest.raises(TrainingDataBroken, match="it is for model `intent-classifier`"):
        read_about(folder, "pattern-recognition")
    with pytest.raises(TrainingDataBroken, match=r"validation\.parquet"):
        read_split(folder, "validation", SESSIONS)
    (folder / "train.parquet").write_bytes(b"PAR1")
    with pytest.raises(TrainingDataBroken, match=r"train\.parquet"):
        read_split(folder, "train", SCHEMA)
    with pytest.raises(TrainingDataBroken, match=r"data\.json"):
        read_about(tmp_path, "intent-classifier")


def test_sessions_come_back_as_they_went() -> None:
    rows = [
        SessionRow(
            f"s{n}", f"u{n % 7}", ["a/x", "b", "a/x"][: n % 4], [n, n + 1, n + 2][: n % 4], SOLVED, None
        )
        for n in range(40)
    ]
    sessions = make_sessions([*rows, SessionRow("said", "u1", ["b"], [5.0], SOLVED, ["the pump leaks"])])

    tables = session_tables(sessions)

    found = {split: read_sessions(table) for split, table in tables.items()}
    assert sum(map(len, found.values())) == len(sessions)
    assert len(found["validation"]) > 0
    for split, part in found.items():
        wanted = choose(sessions, [n for n, one in enumerate(sessions.ids) if split_of(one) == split])
        assert part.ids == wanted.ids
        assert [part.labels[n] for n in part.steps] == [wanted.labels[n] for n in wanted.steps]
        assert [part.user_keys[n] for n in part.users] == [wanted.user_keys[n] for n in wanted.users]
        for name in ("times", "offsets", "outcomes", "words", "word_offsets"):
            np.testing.assert_array_equal(getattr(part, name), getattr(wanted, name))


def test_no_sessions_at_all_come_back_too() -> None:
    tables = session_tables(make_sessions([]))

    assert len(read_sessions(tables["train"])) == 0
