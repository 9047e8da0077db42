"""What the publisher promises: at least once, in order, only what failed again, and one dead letter each."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from memory.backoff import FIRST_S, LONGEST_S, Backoff
from memory.errors import StorageFailed
from memory.outbox import MOST_TRIES, BacklogFull, Refusal, SqliteOutbox, open_outbox
from memory.parquet import open_lake
from memory.publisher import Publisher, without_poison
from memory.records import EventsDropped, SessionEvent
from tests.conformance.samples import completed, feedback, turn_events

pytestmark = pytest.mark.anyio

ANNOUNCED = ("turn_finished", "session_completed")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with open_outbox(tmp_path / "outbox.sqlite", announced=ANNOUNCED) as opened:
        yield opened


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Destination:
    """Takes what it is not told to refuse."""

    def __init__(self, refuse: Callable[[SessionEvent], Refusal | None] = lambda _: None) -> None:
        self.refuse = refuse
        self.is_down = False
        self.asked: list[list[str]] = []
        self.taken: list[SessionEvent] = []

    async def __call__(self, events: Sequence[SessionEvent]) -> dict[str, Refusal]:
        self.asked.append([event.event_id for event in events])
        if self.is_down:
            raise StorageFailed("the destination", "it is down")
        refused = {event.event_id: why for event in events if (why := self.refuse(event))}
        self.taken += [event for event in events if event.event_id not in refused]
        return refused


def longest(low: float, high: float) -> float:
    return high


def publisher(outbox: SqliteOutbox, clock: Clock, **routes: Destination) -> Publisher:
    return Publisher(outbox, routes, monotonic=clock, draw=longest)  # type: ignore[arg-type]


async def test_only_announced_kinds_go_to_the_bus_and_all_to_the_lake(outbox: SqliteOutbox) -> None:
    lake, bus = Destination(), Destination()
    events = [*turn_events(), completed()]
    await outbox.append(events)

    troubles = await publisher(outbox, Clock(), lake=lake, bus=bus).publish()

    assert lake.taken == events
    assert [event.kind for event in bus.taken] == ["turn_finished", "session_completed"]
    assert troubles == {}
    assert not outbox.is_waiting("lake")


async def test_a_destination_that_is_down_does_not_hold_the_other_up(outbox: SqliteOutbox) -> None:
    lake, bus, clock = Destination(), Destination(), Clock()
    bus.is_down = True
    await outbox.append(turn_events())
    both = publisher(outbox, clock, lake=lake, bus=bus)

    troubles = await both.publish()

    assert lake.taken == turn_events()
    assert troubles == {"bus": "Could not use `the destination`: it is down."}
    assert both.is_busy
    assert [(one.queue, one.waiting, one.trouble) for one in outbox.status()] == [
        ("lake", 0, None),
        ("bus", 1, troubles["bus"]),
    ]


async def test_a_destination_that_fails_is_left_alone_longer_each_time(outbox: SqliteOutbox) -> None:
    lake, clock = Destination(), Clock()
    lake.is_down = True
    await outbox.append(turn_events())
    one = publisher(outbox, clock, lake=lake)
    asked = []

    for wait in (0.0, *(min(LONGEST_S, FIRST_S * 2**failures) for failures in range(12))):
        due = clock.now + wait
        clock.now = due - 0.001
        await one.publish() if wait else None
        too_early = len(lake.asked)
        clock.now = due
        await one.publish()
        asked.append((too_early, len(lake.asked)))

    assert asked == [(times, times + 1) for times in range(13)]
    lake.is_down = False
    clock.now += LONGEST_S
    await one.publish()
    assert lake.taken == turn_events()
    assert outbox.status()[0].trouble is None


def test_waits_are_spread_evenly_and_never_shorter_than_the_service_asks() -> None:
    clock, drawn = Clock(), list[tuple[float, float]]()

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    backoff = Backoff(monotonic=clock, draw=draw)
    backoff.failed(at_least_s=7)
    clock.now = 6.9
    early = backoff.is_due
    clock.now = 7.0

    assert (early, backoff.is_due, drawn) == (False, True, [(0.0, FIRST_S)])


async def test_only_what_was_refused_is_sent_again(outbox: SqliteOutbox) -> None:
    events = [*turn_events("a"), *turn_events("b")]
    refused = {events[1].event_id, events[4].event_id}
    lake = Destination(lambda event: Refusal("later") if event.event_id in refused else None)
    await outbox.append(events)
    one = publisher(outbox, Clock(), lake=lake)

    await one.drain("lake")
    lake.refuse = lambda _: None
    await one.drain("lake")

    assert [set(ids) for ids in lake.asked] == [{event.event_id for event in events}, refused]
    assert not outbox.is_waiting("lake")


async def test_an_event_that_is_refused_too_often_is_one_dead_letter_and_can_be_redriven(
    outbox: SqliteOutbox,
) -> None:
    events = turn_events()
    lake = Destination(lambda event: Refusal("odd") if event is not None and event.seq == 1 else None)
    await outbox.append(events)
    one = publisher(outbox, Clock(), lake=lake)

    for _ in range(MOST_TRIES + 3):
        await one.drain("lake")

    [letter] = outbox.dead_letters(limit=10)
    assert len(lake.asked) == MOST_TRIES
    assert (letter.event_id, letter.reason, letter.kind) == (events[1].event_id, "odd", "node_finished")
    lake.refuse = lambda _: None
    assert await outbox.redrive() == 1
    await one.drain("lake")
    assert sorted(event.seq for event in lake.taken) == [0, 1, 2]
    assert (outbox.dead(), outbox.is_waiting("lake")) == (0, False)


async def test_a_service_that_is_down_makes_no_dead_letters(outbox: SqliteOutbox) -> None:
    lake = Destination(lambda event: Refusal("throttled", "held"))
    await outbox.append(turn_events())
    one = publisher(outbox, Clock(), lake=lake)

    for _ in range(3 * MOST_TRIES):
        await one.drain("lake")

    assert (outbox.dead(), outbox.pending()) == (0, 3)


async def test_an_event_that_the_lake_cannot_hold_is_found_and_put_aside(
    outbox: SqliteOutbox, tmp_path: Path
) -> None:
    events = [event for number in range(5) for event in turn_events(f"s-{number}")]
    poison = turn_events("poison")[0].model_copy(update={"turn": 2**70})
    await outbox.append([*events[:7], poison, *events[7:]])
    lake = open_lake(tmp_path / "lake")

    await Publisher(outbox, {"lake": without_poison(lake.write)}).drain("lake")

    found = [event async for event in lake.scan(tenant="acme")]
    [letter] = outbox.dead_letters(limit=10)
    assert len(found) == 5
    assert (letter.event_id, outbox.is_waiting("lake")) == (poison.event_id, False)
    assert "cannot be stored" in letter.reason


async def test_a_full_backlog_drops_what_only_a_trace_shows_counts_it_and_leaves_a_gap(
    tmp_path: Path,
) -> None:
    kept = [turn_events()[2], feedback(), completed()]
    with open_outbox(tmp_path / "outbox.sqlite", most_bytes=1) as outbox:
        outbox._most_bytes = outbox.used_bytes() - 1

        await outbox.append([*turn_events(), feedback(), completed()])
        found = await outbox.session("session-1", "acme")

        assert found[1:] == kept
        [gap] = found[:1]
        assert isinstance(gap, EventsDropped)
        assert gap.dropped == outbox.dropped() == {"node_finished": 1, "turn_started": 1}
        assert (gap.session_id, gap.turn, gap.tenant) == ("session-1", 1, "acme")


async def test_a_backlog_of_twice_the_size_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "outbox.sqlite", most_bytes=1) as outbox:
        with pytest.raises(BacklogFull, match="takes no more"):
            await outbox.append(turn_events())

        assert outbox.dropped() == {"node_finished": 1, "turn_finished": 1, "turn_started": 1}
        assert not outbox.is_waiting("lake")


async def test_a_journal_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    from memory.outbox import MIGRATIONS
    from memory.sqlitefile import SqliteFile

    path, events = tmp_path / "outbox.sqlite", turn_events()
    old = SqliteFile(path, MIGRATIONS[:1], synchronous="FULL")
    rows = [(e.event_id, e.tenant, e.session_id, e.kind, e.model_dump_json().encode()) for e in events]
    await old.write(
        lambda c: c.executemany(
            "INSERT INTO events (event_id, tenant, session_id, kind, body) VALUES (?,?,?,?,?)", rows
        )
    )
    await old.write(lambda c: c.execute("INSERT INTO dead VALUES ('x', 'odd', '{')"))
    old.close()

    with open_outbox(path) as outbox:
        assert await outbox.session("session-1", "acme") == events
        assert [letter.reason for letter in outbox.dead_letters(limit=9)] == ["odd"]
