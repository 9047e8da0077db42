"""The pattern index on disk: what is written comes back, what is damaged is named."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from learning.next_step import CAUTIOUS, fit
from learning.patterns import find_patterns
from memory import arrays
from memory.arrays import (
    ArrayPatternIndex,
    Curve,
    Model,
    PatternIndexBroken,
    open_pattern_index,
    write_index,
)
from memory.contexts import ORDER, Contexts
from memory.errors import StorageFailed
from memory.histories import Histories
from tests.learning.logs import ALARM, USERS, Visit, sessions_of, usual_log
from tests.learning.logs import ORDER as ORDERING

pytestmark = pytest.mark.anyio

LOG = [*usual_log(), *[Visit(user, ORDERING, solved=False) for user in USERS[:10]]]
FLOWS = [[], ["alarm"], ["order", "price"], ["alarm", "diagnose", "repair", "restart", "alarm"], ["unknown"]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(sessions_of(LOG), "pumps").model


def counts_alone(model: Model) -> Model:
    """Leave the network out: what the contexts say can be told exactly."""
    return model._replace(network=None, network_labels=np.zeros(0, np.int32), tuning=CAUTIOUS)


def write(folder: Path, model: Model) -> None:
    write_index(
        folder,
        domain="pumps",
        model=model,
        patterns=find_patterns(sessions_of(LOG), "pumps", advanced=True),
    )


@pytest.fixture
def folder(tmp_path: Path, model: Model) -> Path:
    write(tmp_path / "r-1", model)
    return tmp_path / "r-1"


@pytest.fixture
def counted(tmp_path: Path, model: Model) -> Path:
    write(tmp_path / "r-1", counts_alone(model))
    return tmp_path / "r-1"


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let the system refuse longer files, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("small_bytes", [arrays.SMALL_BYTES, 0], ids=["read", "mapped"])
async def test_what_is_written_comes_back(
    folder: Path, model: Model, small_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "SMALL_BYTES", small_bytes)
    fresh = ArrayPatternIndex(folder, "pumps", model)

    opened = open_pattern_index(folder)

    for flow in FLOWS:
        for user in (None, USERS[0]):
            assert await opened.match(flow, user=user) == await fresh.match(flow, user=user)
            assert opened.chances(flow, user=user) == fresh.chances(flow, user=user)
    assert await opened.patterns(limit=9999) == find_patterns(sessions_of(LOG), "pumps", advanced=True)


def test_the_same_index_is_the_same_bytes_and_leaves_nothing_beside(tmp_path: Path, model: Model) -> None:
    for name in ("a", "b", "b"):
        write(tmp_path / name, model)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


async def test_at_the_start_of_a_session_come_the_steps_that_sessions_start_with(counted: Path) -> None:
    index = open_pattern_index(counted)

    start = index.chances([])

    assert max(start, key=lambda label: start[label]) == "alarm"
    assert start["alarm"] + start["order"] > 0.9
    assert index.chances(["unknown"])["restart"] > start["restart"]


def test_a_step_at_the_start_is_told_from_the_same_step_later() -> None:
    log = [Visit(user, ["alarm", "repair"]) for user in USERS]
    log += [Visit(user, ["repair", "alarm", "order"]) for user in USERS]
    index = ArrayPatternIndex(Path(), "pumps", counts_alone(fit(sessions_of(log), "pumps").model))

    assert index.chances(["alarm"])["repair"] > 0.8
    assert index.chances(["repair", "alarm"])["order"] > 0.8


@pytest.mark.parametrize("slope", [0.05, 1.0, 9.0])
@pytest.mark.parametrize("shift", [-3.0, 0.0, 9.0])
async def test_whatever_was_fitted_confidences_fall_and_add_up_to_at_most_one(
    model: Model, slope: float, shift: float
) -> None:
    curves = [Curve([-1.0, 1.0], [b - a, b + a]) for a, b in ((1.0, 0.0), (slope, shift), (1.0, shift))]
    tuning = model.tuning._replace(curves=curves)
    index = ArrayPatternIndex(Path(), "pumps", model._replace(tuning=tuning))

    for flow in FLOWS:
        confidences = [one.confidence for one in (await index.match(flow, user=None, k=9)).suggestions]
        assert confidences == sorted(confidences, reverse=True)
        assert 0 < sum(confidences) <= 1


def test_only_the_last_steps_are_looked_at(counted: Path) -> None:
    index = open_pattern_index(counted)
    last = ["repair", "restart", "alarm", "diagnose"]
    assert len(last) == ORDER

    assert index.chances(["order", *last]) == index.chances(["never seen"] * 50 + last)


async def test_a_step_never_seen_hides_what_was_before_it_and_nothing_after(counted: Path) -> None:
    index = open_pattern_index(counted)

    found = await index.match(["order", "never seen", "alarm", "diagnose"], user=None)

    assert found.suggestions[0].label == "repair"
    assert found.suggestions[0].why == "alarm > diagnose"


async def test_the_risk_is_that_of_the_longest_past_softened_by_shorter_ones(counted: Path) -> None:
    index = open_pattern_index(counted)

    risk = {label: (await index.match([label], user=None)).failure_risk for label in ("alarm", "order")}
    whole = (await index.match(["never seen"], user=None)).failure_risk

    assert whole == pytest.approx(10 / 80)
    assert risk["alarm"] is not None and risk["order"] is not None
    assert 0 <= risk["alarm"] < whole < risk["order"] < 0.5


async def test_without_known_outcomes_there_is_no_risk() -> None:
    model = fit(sessions_of([visit._replace(solved=None) for visit in LOG]), "pumps").model
    index = ArrayPatternIndex(Path(), "pumps", model)

    found = await index.match(["alarm"], user=None)

    assert found.failure_risk is None
    assert {one.success_rate for one in found.suggestions} == {None}


FILES = [
    "index.json",
    *(f"context-{name}.npy" for name in Contexts._fields),
    *(f"history-{name}.npy" for name in Histories._fields),
]


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_missing_empty_or_cut_is_named(folder: Path, file: str) -> None:
    whole = (folder / file).read_bytes()

    for body in (b"", whole[: len(whole) // 2], b"\x93NUMPY\xff\xff", b"\xff\xfe"):
        (folder / file).write_bytes(body)
        with pytest.raises(PatternIndexBroken, match="r-1") as caught:
            open_pattern_index(folder)
        assert "learn" in caught.value.fix
    (folder / file).unlink()
    with pytest.raises(PatternIndexBroken):
        open_pattern_index(folder)


@pytest.mark.parametrize("about", [[], {}, {"format": 3}, {"format": 2, "domain": "pumps", "labels": []}])
def test_an_index_that_says_something_else_is_refused(folder: Path, about: object) -> None:
    (folder / "index.json").write_text(json.dumps(about))

    with pytest.raises(PatternIndexBroken):
        open_pattern_index(folder)


def test_an_index_of_a_newer_format_is_refused(folder: Path) -> None:
    about = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**about, "format": about["format"] + 1}))

    with pytest.raises(PatternIndexBroken):
        open_pattern_index(folder)


def test_arrays_that_hold_objects_are_never_unpickled(folder: Path) -> None:
    np.save(folder / "context-keys.npy", np.array([{}], object), allow_pickle=True)

    with pytest.raises(PatternIndexBroken):
        open_pattern_index(folder)


@pytest.mark.parametrize("body", [None, b"{}\n", b"\xff\n"])
async def test_patterns_that_cannot_be_read_are_named_and_suggestions_still_come(
    folder: Path, body: bytes | None
) -> None:
    (folder / "patterns.jsonl").unlink()
    if body is not None:
        (folder / "patterns.jsonl").write_bytes(body)
    index = open_pattern_index(folder)

    assert (await index.match(["alarm"], user=None)).suggestions[0].label in ALARM
    with pytest.raises(PatternIndexBroken, match="r-1"):
        await index.patterns()


async def test_a_disk_that_refuses_leaves_the_old_index_and_nothing_beside(
    folder: Path, model: Model
) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    with files_of_at_most(600), pytest.raises(StorageFailed, match="r-1"):
        write(folder, model)

    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["r-1"]
