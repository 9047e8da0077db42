"""From lake to release: the same lake gives the same release, and a crash leaves the old one live."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from learning.pipeline import NothingToLearn
from learning.recorded import recorded_events
from memory.arrays import open_pattern_index
from memory.errors import LakeFileBroken
from memory.parquet import open_lake
from memory.ports import Registry
from memory.records import Release, SessionEvent, TurnFinished
from memory.sqlite import open_store
from tests.learning.places import Place, SecondWord, elsewhere, events, session

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_store(tmp_path / "store.sqlite") as store:
        yield Place(tmp_path, open_lake(tmp_path / "lake"), store.registry("acme"))


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
    assert {"read", "sessions", "patterns", "next_step", "publish"} <= report.stages_ms.keys()


async def test_the_live_patterns_lie_in_the_lake_even_after_a_crash(place: Place) -> None:
    await place.lake.write(events(0, 60))
    await place.learn()
    files = sorted((place.folder / "lake/processed/patterns").rglob("*.parquet"))
    whole = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()

    await place.learn()

    index = open_pattern_index(place.folder / (await place.live()).path)
    ids = {one.pattern_id for one in await index.patterns(limit=10_000)}
    stored = [pq.read_table(file, partitioning=None).column("pattern_id").to_pylist() for file in files]
    assert {one for part in stored for one in part} == ids
    assert [file.read_bytes() for file in files] == whole


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


async def test_interrupted_anywhere_the_live_release_stays_and_the_next_run_goes_on(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    nameless = {"intent": "none", "topic": None, "label_source": "none"}
    await place.lake.write(
        [e.model_copy(update=nameless) if isinstance(e, TurnFinished) else e for e in events(60, 75)]
    )
    calls = 0

    def interrupt(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == interrupted:
            raise KeyboardInterrupt

    interrupted, lives = 0, []
    while True:
        interrupted, calls = interrupted + 1, 0
        with suppress(KeyboardInterrupt):
            report = await place.learn(on_progress=interrupt)
            break
        lives.append((await place.live()).release_id)
        open_pattern_index(place.folder / (await place.live()).path)

    assert len(lives) > 6
    assert set(lives[:-1]) == {first.release_id}  # the last call comes after the new one went live
    assert report.release_id == (await elsewhere(place, "fresh").learn()).release_id != first.release_id
    assert not list(place.folder.rglob("*.new"))


@pytest.mark.parametrize("file", ["index.json", "context-keys.npy", "patterns.jsonl"])
async def test_a_release_whose_files_are_damaged_is_written_again(place: Place, file: str) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    (place.folder / (await place.live()).path / file).unlink()

    again = await place.learn()

    assert (again.is_new, again.release_id) == (True, first.release_id)
    open_pattern_index(place.folder / (await place.live()).path)


# --- looking on --------------------------------------------------------------------------------------


async def test_a_preview_says_what_learning_will_do_and_writes_nothing(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.preview()
    await place.learn()
    await place.lake.write([e for n in range(90, 120) for e in only_orders(n)])
    before = place.written()

    second = await place.preview()

    assert place.written() == before
    report = await place.learn()
    assert (first.live, first.new_patterns != [], first.gone_patterns) == (None, True, [])
    assert second.live is not None and second.live.release_id == first.release_id
    assert (second.release_id, second.sessions, second.steps, second.patterns) == (
        report.release_id,
        report.sessions,
        report.steps,
        report.patterns,
    )
    assert second.is_new and second.new_patterns and second.new_files > 0
    news = {one.pattern_id for one in second.new_patterns}
    index = open_pattern_index(place.folder / (await place.live()).path)
    assert news <= {one.pattern_id for one in await index.patterns(limit=10_000)}
    again = await place.preview()
    assert (again.is_new, again.new_patterns, again.gone_patterns, again.moved_patterns) == (False, [], [], 0)


def only_orders(number: int) -> list[SessionEvent]:
    return recorded_events(session(number, ["order", "gift", "order"]), tenant="acme", domain="pumps")


async def test_learning_waits_until_there_is_enough_news(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn(due_after=10_000)  # the first release never waits
    await place.lake.write(only_orders(90))

    waits = await place.learn(due_after=3)
    due = await place.learn(due_after=2)

    assert (first.is_due, first.unlearned) == (True, first.steps)
    assert (waits.is_due, waits.unlearned, waits.release_id) == (False, 3, first.release_id)
    assert (due.is_due, due.is_new, due.unlearned) == (True, True, 3)
    assert (await place.live()).release_id == due.release_id


# --- bad input ---------------------------------------------------------------------------------------


async def test_a_broken_file_is_counted_and_learned_from_once_it_is_whole(place: Place) -> None:
    await place.lake.write(events(0, 60))
    whole = await elsewhere(place, "whole").learn()
    [file, *_] = sorted((place.folder / "lake/raw/sessions").rglob("*.parquet"))
    body = file.read_bytes()
    file.write_bytes(body[:-9] + b"x" * 9)

    broken = await place.learn()
    file.write_bytes(body)
    mended = await place.learn()

    assert broken.broken_files == [str(file.relative_to(place.folder / "lake"))]
    assert (broken.sessions, broken.files) == (59, whole.files - 1)
    assert (mended.release_id, mended.broken_files, mended.new_files) == (whole.release_id, [], 1)


async def test_a_lake_of_broken_files_is_no_empty_lake(place: Place) -> None:
    await place.lake.write(events(0, 1))
    for file in (place.folder / "lake/raw/sessions").rglob("*.parquet"):
        file.write_bytes(b"")

    with pytest.raises(LakeFileBroken, match="raw/sessions"):
        await place.learn()

    assert await place.registry.live("pumps") is None


async def test_events_from_the_future_are_counted_and_wait(place: Place) -> None:
    await place.lake.write(events(0, 30))
    early = datetime.fromtimestamp(1e9 + 20 * 86_400 - 1, UTC)

    today, later = await place.learn(now=early), await place.learn()

    assert (today.sessions, today.future_events) == (21, len(events(21, 30)))
    assert (later.sessions, later.future_events) == (30, 0)


@pytest.mark.parametrize(
    "log",
    [
        [["alarm"]],
        [["alarm"] * 3] * 30,
        [["電気", "naïve/Öl", "🎛"]] * 30,
        [[f"label-{n}" for n in range(3_000)]],
    ],
    ids=["one session", "one label", "unicode", "very long"],
)
async def test_odd_logs_make_whole_releases(place: Place, log: list[list[str]]) -> None:
    sessions = [session(number, labels) for number, labels in enumerate(log)]
    await place.lake.write(
        [event for one in sessions for event in recorded_events(one, tenant="acme", domain="pumps")]
    )

    report = await place.learn()

    assert report.sessions == len(log)
    assert report.steps + report.cut_steps == sum(map(len, log))
    index = open_pattern_index(place.folder / (await place.live()).path)
    assert sum(s.confidence for s in (await index.match([log[0][0]], user=None)).suggestions) <= 1.0001


async def test_a_machine_is_counted_and_not_learned_from(place: Place) -> None:
    await place.lake.write(events(0, 60))
    first = await place.learn()
    forged = [session(1_000, ["forged", "order"]).model_copy(update={"user_id": "bot"})]
    forged = [forged[0].model_copy(update={"session_id": f"bot-{number}"}) for number in range(1_200)]
    await place.lake.write([e for one in forged for e in recorded_events(one, tenant="acme", domain="pumps")])

    second = await place.learn()

    assert (second.machine_sessions, second.release_id) == (1_200, first.release_id)


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
