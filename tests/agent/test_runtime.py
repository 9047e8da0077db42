"""The running program on a state folder: sessions, events, releases, and what is switched off."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.checkpoints import KEEP_CHECKPOINTS
from agent.runtime import KEEP_IN_JOURNAL, TRIM_EVERY, Runtime
from agent.settings import Settings
from agent.wiring import open_runtime, utc_now
from domains.loader import DomainUnknown, new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.errors import EmbedderMismatch, SessionForeign, StorageFailed
from memory.outbox import open_outbox
from memory.records import FeedbackGiven, SessionCompleted, SessionEvent, TurnFinished
from memory.redact import user_key
from memory.sqlite import open_store
from memory.turns import TurnReply, TurnRequest

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
FAILS, HOW = "It worked yesterday and now it fails.", "How can I export my data?"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose domain has been opened once, so that every test starts fast."""
    folder = tmp_path_factory.mktemp("prepared")
    new_domain("shop", folder / "domains")
    async with opened(folder) as runtime:
        await runtime.warm()
    return folder


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "run")


@asynccontextmanager
async def opened(folder: Path, now: Any = utc_now, **changes: Any) -> AsyncIterator[Runtime]:
    settings = Settings(
        state_dir=folder / "state",
        domains_dir=folder / "domains",
        domain="shop",
        holdout_share=0.0,
        **changes,
    )
    runtime = await open_runtime(settings, now=now)
    try:
        yield runtime
    finally:
        await runtime.close()


async def ask(
    runtime: Runtime, query: str = HOW, *, session: str = "s-1", request: str | None = None, **more: Any
) -> TurnReply:
    asked = TurnRequest(
        query=query,
        session_id=session,
        request_id=request or f"r-{datetime.now(UTC).timestamp()}",
        domain=more.pop("domain", "shop"),
        **more,
    )
    return await runtime.turn(asked)


def kinds(events: list[SessionEvent], kind: type[SessionEvent]) -> list[SessionEvent]:
    return [event for event in events if isinstance(event, kind)]


async def replay(runtime: Runtime, first: int, last: int) -> None:
    """Send sessions of nine users down the event path: trouble is followed by a question how."""
    sessions = [
        RecordedSession(session_id=f"old-{n}", user_id=f"u-{n % 9}", labels=["troubleshooting", "how_to"])
        for n in range(first, last)
    ]
    await runtime.replay(
        [event for one in sessions for event in recorded_events(one, tenant="local", domain="shop")]
    )


def ignore(stage: str, done: int, total: int, note: str) -> None:
    """Progress is of no interest here."""


# --- sessions ------------------------------------------------------------------------------------


async def test_turns_of_a_session_that_come_at_once_follow_each_other(folder: Path) -> None:
    async with opened(folder) as runtime:
        replies = await asyncio.gather(*(ask(runtime, request=f"r-{n}") for n in range(5)))
        others = await asyncio.gather(*(ask(runtime, session=f"other-{n}") for n in range(5)))
        events = await runtime.events("s-1", "local")

    assert sorted(reply.turn for reply in replies) == [1, 2, 3, 4, 5]
    assert {reply.turn for reply in others} == {1}
    assert [event.turn for event in kinds(events, TurnFinished)] == [1, 2, 3, 4, 5]
    assert len({event.event_id for event in events}) == len(events)


async def test_a_session_goes_on_in_the_next_process(folder: Path) -> None:
    async with opened(folder) as runtime:
        await ask(runtime)
    async with opened(folder) as runtime:
        reply = await ask(runtime)
        turns = await runtime.traces("shop", 9)

    assert reply.turn == 2
    assert [turn.turn for turn in turns] == [2, 1]


async def test_a_session_of_somebody_else_is_foreign(folder: Path) -> None:
    async with opened(folder) as runtime:
        await ask(runtime, user="ann")

        with pytest.raises(SessionForeign):
            await ask(runtime, user="eve")
        with pytest.raises(SessionForeign):
            await runtime.end_session(tenant="local", user="eve", session_id="s-1")
        with pytest.raises(SessionForeign):
            await give_feedback(runtime, user="eve")
        assert (await ask(runtime, user="eve", tenant="globex")).turn == 1
        events = await runtime.events("s-1", "local")

    assert {event.user for event in events} == {user_key("local", "ann")}


