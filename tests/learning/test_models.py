"""Versions of models: whole or absent, never rewritten, and back to an older one in one instant."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from learning.models import (
    Live,
    Published,
    VersionBroken,
    VersionUnknown,
    live_version,
    load_version,
    model_name,
    model_names,
    promote,
    publish_version,
    read_live,
    rollback,
    version_folder,
    version_numbers,
    versions,
)

NAME = "intent-classifier.pumps.t-local"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def trained(folder: Path, weights: str = "1 2 3") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.npy").write_text(weights)
    (folder / "metrics.json").write_text('{"accuracy": 0.9}')
    return folder


def publish(root: Path, weights: str = "1 2 3", *, data: str = "d1", at: datetime = NOW) -> Published:
    folder = trained(root.parent / f"job-{weights}", weights)
    return publish_version(root, NAME, folder, data_hash=data, code_version="1.0", created_at=at)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_a_version_says_what_it_is_made_of(root: Path) -> None:
    version = publish(root).version

    assert load_version(root, NAME, 1) == version
    assert (version.version_id, version.data_hash, version.code_version) == ("v1", "d1", "1.0")
    assert (version.created_at, version.metrics) == (NOW, {"accuracy": 0.9})
    assert (version_folder(root, version) / "weights.npy").read_text() == "1 2 3"


def test_the_same_content_gives_the_same_version_back(root: Path) -> None:
    first = publish(root)
    again = publish(root, at=datetime(2027, 1, 1, tzinfo=UTC))

    assert (first.is_new, again) == (True, Published(first.version, is_new=False))
    assert publish(root, "4 5 6").version.version == 2
    assert publish(root, data="d2").version.version == 3
    assert [one.version for one in versions(root, NAME)] == [3, 2, 1]


def test_the_trainer_may_change_its_folder_afterwards(root: Path) -> None:
    version = publish(root).version

    trained(root.parent / "job-1 2 3", "changed")

    assert load_version(root, NAME, 1) == version


@pytest.mark.parametrize("file", ["weights.npy", "metrics.json", "version.json"])
def test_a_version_with_a_missing_or_changed_file_is_refused(root: Path, file: str) -> None:
    version = publish(root).version
    publish(root, "4 5 6")
    path = version_folder(root, version) / file
    path.write_bytes(path.read_bytes()[:-2])

    with pytest.raises(VersionBroken, match=file):
        promote(root, NAME, 1)
    path.unlink()
    with pytest.raises(VersionBroken, match=file):
        load_version(root, NAME, 1)
    assert [one.version for one in versions(root, NAME)] == [2]


def test_a_version_that_was_renamed_is_refused(root: Path) -> None:
    version = publish(root).version
    version_folder(root, version).rename(root / NAME / "v7")

    with pytest.raises(VersionBroken, match="says that it is `v1`"):
        load_version(root, NAME, 7)


def test_a_job_that_was_killed_leaves_no_version(root: Path) -> None:
    publish(root)
    (root / NAME / ".v2.abc.new").mkdir()

    assert version_numbers(root, NAME) == [1]
    assert publish(root, "4 5 6").version.version == 2


def test_a_folder_without_metrics_is_no_model(root: Path, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()

    with pytest.raises(VersionBroken, match=r"metrics\.json"):
        publish_version(root, NAME, tmp_path / "job", data_hash="d", code_version="1", created_at=NOW)
    assert model_names(root) == []


def test_many_at_once_get_a_number_each(root: Path) -> None:
    jobs = [threading.Thread(target=publish, args=(root, str(number))) for number in range(8)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()

    assert version_numbers(root, NAME) == list(range(1, 9))
    assert len(versions(root, NAME)) == 8


def test_nothing_is_in_use_before_the_first_is_promoted(root: Path) -> None:
    publish(root)

    assert live_version(root, NAME) is None
    promote(root, NAME, 1)
    assert live_version(root, NAME) == load_version(root, NAME, 1)


def test_a_rollback_goes_to_the_one_before_and_remembers_what_was_taken_back(root: Path) -> None:
    for number in (1, 2, 3):
        publish(root, str(number))
        promote(root, NAME, number)

    assert rollback(root, NAME).version == 2
    assert read_live(root, NAME) == Live(history=[1, 2], withdrawn=[3])
    assert rollback(root, NAME).version == 1
    with pytest.raises(VersionUnknown):
        rollback(root, NAME)


def test_a_rollback_by_number_keeps_the_order_of_what_was_in_use(root: Path) -> None:
    for number in (1, 2, 3):
        publish(root, str(number))
        promote(root, NAME, number)

    assert rollback(root, NAME, 1).version == 1
    assert read_live(root, NAME) == Live(history=[1], withdrawn=[3])
    promote(root, NAME, 3)
    assert read_live(root, NAME) == Live(history=[1, 3], withdrawn=[])


def test_a_rollback_to_a_broken_version_leaves_the_one_in_use(root: Path) -> None:
    for number in (1, 2):
        publish(root, str(number))
        promote(root, NAME, number)
    (root / NAME / "v1" / "weights.npy").unlink()

    with pytest.raises(VersionBroken):
        rollback(root, NAME)
    live = live_version(root, NAME)
    assert live and live.version == 2


def test_a_damaged_pointer_is_said_to_be_one(root: Path) -> None:
    publish(root)
    promote(root, NAME, 1)
    (root / NAME / "live.json").write_text('{"history": [')

    with pytest.raises(VersionBroken, match=r"live\.json"):
        live_version(root, NAME)


def test_numbers_that_are_not_there_and_names_that_are_none_are_refused(root: Path) -> None:
    publish(root)

    with pytest.raises(VersionUnknown, match="v9"):
        promote(root, NAME, 9)
    with pytest.raises(VersionUnknown):
        load_version(root, "../outside", 1)


def test_tenants_have_models_of_their_own(root: Path) -> None:
    names = {model_name("intent-classifier", "pumps", tenant) for tenant in ("a", "b", "A/../b", "h-a", "é")}

    assert len(names) == 5
    assert "intent-classifier.pumps.t-a" in names
    publish(root)
    assert model_names(root) == [NAME]


def test_the_files_are_plain_json(root: Path) -> None:
    publish(root)
    promote(root, NAME, 1)

    about = json.loads((root / NAME / "v1" / "version.json").read_text())

    assert list(about["files"]) == ["metrics.json", "weights.npy"]
    assert json.loads((root / NAME / "live.json").read_text()) == {"history": [1], "withdrawn": []}
