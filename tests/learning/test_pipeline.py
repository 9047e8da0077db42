"""From lake to release: the same lake gives the same release, and a crash leaves the old one live."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from learning.pipeline import LearnReport, NothingToLearn, learn
from learning.recorded import RecordedSession, recorded_events
from memory.arrays import open_pattern_index
from memory.parquet import ParquetLake, open_lake
from memory.ports import Registry
from memory.records import Analysis, Release, SessionEvent, TurnFinished
from memory.sqlite import open_store
from tests.learning.logs import ALARM, ORDER

NOW = datetime(2026, 3, 1, tzinfo=UTC)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class SecondWord:
    """Names a turn after the second word of its question."""

    identity = "second-word:1"

    def __init__(self) -> None:
        self.count = 0

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        self.count += len(texts)
        return [Analysis(intent=text.split()[1], intent_confidence=0.9) for text in texts]


@dataclass
class Place:
    """A state folder with its lake and registry."""

    folder: Path
    lake: ParquetLake
    registry: Registry

    async def learn(
        self,
        *,
        registry: Registry | None = None,
        classifier: SecondWord | None = None,
        now: datetime = NOW,
    ) -> LearnReport:
        return await learn(
            self.lake,
            registry or self.registry,
            classifier or SecondWord(),
            tenant="acme",
            domain="pumps",
            folder=self.folder,
            embedder="letters:1",
            advanced=True,
            now=now,
            on_progress=lambda *_: None,
        )

    async def live(self) -> Release:
        found = await self.registry.live("pumps")
        assert found is not None
        return found

    def written(self) -> dict[str, int]:
        files = (path for path in self.folder.rglob("*") if path.is_file() and "sqlite" not in path.name)
        return {str(file): file.stat().st_mtime_ns for file in files}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_store(tmp_path / "store.sqlite") as store:
        yield Place(tmp_path, open_lake(tmp_path / "lake"), store.registry("acme"))


def session(number: int, labels: Sequence[str] = ALARM) -> RecordedSession:
    return RecordedSession(
        session_id=f"session-{number}",
        user_id=f"user-{number % 12}",
        labels=list(labels),
        texts=[f"about {label} please" for label in labels],
        start=1e9 + number * 86_400,
        success=number % 4 > 0,
    )


def events(first: int, last: int) -> list[SessionEvent]:
    sessions = [session(number, ALARM if number % 3 else ORDER) for number in range(first, last)]
    return [event for one in sessions for event in recorded_events(one, tenant="acme", domain="pumps")]


async def test_what_is_learned_goes_live_and_answers(place: Place) -> None:
    await place.lake.write(events(0, 90))

    report = await place.learn()
    live = await place.live()
    index = open_pattern_index(place.folder / live.path)

    assert (report.is_new, report.sessions, report.steps, report.users) == (True, 90, 330, 12)
    assert (live.release_id, live.patterns, live.metrics) == (
        report.release_id,
        report.patterns,
        report.metrics,
    )
    assert len(await index.patterns(limit=10_000)) == report.patterns > 0
    assert report.metrics["hit_rate_at_3"] > 0.8
    [first, *_] = (await index.match(["alarm", "diagnose"], user=None)).suggestions
    assert first.label == "repair"
    assert {"read", "sessions", "count", "publish"} <= report.stages_ms.keys()


async def test_the_folder_of_a_release_says_what_it_is(place: Place) -> None:
    await place.lake.write(events(0, 60))
    await place.learn()

    live = await place.live()
    assert Release.model_validate_json((place.folder / live.path / "release.json").read_bytes()) == live


async def test_the_same_lake_gives_the_same_release_and_writes_nothing(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    before = place.written()

    again = await place.learn()

    assert (again.release_id, again.is_new) == (first.release_id, False)
    assert (again.sessions, again.patterns, again.metrics) == (first.sessions, first.patterns, first.metrics)
    assert place.written() == before


async def test_the_order_in_which_events_came_does_not_matter(place: Place, tmp_path: Path) -> None:
    shuffled = events(0, 60)
    random.Random(3).shuffle(shuffled)
    other = Place(tmp_path / "other", open_lake(tmp_path / "other" / "lake"), place.registry)
    await place.lake.write(events(0, 60))
    for start in range(0, len(shuffled), 50):
        await other.lake.write(shuffled[start : start + 60])

    one, two = await place.learn(), await other.learn()

    assert one.release_id == two.release_id
    files = sorted((place.folder / (await place.live()).path).iterdir())
    twins = [other.folder / file.relative_to(place.folder) for file in files]
    assert [file.read_bytes() for file in files] == [twin.read_bytes() for twin in twins]


async def test_new_sessions_give_a_new_release_and_the_old_one_stays_known(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    await place.lake.write(events(60, 75))

    second = await place.learn()

    assert second.is_new and second.release_id != first.release_id
    assert (await place.live()).release_id == second.release_id
    known = [release.release_id for release in await place.registry.releases("pumps")]
    assert known == [second.release_id, first.release_id]
    assert (place.folder / "models/patterns" / first.release_id / "index.json").is_file()


async def test_sessions_of_other_users_are_another_release(place: Place) -> None:
    log = events(0, 60)
    await place.lake.write(log)
    first = await place.learn()
    others = {user: f"{number:016x}" for number, user in enumerate(dict.fromkeys(e.user for e in log))}
    renamed = [event.model_copy(update={"user": others[event.user]}) for event in log]
    elsewhere = Place(place.folder / "b", open_lake(place.folder / "b" / "lake"), place.registry)
    await elsewhere.lake.write(renamed)

    assert (await elsewhere.learn()).release_id != first.release_id


async def test_an_empty_lake_has_nothing_to_learn_from(place: Place) -> None:
    with pytest.raises(NothingToLearn, match="pumps"):
        await place.learn()

    assert await place.registry.live("pumps") is None


async def test_sessions_of_other_tenants_and_domains_are_nothing_to_learn_from(place: Place) -> None:
    one = session(1)
    await place.lake.write(recorded_events(one, tenant="globex", domain="pumps"))
    await place.lake.write(recorded_events(one, tenant="acme", domain="valves"))

    with pytest.raises(NothingToLearn):
        await place.learn()


async def test_turns_without_names_are_named_once(place: Place) -> None:
    nameless = {"intent": "none", "topic": None, "label_source": "none"}
    log = [e.model_copy(update=nameless) if isinstance(e, TurnFinished) else e for e in events(0, 60)]
    await place.lake.write(log)
    first, second = SecondWord(), SecondWord()

    report = await place.learn(classifier=first)
    await place.lake.write(events(60, 61))
    await place.learn(classifier=second)

    assert report.classified == report.steps == first.count == 220
    assert second.count == 0
    assert (await place.learn()).classified == 220


async def test_killed_before_the_release_is_published_the_old_one_stays_live(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    await place.lake.write(events(60, 75))

    for step in ("publish", "promote"):
        with pytest.raises(KeyboardInterrupt):
            await place.learn(registry=KilledAt(step, place.registry))
        assert (await place.live()).release_id == first.release_id
        open_pattern_index(place.folder / (await place.live()).path)

    resumed = await place.learn()
    assert (await place.live()).release_id == resumed.release_id != first.release_id


@pytest.mark.parametrize("file", ["index.json", "context-keys.npy", "patterns.jsonl"])
async def test_a_release_whose_files_are_damaged_is_written_again(place: Place, file: str) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    (place.folder / (await place.live()).path / file).unlink()

    again = await place.learn()

    assert (again.is_new, again.release_id) == (True, first.release_id)
    open_pattern_index(place.folder / (await place.live()).path)


class KilledAt:
    """The process ends just before this step of publishing; all else goes to the real registry."""

    def __init__(self, step: str, registry: Registry) -> None:
        self._step = step
        self._registry = registry

    async def publish(self, release: Release) -> None:
        self._end_at("publish")
        await self._registry.publish(release)

    async def promote(self, domain: str, release_id: str) -> None:
        self._end_at("promote")
        await self._registry.promote(domain, release_id)

    async def live(self, domain: str) -> Release | None:
        return await self._registry.live(domain)

    async def releases(self, domain: str) -> list[Release]:
        return await self._registry.releases(domain)

    def _end_at(self, step: str) -> None:
        if step == self._step:
            raise KeyboardInterrupt
