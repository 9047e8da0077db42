"""Turns of a runtime whose small records lie in DynamoDB: what they cost, and what is left behind."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.breaker import Breaker
from memory.dynamodb import open_tables
from memory.dynamodb_store import DynamoStore
from memory.errors import SessionForeign
from memory.redact import user_key
from memory.turns import TurnReply, TurnRequest
from tests.dynamodb import own_tables

pytestmark = [pytest.mark.anyio, pytest.mark.services("dynamodb")]

MOST_CALLS = 4
"""Calls to DynamoDB that a turn may make."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def prefix() -> Iterator[str]:
    with own_tables() as made:
        yield made


@pytest.fixture
async def runtime(tmp_path: Path, prefix: str) -> AsyncIterator[Runtime]:
    new_domain("shop", tmp_path / "domains")
    settings = Settings(
        state_dir=tmp_path / "state",
        domains_dir=tmp_path / "domains",
        domain="shop",
        dynamodb_table_prefix=prefix,
    )
    opened = await open_runtime(settings)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Operations that were sent to DynamoDB, attempt by attempt."""
    from botocore.httpsession import URLLib3Session

    sent: list[str] = []
    send = URLLib3Session.send

    def count(self: URLLib3Session, request: Any) -> Any:
        sent.append(request.headers["X-Amz-Target"].decode().split(".")[-1])
        return send(self, request)

    monkeypatch.setattr(URLLib3Session, "send", count)
    return sent


REQUESTS = itertools.count()


async def ask(runtime: Runtime, query: str = "How can I export my data?", user: str = "ann") -> TurnReply:
    number = next(REQUESTS)
    request = TurnRequest(query=query, session_id="s-1", request_id=f"r-{number}", domain="shop", user=user)
    return await runtime.turn(request)


async def test_a_turn_makes_four_calls_at_most(runtime: Runtime, calls: list[str]) -> None:
    await ask(runtime)
    first = list(calls)
    calls.clear()
    await ask(runtime)

    assert sorted(calls) == ["GetItem", "PutItem", "PutItem", "UpdateItem"]
    assert len(calls) <= MOST_CALLS
    assert sorted(first) == ["GetItem", *sorted(calls)], "the first one asks which release is live"


async def test_the_session_and_the_profile_are_found_by_another_process(
    runtime: Runtime, prefix: str
) -> None:
    await ask(runtime)
    await ask(runtime)

    other = DynamoStore(open_tables(prefix))
    user = user_key("local", "ann")
    [known] = await other.conversations("local").of_user(user, limit=5)
    assert (known.session_id, known.turns, known.completed) == ("s-1", 2, False)
    assert (await other.profiles("local").get(user)).turns == 2


async def test_another_user_does_not_get_the_session(runtime: Runtime) -> None:
    await ask(runtime)

    with pytest.raises(SessionForeign):
        await ask(runtime, user="bob")


class Down:
    """A client of a service that answers nothing but errors."""

    def __getattr__(self, operation: str) -> Any:
        def call(**given: Any) -> Any:
            error = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}
            raise ClientError(error, operation)

        return call


async def test_while_dynamodb_is_throttled_every_turn_is_answered_and_says_what_was_left_out(
    runtime: Runtime,
) -> None:
    tables = runtime._parts.store._tables
    client = tables._client
    before = await ask(runtime)

    tables._client = Down()
    during = [await ask(runtime) for _ in range(4)]
    tables._client = client
    tables._breaker = Breaker("DynamoDB", budget_s=10)
    after = await ask(runtime)

    assert {reply.reply for reply in during} == {before.reply} != {""}
    assert [reply.turn for reply in (before, *during, after)] == [1, 2, 3, 4, 5, 6]
    assert [reply.degraded for reply in during] == [["profile: memory.service_unavailable"]] * 4
    assert before.degraded == after.degraded == []
    [known] = await runtime._parts.store.conversations("local").of_user(user_key("local", "ann"), limit=5)
    assert known.turns == 6


async def test_a_process_that_starts_while_it_is_down_answers_too(runtime: Runtime) -> None:
    runtime._parts.store._tables._client = Down()

    first, second = await ask(runtime), await ask(runtime)

    assert first.reply == second.reply != ""
    assert [first.turn, second.turn] == [1, 2]
    with pytest.raises(SessionForeign):
        await ask(runtime, user="bob")


async def test_what_was_learned_is_published_as_items_and_what_is_gone_is_taken_away(
    runtime: Runtime, prefix: str
) -> None:
    other = DynamoStore(open_tables(prefix)).patterns("local")
    await other.replace("shop", [{"pattern_id": "p-old", "frequency": 7}])
    sessions = [
        RecordedSession(session_id=f"old-{n}", user_id=f"u-{n % 9}", labels=["troubleshooting", "how_to"])
        for n in range(60)
    ]
    await runtime.replay(
        [event for one in sessions for event in recorded_events(one, tenant="local", domain="shop")]
    )

    report = await runtime.learn("shop", lambda *told: None)

    items = await other.most_frequent("shop", limit=100)
    assert len(items) == report.patterns > 0
    assert "p-old" not in {item["pattern_id"] for item in items}
    assert items[0]["sequence"] == [
        {"intent": "troubleshooting", "topic": None},
        {"intent": "how_to", "topic": None},
    ]
    assert items[0]["frequency"] == 50, "the low end of its bucket, which tells nobody of one more session"
    live = await DynamoStore(open_tables(prefix)).registry("local").live("shop")
    assert live is not None
    assert live.release_id == report.release_id