async def test_an_unknown_domain_leaves_nothing(folder: Path) -> None:
    async with opened(folder) as runtime:
        with pytest.raises(DomainUnknown, match="shopp"):
            await ask(runtime, domain="shopp")

        assert not runtime.is_busy()
        assert await runtime.events("s-1", "local") == []


async def give_feedback(runtime: Runtime, *, user: str = "local", request: str = "f-1", **more: Any) -> None:
    await runtime.feedback(
        tenant="local",
        user=user,
        session_id="s-1",
        request_id=request,
        rating=more.get("rating", 4),
        resolved=more.get("resolved", True),
        comment=more.get("comment", ""),
    )


async def test_feedback_sent_twice_is_written_once_and_without_secrets(folder: Path) -> None:
    async with opened(folder) as runtime:
        await ask(runtime)
        for _ in range(2):
            await give_feedback(runtime, comment="key AKIAIOSFODNN7EXAMPLE")
        await give_feedback(runtime, request="f-2", resolved=False)
        found = kinds(await runtime.events("s-1", "local"), FeedbackGiven)

    assert [(event.turn, event.rating, event.resolved) for event in found] == [(1, 4, True), (1, 4, False)]  # type: ignore[union-attr]
    assert "AKIAIOSFODNN7EXAMPLE" not in str(found)


async def test_a_session_ends_once_until_it_goes_on(folder: Path) -> None:
    async with opened(folder) as runtime:

        async def end() -> bool:
            return await runtime.end_session(tenant="local", user="local", session_id="s-1")

        await ask(runtime)
        ended = [await end(), await end()]
        await ask(runtime)
        ended.append(await end())
        found = kinds(await runtime.events("s-1", "local"), SessionCompleted)

    assert ended == [True, False, True]
    assert [event.turns for event in found] == [1, 2]  # type: ignore[union-attr]


async def test_sessions_without_a_turn_for_too_long_are_over_in_every_tenant(folder: Path) -> None:
    clock = [START]

    async with opened(folder, lambda: clock[0], session_idle_s=60) as runtime:
        await ask(runtime, session="old")
        await ask(runtime, session="far", tenant="globex")
        clock[0] += timedelta(seconds=50)
        await ask(runtime, session="new")
        early = await runtime.complete_idle()
        clock[0] += timedelta(seconds=20)
        done = [await runtime.complete_idle(), await runtime.complete_idle()]
        [old] = kinds(await runtime.events("old", "local"), SessionCompleted)
        new = kinds(await runtime.events("new", "local"), SessionCompleted)

    assert (early, done, new) == (0, [2, 0], [])
    assert (old.reason, old.at) == ("idle", clock[0])  # type: ignore[union-attr]


async def test_a_server_that_closes_completes_its_sessions_and_empties_the_journal(folder: Path) -> None:
    async with opened(folder) as runtime:
        runtime.start_background()
        await ask(runtime)

    with open_outbox(folder / "state" / "outbox.sqlite") as outbox:
        assert outbox.pending() == 0
    async with opened(folder) as runtime:
        [over] = kinds(await runtime.events("s-1", "local"), SessionCompleted)
    assert over.reason == "shutdown"  # type: ignore[union-attr]


async def test_a_short_command_leaves_few_events_in_the_journal_and_never_many(folder: Path) -> None:
    async with opened(folder) as runtime:
        await ask(runtime)
        assert runtime.is_busy()
    with open_outbox(folder / "state" / "outbox.sqlite") as outbox:
        few = outbox.pending()
        [turn] = await outbox.recent("local", limit=1)
        copies = [turn.model_copy(update={"event_id": f"{n:032}"}) for n in range(KEEP_IN_JOURNAL)]
        await outbox.append(copies)
    async with opened(folder):
        pass
    with open_outbox(folder / "state" / "outbox.sqlite") as outbox:
        many = outbox.pending()

    assert 0 < few <= KEEP_IN_JOURNAL
    assert many == 0


# --- learning --------------------------------------------------------------------------------------


