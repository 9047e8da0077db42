"""One more day of learning gives what a full run gives, whatever comes late, twice or broken."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from memory.parquet import open_lake
from memory.records import Analysis, FeedbackGiven, SessionEvent, TurnFinished
from memory.sqlite import open_store
from tests.learning.places import NOW, Place, SecondWord, content, elsewhere, events

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_store(tmp_path / "store.sqlite") as store:
        yield Place(tmp_path, open_lake(tmp_path / "lake"), store.registry("acme"))


async def test_day_by_day_gives_the_release_of_a_full_run_byte_for_byte(place: Place) -> None:
    log = events(0, 60)
    late = [events(3, 4)[1], *events(20, 21)[2:]]  # turns of old sessions, and how one of them ended
    log = [event for event in log if event not in late]
    random.Random(5).shuffle(log)
    days = [log[:80], log[60:150], [*log[140:], *events(60, 61)], [*late, *log[:9], said_of(7)]]

    for number, day in enumerate(days):
        await place.lake.write(day)
        daily = await place.learn()
        fresh = elsewhere(place, f"fresh-{number}")
        full = await fresh.learn()

        assert (daily.release_id, daily.files) == (full.release_id, full.files)
        assert content(place, daily) == content(fresh, full)
        assert 0 < daily.new_files <= full.new_files
    assert daily.new_files < full.new_files


def said_of(number: int) -> SessionEvent:
    return FeedbackGiven(
        event_id=f"late-{number}",
        session_id=f"session-{number}",
        tenant="acme",
        domain="pumps",
        user="0" * 16,
        turn=1,
        seq=0,
        at=NOW,
        resolved=False,
    )


def forget(kept: Path) -> None:
    kept.unlink()


def flip(kept: Path) -> None:
    body = bytearray(kept.read_bytes())
    body[len(body) // 2] ^= 1
    kept.write_bytes(body)


def shorten(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:100])


def empty(kept: Path) -> None:
    kept.write_bytes(b"{}")


@pytest.mark.parametrize("kind", ["manifest.json", "*.arrow"])
@pytest.mark.parametrize("damage", [forget, flip, shorten, empty])
async def test_what_is_kept_between_runs_is_only_a_shortcut(
    place: Place, kind: str, damage: Callable[[Path], None]
) -> None:
    await place.lake.write(events(0, 60))
    await place.learn()
    await place.lake.write(events(60, 64))
    [kept] = (place.folder / "learning/events").rglob(kind)
    damage(kept)

    again = await place.learn()

    assert again.new_files == again.files
    assert again.release_id == (await elsewhere(place, "fresh").learn()).release_id
    assert (await place.learn()).new_files == 0


async def test_a_file_taken_out_of_the_lake_is_out_of_what_is_learned(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    before = set(await place.lake.files())
    await place.lake.write(events(60, 90))
    await place.learn()
    for file in set(await place.lake.files()) - before:
        (place.folder / "lake" / file.name).unlink()

    assert (await place.learn()).release_id == first.release_id


async def test_another_classifier_names_everything_anew(place: Place) -> None:
    nameless = {"intent": "none", "topic": None, "label_source": "none"}
    log = [e.model_copy(update=nameless) if isinstance(e, TurnFinished) else e for e in events(0, 60)]
    await place.lake.write(log)
    first = await place.learn()

    second = await place.learn(classifier=ThirdWord())

    assert (first.classified, second.classified) == (220, 220)
    assert second.release_id != first.release_id
    assert (await place.learn()).release_id == first.release_id


class ThirdWord(SecondWord):
    """Names a turn after the third word of its question."""

    identity = "third-word:1"

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        return [Analysis(intent=text.split()[2], intent_confidence=0.9) for text in texts]
