"""Naming turns in batches: only those that nobody has named, and each only once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest

from learning import intents
from learning.intents import Named, Question, classify_turns, count_unlearned, stored_intents
from memory.records import Analysis

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class FirstWord:
    """Names a turn after its first word, and remembers what it was asked."""

    def __init__(self, identity: str = "first-word:1", *, fails_after: int | None = None) -> None:
        self.identity = identity
        self.asked: list[list[str]] = []
        self._fails_after = fails_after

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        if len(self.asked) == self._fails_after:
            raise ConnectionError
        self.asked.append(list(texts))
        return [Analysis(intent=text.split()[0], intent_confidence=0.9, topic="seal") for text in texts]

    @property
    def texts(self) -> list[str]:
        return [text for batch in self.asked for text in batch]


def turn(number: int, query: str, *, at: float | None = None) -> Question:
    return Question(f"event-{number:03}", "s", "u", float(number) if at is None else at, query)


def ignore(stage: str, done: int, total: int, note: str) -> None:
    """Progress is of no interest here."""


async def named(turns: Sequence[Question], classifier: FirstWord, folder: Path) -> dict[str, str]:
    found = await classify_turns(turns, classifier, folder, ignore)
    return {event_id: step.label for event_id, step in found.steps.items()}


async def test_a_second_run_asks_only_about_new_turns(tmp_path: Path) -> None:
    old = [turn(1, "leak here"), turn(2, "stop it")]
    first = await named(old, FirstWord(), tmp_path)
    again, later = FirstWord(), FirstWord()

    assert await named(old, again, tmp_path) == first
    assert await named([*old, turn(3, "start it")], later, tmp_path) == {**first, "event-003": "start/seal"}
    assert (again.asked, later.texts) == ([], ["start it"])


async def test_another_classifier_names_all_and_the_first_one_still_knows(tmp_path: Path) -> None:
    turns = [turn(1, "leak here"), turn(2, "stop it")]
    first, other, back = FirstWord(), FirstWord("first-word:2"), FirstWord()

    for classifier in (first, other, back):
        await named(turns, classifier, tmp_path)

    assert (len(first.texts), len(other.texts), len(back.texts)) == (2, 2, 0)


async def test_batches_survive_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intents, "BATCH", 2)
    turns = [turn(number, f"word{number} x") for number in range(5)]
    with pytest.raises(ConnectionError):
        await named(turns, FirstWord(fails_after=2), tmp_path)
    resumed = FirstWord()

    found = await named(turns, resumed, tmp_path)

    assert resumed.texts == ["word4 x"]
    assert found == {f"event-{n:03}": f"word{n}/seal" for n in range(5)}


async def test_a_damaged_batch_is_named_again(tmp_path: Path) -> None:
    turns = [turn(1, "leak here")]
    first = await named(turns, FirstWord(), tmp_path)
    [file] = tmp_path.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-7])
    repairing, after = FirstWord(), FirstWord()

    assert await named(turns, repairing, tmp_path) == await named(turns, after, tmp_path) == first
    assert (repairing.texts, after.texts) == (["leak here"], [])


async def test_a_half_written_batch_is_passed_over(tmp_path: Path) -> None:
    await named([turn(1, "leak here")], FirstWord(), tmp_path)
    [file] = tmp_path.rglob("*.parquet")
    file.rename(file.with_name(f".{file.stem}.new"))
    again = FirstWord()

    await named([turn(1, "leak here")], again, tmp_path)

    assert again.texts == ["leak here"]


async def test_progress_counts_the_turns_that_are_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intents, "BATCH", 2)
    told: list[tuple[str, int, int]] = []

    await classify_turns(
        [turn(n, "leak x") for n in range(3)],
        FirstWord(),
        tmp_path,
        lambda stage, done, total, note: told.append((stage, done, total)),
    )

    assert told == [("intents", 2, 3), ("intents", 3, 3)]


async def test_results_lie_by_the_day_of_the_turn_and_read_as_one_table(tmp_path: Path) -> None:
    day_s = 86_400.0
    turns = [turn(1, "leak here", at=0.5 * day_s), turn(2, "stop it", at=1.5 * day_s)]

    await named(turns, FirstWord(), tmp_path)

    rows = ds.dataset(tmp_path, partitioning="hive").to_table().to_pylist()
    assert [(r["year"], r["month"], r["day"], r["intent"]) for r in rows] == [
        (1970, 1, 1, "leak"),
        (1970, 1, 2, "stop"),
    ]
    assert (rows[0]["session_id"], rows[0]["user"], rows[0]["named_by"]) == ("s", "u", "first-word:1")
    assert rows[0]["confidence"] == pytest.approx(0.9)


async def test_the_same_turns_give_the_same_files(tmp_path: Path) -> None:
    turns = [turn(1, "leak here"), turn(2, "stop it")]
    for folder, order in (("a", turns), ("b", turns[::-1])):
        await named(order, FirstWord(), tmp_path / folder)

    contents = [
        {file.relative_to(tmp_path / folder): file.read_bytes() for file in (tmp_path / folder).rglob("*.*")}
        for folder in ("a", "b")
    ]
    assert contents[0] == contents[1]


async def test_what_was_named_can_be_read_with_its_confidence(tmp_path: Path) -> None:
    await named([turn(1, "leak here")], FirstWord(), tmp_path)

    found = stored_intents(tmp_path, "first-word:1")["event-001"]

    assert (found.step.label, found.confidence, found.by) == ("leak/seal", pytest.approx(0.9), "first-word:1")
    assert stored_intents(tmp_path, "first-word:2") == {}


async def test_new_intents_are_those_since_the_release_or_those_just_named(tmp_path: Path) -> None:
    first = await classify_turns([turn(n, "leak x") for n in range(3)], FirstWord(), tmp_path, ignore)
    again = await classify_turns([turn(n, "leak x") for n in range(4)], FirstWord(), tmp_path, ignore)
    times = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    assert (first.new, again.new) == (3, 1)
    assert count_unlearned(times, again, None) == 5
    assert count_unlearned(times, again, 3.0) == 2
    assert count_unlearned(times, first, 4.0) == 3
    assert count_unlearned(times, Named({}, 0), 5.0) == 0
