"""Repeats of a request join it or get the same answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import agent.exchanges as limits
from agent.exchanges import (
    Exchange,
    Exchanges,
    Key,
    RequestConflict,
    RequestFailed,
    ServerBusy,
    ServerStopping,
)
from memory.errors import SessionForeign
from memory.turns import StreamEvent

pytestmark = pytest.mark.anyio

KEY = Key("t", "u", "s", "r")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def make(clock: Clock | None = None) -> Exchanges:
    return Exchanges(clock=clock or Clock(), on_change=lambda: None)


def counted() -> tuple[list[str], Callable[[Exchange], Awaitable[bytes]]]:
    runs: list[str] = []

    async def work(exchange: Exchange) -> bytes:
        runs.append(exchange.key.request_id)
        return b"answer %d" % len(runs)

    return runs, work


async def test_a_repeat_gets_the_same_answer_and_nothing_is_done_again() -> None:
    exchanges = make()
    runs, work = counted()

    first = await exchanges.begin(KEY, b"d", work).result()
    second = await exchanges.begin(KEY, b"d", work).result()

    assert (first, second, len(runs)) == (b"answer 1", b"answer 1", 1)


async def test_a_repeat_joins_what_still_runs() -> None:
    exchanges = make()
    gate = asyncio.Event()
    runs = 0

    async def work(_: Exchange) -> bytes:
        nonlocal runs
        runs += 1
        await gate.wait()
        return b"answer"

    waiting = [asyncio.ensure_future(exchanges.begin(KEY, b"d", work).result()) for _ in range(5)]
    gate.set()

    assert await asyncio.gather(*waiting) == [b"answer"] * 5
    assert runs == 1


@pytest.mark.parametrize("field", Key._fields)
async def test_each_part_of_the_key_makes_another_request(field: str) -> None:
    exchanges = make()
    runs, work = counted()

    await exchanges.begin(KEY, b"d", work).result()
    await exchanges.begin(KEY._replace(**{field: "other"}), b"d", work).result()

    assert len(runs) == 2


async def test_the_same_id_with_another_request_is_a_conflict_while_it_runs_and_later() -> None:
    exchanges = make()
    _, work = counted()
    first = exchanges.begin(KEY, b"d", work)

    with pytest.raises(RequestConflict):
        exchanges.begin(KEY, b"other", work)
    await first.result()
    with pytest.raises(RequestConflict):
        exchanges.begin(KEY, b"other", work)


async def test_an_answer_is_forgotten_after_its_time() -> None:
    clock = Clock()
    exchanges = make(clock)
    _, work = counted()
    await exchanges.begin(KEY, b"d", work).result()

    clock.now_s = limits.REPLAY_S
    assert await exchanges.begin(KEY, b"d", work).result() == b"answer 1"
    clock.now_s = limits.REPLAY_S + 0.1
    assert await exchanges.begin(KEY, b"d", work).result() == b"answer 2"


async def test_the_oldest_answer_leaves_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPLAY_ENTRIES", 2)
    exchanges = make()
    runs, work = counted()

    for request_id in ["a", "b", "c", "b", "a"]:
        await exchanges.begin(KEY._replace(request_id=request_id), b"d", work).result()

    assert runs == ["a", "b", "c", "a"]


async def test_an_answer_that_cannot_be_asked_for_again_is_not_kept() -> None:
    exchanges = make()
    runs, work = counted()

    for _ in range(2):
        await exchanges.begin(KEY, None, work).result()

    assert len(runs) == 2


async def test_a_failure_is_told_to_all_who_wait_and_tried_anew_later() -> None:
    exchanges = make()
    attempts = 0

    async def work(_: Exchange) -> bytes:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise SessionForeign("s")
        return b"answer"

    waiting = [exchanges.begin(KEY, b"d", work).result() for _ in range(2)]
    told = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(error) for error in told] == [SessionForeign, SessionForeign]
    assert await exchanges.begin(KEY, b"d", work).result() == b"answer"


async def test_what_nobody_had_foreseen_is_told_in_a_fixed_text_with_the_id() -> None:
    async def work(_: Exchange) -> bytes:
        raise ZeroDivisionError("the user's words")

    with pytest.raises(RequestFailed) as caught:
        await make().begin(KEY, b"d", work).result()

    assert "`r`" in str(caught.value)
    assert "words" not in str(caught.value)


async def test_too_much_at_once_is_refused_but_a_repeat_still_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNNING_AT_MOST", 1)
    exchanges = make()
    _, work = counted()
    exchange = exchanges.begin(KEY, b"d", work)

    with pytest.raises(ServerBusy):
        exchanges.begin(KEY._replace(request_id="other"), b"d", work)
    assert exchanges.begin(KEY, b"d", work) is exchange
    assert await exchange.result() == b"answer 1"
    assert exchanges.running == 0


async def test_work_goes_on_when_the_one_who_waits_is_gone() -> None:
    exchanges = make()
    gate = asyncio.Event()

    async def work(_: Exchange) -> bytes:
        await gate.wait()
        return b"answer"

    exchange = exchanges.begin(KEY, b"d", work)
    waiter = asyncio.create_task(exchange.result())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait([waiter])
    gate.set()

    assert await exchange.result() == b"answer"


async def test_what_does_not_end_in_time_is_stopped_and_says_so() -> None:
    exchanges = make()

    async def work(_: Exchange) -> bytes:
        return await asyncio.get_running_loop().create_future()

    exchange = exchanges.begin(KEY, b"d", work)
    await exchanges.settle(0.0)

    with pytest.raises(ServerStopping):
        await exchange.result()
    assert exchanges.running == 0


async def test_an_answer_that_is_kept_holds_nothing_of_the_requests_context() -> None:
    exchanges = make()
    _, work = counted()
    exchange = exchanges.begin(KEY, b"d", work)
    await exchange.result()

    assert exchange.task is None
    assert exchanges.begin(KEY, b"d", work) is exchange


async def test_a_stream_that_is_too_long_keeps_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUFFER_BYTES", 1000)

    async def work(exchange: Exchange) -> bytes:
        for number in range(100):
            exchange.emit(StreamEvent(type="token", id=number, data={"text": "word"}))
        exchange.emit(StreamEvent(type="final", id=100, data={}))
        return b"{}"

    exchange = make().begin(KEY, None, work)
    await exchange.result()

    assert len(exchange.frames) < 20
    assert exchange.frames[-1].startswith(b"id: 100\nevent: final\n")
