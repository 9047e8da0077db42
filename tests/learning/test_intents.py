"""Naming turns in batches: only those that nobody has named, and each only once."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from learning import intents
from learning.intents import classify_turns
from learning.sessions import Turn
from memory.records import Analysis, Step

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


def turn(number: int, query: str, *, source: str = "none") -> Turn:
    return Turn(
        f"event-{number:03}", "s", "u", number, float(number), query, Step(intent="recorded-one"), source
    )


def ignore(stage: str, done: int, total: int, note: str) -> None:
    """Progress is of no interest here."""


async def named(turns: Sequence[Turn], classifier: FirstWord, folder: Path) -> dict[str, str]:
    found = await classify_turns(turns, classifier, folder, ignore)
    return {event_id: step.label for event_id, step in found.steps.items()}


async def test_labels_that_a_log_brought_stand(tmp_path: Path) -> None:
    classifier = FirstWord()

    found = await named([turn(1, "leak here", source="recorded"), turn(2, "stop it")], classifier, tmp_path)

    assert found == {"event-002": "stop/seal"}
    assert classifier.texts == ["stop it"]


async def test_what_the_same_classifier_named_live_is_not_asked_again(tmp_path: Path) -> None:
    classifier = FirstWord()

    assert await named([turn(1, "leak here", source=classifier.identity)], classifier, tmp_path) == {}
    assert classifier.asked == []


async def test_what_another_classifier_named_is_named_anew(tmp_path: Path) -> None:
    found = await named([turn(1, "leak here", source="older:1")], FirstWord(), tmp_path)

    assert found == {"event-001": "leak/seal"}


async def test_a_turn_without_words_is_not_guessed_at(tmp_path: Path) -> None:
    assert await named([turn(1, "")], FirstWord(), tmp_path) == {}


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