async def test_after_learning_the_next_turn_is_guided_without_reopening(folder: Path) -> None:
    async with opened(folder) as runtime:
        before = await ask(runtime, FAILS)
        await replay(runtime, 0, 50)
        first = await runtime.learn("shop", ignore)
        guided = await ask(runtime, FAILS, session="s-2")
        await replay(runtime, 50, 60)
        second = await runtime.learn("shop", ignore)
        later = await ask(runtime, FAILS, session="s-3")

    assert (before.release, before.guidance.arm, before.guidance.suggestions) == (None, "off", [])
    assert (guided.release, guided.guidance.arm) == (first.release_id, "guided")
    assert guided.guidance.suggestions[0].label == "how_to"
    assert later.release == second.release_id != first.release_id


async def test_events_replayed_twice_teach_nothing_new(folder: Path) -> None:
    async with opened(folder) as runtime:
        await replay(runtime, 0, 50)
        first = await runtime.learn("shop", ignore)
        await replay(runtime, 0, 50)
        again = await runtime.learn("shop", ignore)

    assert (again.release_id, again.is_new, again.sessions) == (first.release_id, False, 50)


async def test_a_damaged_release_costs_the_guidance_and_learning_mends_it(folder: Path) -> None:
    async with opened(folder) as runtime:
        await replay(runtime, 0, 50)
        report = await runtime.learn("shop", ignore)
        shutil.rmtree(folder / "state" / "models" / "patterns" / report.release_id)
        unguided = await ask(runtime, FAILS)
        mended = await runtime.learn("shop", ignore)
        guided = await ask(runtime, FAILS, session="s-2")

    assert (unguided.degraded, unguided.release, unguided.guidance.suggestions) == ([], None, [])
    assert mended.is_new
    assert guided.release == mended.release_id
    assert guided.guidance.suggestions


# --- switches and failures ---------------------------------------------------------------------------


async def test_without_guidance_nothing_is_suggested_but_patterns_can_be_read(folder: Path) -> None:
    async with opened(folder, guidance_enabled=False) as runtime:
        await replay(runtime, 0, 50)
        await runtime.learn("shop", ignore)
        reply = await ask(runtime, FAILS)
        patterns = await runtime.patterns("shop")

    assert (reply.release, reply.guidance.arm, reply.guidance.suggestions) == (None, "off", [])
    assert patterns is not None and await patterns.patterns()


@pytest.mark.parametrize("remembers", [True, False])
async def test_without_memory_no_profile_and_no_session_is_kept(folder: Path, remembers: bool) -> None:
    async with opened(folder, memory_enabled=remembers) as runtime:
        for _ in range(2):
            await ask(runtime)
    with open_store(folder / "state" / "store.sqlite") as store:
        profile = await store.profiles("local").get(user_key("local", "local"))

    assert (profile.turns > 0) is remembers
    assert (checkpoints(folder) > 0) is remembers


def checkpoints(folder: Path) -> int:
    connection = sqlite3.connect(folder / "state" / "sessions.sqlite")
    try:
        [(count,)] = connection.execute("SELECT count(*) FROM checkpoints")
        return int(count)
    finally:
        connection.close()


async def test_a_long_session_keeps_its_last_checkpoints_only(folder: Path) -> None:
    async with opened(folder) as runtime:
        for _ in range(TRIM_EVERY - 1):
            await ask(runtime)
        before = checkpoints(folder)
        await ask(runtime)
        after = checkpoints(folder)
        going_on = await ask(runtime)

    assert before > KEEP_CHECKPOINTS
    assert after == KEEP_CHECKPOINTS
    assert going_on.turn == TRIM_EVERY + 1


async def test_knowledge_of_another_embedder_is_refused_by_name(folder: Path) -> None:
    about = folder / "state" / "knowledge" / "shop" / "index.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "embedder": "other:1"}))

    async with opened(folder) as runtime:
        with pytest.raises(EmbedderMismatch, match="other:1") as caught:
            await ask(runtime)

    assert "knowledge build" in caught.value.fix


@pytest.mark.parametrize("name", ["state", "state/store.sqlite", "state/sessions.sqlite"])
async def test_what_cannot_be_opened_is_a_storage_failure(tmp_path: Path, name: str) -> None:
    new_domain("shop", tmp_path / "domains")
    if name == "state":
        (tmp_path / name).write_text("not a folder")
    else:
        (tmp_path / name).mkdir(parents=True)

    with pytest.raises(StorageFailed, match=Path(name).name):
        async with opened(tmp_path):
            pass
