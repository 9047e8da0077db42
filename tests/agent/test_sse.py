"""The stream: typed events in order, packed, with a pulse; and clients that come and go."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from agent.app import SlipstreamApp
from agent.sse import Bell
from memory.turns import TurnReply, TurnRequest
from tests.agent.asgi_client import REQUEST, SESSION, Connection, ask, call, events
from tests.agent.echo import EchoRunner, Emit, make_echo_app

pytestmark = pytest.mark.anyio

ACCEPT = {"Accept": "text/event-stream"}
AGAIN = {SESSION: "s-1", REQUEST: "r-1"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def runner() -> EchoRunner:
    return EchoRunner()


@pytest.fixture
def app(runner: EchoRunner) -> SlipstreamApp:
    return make_echo_app(runner)


def stream(app: SlipstreamApp, query: str, headers: dict[str, str] | None = None) -> Connection:
    body = b'{"query": "%b"}' % query.encode()
    return Connection(app, "POST", "/invocations", body, ACCEPT | (headers or {}))


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until it holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_a_stream_carries_every_event_once_in_order_and_ends_with_the_reply(app: SlipstreamApp) -> None:
    answer = await stream(app, "count a b c", {SESSION: "s-1"}).answer()

    found = events(answer.body)
    assert [event["type"] for event in found] == ["start", "token", "token", "token", "final"]
    assert [event["id"] for event in found] == [0, 1, 2, 3, 4]
    assert found[-1]["data"]["reply"] == "You asked: count a b c"
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert answer.headers[SESSION.lower()] == "s-1"


@pytest.mark.parametrize(
    ("stream_key", "accept", "expected"),
    [
        (None, {}, "application/json"),
        (None, {"Accept": "*/*"}, "application/json"),
        (None, {"Accept": "application/json, text/event-stream"}, "text/event-stream"),
        (True, {}, "text/event-stream"),
        (False, ACCEPT, "application/json"),
    ],
)
async def test_the_body_decides_on_streaming_before_the_accept_header(
    app: SlipstreamApp, stream_key: bool | None, accept: dict[str, str], expected: str
) -> None:
    answer = await ask(app, {"query": "x", "stream": stream_key}, accept)

    assert answer.headers["content-type"].startswith(expected)


async def test_events_that_are_ready_together_leave_together(app: SlipstreamApp) -> None:
    connection = stream(app, "count " + "word " * 500)

    await connection.message()
    packets = 1
    while (await connection.message())["more_body"]:
        packets += 1

    assert packets < 5


async def test_silence_is_broken_by_heartbeats(runner: EchoRunner) -> None:
    connection = stream(make_echo_app(runner, heartbeat_s=0.01), "wait")

    messages = [await connection.message() for _ in range(4)]
    runner.gate.set()
    await connection.task

    assert messages[0]["status"] == 200
    seen = [event for message in messages[1:] for event in events(message["body"])]
    assert [event["type"] for event in seen] == ["start", "heartbeat", "heartbeat"]
    assert {event["id"] for event in seen} == {0}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [("foreign", 404, "memory.session_foreign"), ("", 400, "agent.request_invalid")],
)
async def test_what_is_refused_before_it_began_has_a_status_of_its_own(
    app: SlipstreamApp, query: str, status: int, code: str
) -> None:
    answer = await stream(app, query).answer()

    assert (answer.status, answer.code) == (status, code)


class BreakingRunner(EchoRunner):
    """Breaks after its gate was opened."""

    async def turn(self, request: TurnRequest, emit: Emit | None = None) -> TurnReply:
        await super().turn(request, lambda event: emit(event) if emit and event.type == "start" else None)
        raise ValueError("secret words of the user")


async def test_a_turn_that_breaks_midway_ends_the_stream_with_a_typed_error() -> None:
    runner = BreakingRunner()
    connection = stream(make_echo_app(runner), "wait", AGAIN)
    await connection.message()
    first = await connection.message()
    runner.gate.set()
    last = await connection.message()

    assert [event["type"] for event in events(first["body"])] == ["start"]
    (error,) = events(last["body"])
    assert (error["type"], error["id"], error["data"]["code"]) == ("error", 1, "agent.request_failed")
    assert "r-1" in error["data"]["message"]
    assert b"secret" not in last["body"]
    assert not last["more_body"]


async def test_a_turn_whose_client_left_is_finished_and_answers_the_repeat(
    app: SlipstreamApp, runner: EchoRunner
) -> None:
    connection = stream(app, "wait", AGAIN)
    await runner.waiting.wait()
    connection.leave()
    await connection.task
    status = (await call(app, "GET", "/ping")).json["status"]
    runner.gate.set()

    again = await ask(app, {"query": "wait"}, AGAIN)

    assert status == "HealthyBusy"
    assert again.json["turn"] == len(runner.requests) == 1


async def test_a_repeat_that_joins_gets_the_events_from_the_start(
    app: SlipstreamApp, runner: EchoRunner
) -> None:
    first = stream(app, "wait", AGAIN)
    await runner.waiting.wait()
    second = stream(app, "wait", AGAIN)
    plain = asyncio.ensure_future(ask(app, {"query": "wait"}, AGAIN))
    await asyncio.sleep(0)
    runner.gate.set()

    one, two = await first.answer(), await second.answer()

    assert events(one.body) == events(two.body)
    assert [event["type"] for event in events(one.body)] == ["start", "final"]
    assert (await plain).json["turn"] == len(runner.requests) == 1


async def test_a_repeat_after_the_end_gets_the_final_event(app: SlipstreamApp, runner: EchoRunner) -> None:
    plain = await ask(app, {"query": "x"}, AGAIN)
    streamed = await stream(app, "x", AGAIN).answer()

    (final,) = events(streamed.body)
    assert (final["type"], final["data"]) == ("final", plain.json)
    assert len(runner.requests) == 1


async def test_a_stream_of_a_runner_that_says_nothing_still_ends_with_the_reply() -> None:
    class SilentRunner(EchoRunner):
        async def turn(self, request: TurnRequest, emit: Emit | None = None) -> TurnReply:
            return await super().turn(request)

    answer = await stream(make_echo_app(SilentRunner()), "x").answer()

    assert [event["type"] for event in events(answer.body)] == ["final"]


async def test_nothing_stays_behind_when_streams_are_over(app: SlipstreamApp, runner: EchoRunner) -> None:
    before = len(asyncio.all_tasks())
    connections = [stream(app, "wait") for _ in range(50)]
    await until(lambda: len(runner.requests) == 50)
    for connection in connections[:25]:
        connection.leave()
    runner.gate.set()
    await asyncio.gather(*(connection.task for connection in connections))

    await until(lambda: len(asyncio.all_tasks()) == before)
    gc.collect()
    assert [thing for thing in gc.get_objects() if isinstance(thing, Bell)] == []
    assert (await call(app, "GET", "/ping")).json["status"] == "Healthy"


async def test_a_server_that_cannot_send_any_more_ends_the_stream_quietly(
    app: SlipstreamApp, runner: EchoRunner
) -> None:
    connection = stream(app, "wait", AGAIN)
    connection.is_broken = True
    runner.gate.set()
    await connection.task

    assert (await ask(app, {"query": "wait"}, AGAIN)).json["turn"] == 1
