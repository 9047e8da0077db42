"""The AgentCore edge in front of a small runner: statuses, identity, liveness, order of life."""

import asyncio
import json
import logging

import pytest
from bedrock_agentcore.runtime import BedrockAgentCoreApp, BedrockAgentCoreContext, PingStatus
from opentelemetry import baggage

from agent.app import SlipstreamApp, TurnRunner, make_app
from agent.identity import IdentityRules
from agent.requests import MAX_BODY_BYTES
from memory.errors import StorageFailed
from memory.turns import TurnReply, TurnRequest
from tests.agent.asgi_client import REQUEST, SESSION, USER, Connection, ask, call
from tests.agent.echo import EchoRunner, Emit, make_echo_app

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def runner() -> EchoRunner:
    return EchoRunner()


@pytest.fixture
def app(runner: EchoRunner) -> SlipstreamApp:
    return make_echo_app(runner)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


# --- answers -----------------------------------------------------------------------------------


async def test_a_question_is_answered_with_its_ids_in_body_and_headers(app: SlipstreamApp) -> None:
    answer = await ask(app, {"prompt": "Why?"}, {SESSION: "s-1", REQUEST: "r-1"})

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json["result"] == answer.json["reply"] == "You asked: Why?"
    assert (answer.json["session_id"], answer.json["request_id"]) == ("s-1", "r-1")
    assert answer.headers[SESSION.lower()] == "s-1"
    assert answer.headers[REQUEST.lower()] == "r-1"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_client_without_a_session_gets_a_new_one(app: SlipstreamApp) -> None:
    one, two = [await ask(app, {"query": "x"}) for _ in range(2)]

    assert one.json["session_id"] == one.headers[SESSION.lower()]
    assert one.json["session_id"] != two.json["session_id"]
    assert len(one.json["session_id"]) >= 33


async def test_a_repeat_is_answered_again_not_done_again(app: SlipstreamApp, runner: EchoRunner) -> None:
    headers = {SESSION: "s-1", REQUEST: "r-1"}

    first = await ask(app, {"query": "x"}, headers)
    again = await ask(app, {"prompt": "x"}, headers)
    by_body = await ask(app, {"query": "x", "request_id": "r-1"}, {SESSION: "s-1"})
    other = await ask(app, {"query": "y"}, headers)

    assert first == again == by_body
    assert len(runner.requests) == 1
    assert (other.status, other.code) == (409, "agent.request_conflict")


async def test_another_user_does_not_get_the_answer_of_the_first(
    app: SlipstreamApp, runner: EchoRunner
) -> None:
    for user in ("ann", "eve"):
        await ask(app, {"query": "x"}, {SESSION: "s-1", REQUEST: "r-1", USER: user})

    assert [request.user for request in runner.requests] == ["ann", "eve"]


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        ({}, 400, "agent.request_invalid"),
        ({"query": "x", "domain": "nowhere"}, 404, "domains.unknown"),
        ({"query": "foreign"}, 404, "memory.session_foreign"),
        ({"query": "full"}, 503, "memory.storage_failed"),
        ({"query": "break"}, 500, "agent.request_failed"),
        ({"action": "feedback", "rating": 1}, 404, "agent.session_unnamed"),
        ({"action": "end_session"}, 404, "agent.session_unnamed"),
    ],
)
async def test_each_kind_of_error_has_its_status_and_form(
    app: SlipstreamApp, payload: object, status: int, code: str
) -> None:
    answer = await ask(app, payload)

    assert (answer.status, answer.code, answer.json["schema"]) == (status, code, 1)
    assert set(answer.json["error"]) == {"code", "message", "fix"}
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_an_unexpected_error_is_told_by_its_id_alone_and_logged_without_words(
    app: SlipstreamApp, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await ask(app, {"query": "break"}, {REQUEST: "r-77"})

    assert "r-77" in answer.json["error"]["message"]
    assert "secret words" not in answer.body.decode()
    assert "secret words" not in caplog.text.split("Traceback")[0]


async def test_feedback_and_the_end_reach_the_runner_once(app: SlipstreamApp, runner: EchoRunner) -> None:
    about = {SESSION: "s-1", REQUEST: "f-1", USER: "ann"}
    opinion = {"action": "feedback", "rating": 2, "comment": "no"}

    noted = [await ask(app, opinion, about) for _ in range(2)]
    ended = [await ask(app, {"action": "end_session", "session_id": "s-1"}) for _ in range(2)]

    assert [answer.status for answer in noted] == [200, 200]
    assert runner.opinions == [{"user": "ann", "session_id": "s-1", "rating": 2, "comment": "no"}]
    assert [answer.json["completed"] for answer in ended] == [True, False]


# --- bodies and headers ----------------------------------------------------------------------------


@pytest.mark.parametrize("stated", [True, False])
async def test_a_body_over_the_limit_is_refused_before_it_is_read_to_its_end(
    app: SlipstreamApp, stated: bool
) -> None:
    chunks = [b" " * 65_536] * (2 * MAX_BODY_BYTES // 65_536)
    headers = {"Content-Length": str(2 * MAX_BODY_BYTES)} if stated else {}
    connection = Connection(app, "POST", "/invocations", chunks, headers)

    answer = await connection.answer()

    assert (answer.status, answer.code) == (413, "agent.body_too_large")
    assert connection.incoming.qsize() >= (len(chunks) if stated else len(chunks) // 2 - 1)


async def test_a_body_in_pieces_is_put_together(app: SlipstreamApp) -> None:
    answer = await call(app, "POST", "/invocations", [b'{"que', b'ry": ', b'"x"}'])

    assert answer.json["result"] == "You asked: x"


async def test_nothing_is_answered_to_a_client_that_left_while_it_was_sending(app: SlipstreamApp) -> None:
    connection = Connection(app, "POST", "/invocations", b'{"query"', is_complete=False)
    connection.leave()

    await asyncio.wait([connection.task])

    assert connection.outgoing.empty()


@pytest.mark.parametrize("name", [SESSION, REQUEST, USER, "Authorization"])
async def test_a_header_that_says_who_is_asking_must_not_come_twice(app: SlipstreamApp, name: str) -> None:
    answer = await call(app, "POST", "/invocations", b'{"query": "x"}', [(name, "a"), (name, "b")])

    assert (answer.status, answer.code) == (400, "agent.request_invalid")


async def test_identity_comes_from_the_platform_never_from_the_body(
    app: SlipstreamApp, runner: EchoRunner
) -> None:
    for key in ("user", "tenant", "user_id"):
        assert (await ask(app, {"query": "x", key: "eve"})).status == 400
    await ask(app, {"query": "x"}, {USER: "ann"})

    assert [(request.tenant, request.user) for request in runner.requests] == [("local", "ann")]


async def test_with_token_identity_a_request_without_a_token_is_refused(runner: EchoRunner) -> None:
    app = make_echo_app(runner, rules=lambda: IdentityRules(jwt=True))

    answer = await ask(app, {"query": "x"}, {USER: "ann"})

    assert (answer.status, answer.code, runner.requests) == (401, "agent.identity_invalid", [])


# --- context -----------------------------------------------------------------------------------------


class ContextRunner(EchoRunner):
    """Tells what a turn's task can see of its request."""

    async def turn(self, request: TurnRequest, emit: Emit | None = None) -> TurnReply:
        seen = {
            "request_id": BedrockAgentCoreContext.get_request_id(),
            "session_id": BedrockAgentCoreContext.get_session_id(),
            "token": BedrockAgentCoreContext.get_workload_access_token(),
            "headers": BedrockAgentCoreContext.get_request_headers(),
            "variant": BedrockAgentCoreContext.get_routing_experiment_variant(),
            "baggage": baggage.get_baggage("session.id"),
        }
        reply = await super().turn(request, emit)
        return reply.model_copy(update={"reply": json.dumps(seen)})


async def test_a_turn_sees_the_sdks_context_and_the_session_as_baggage() -> None:
    headers = {
        SESSION: "s-1",
        REQUEST: "r-1",
        "WorkloadAccessToken": "wat",
        "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Plan": "gold",
        "baggage": "aws.agentcore.gateway.routing_experiment_variant_name=T1",
    }

    answer = await ask(make_echo_app(ContextRunner()), {"query": "x"}, headers)

    seen = json.loads(answer.json["reply"])
    assert (seen["request_id"], seen["session_id"], seen["baggage"]) == ("r-1", "s-1", "s-1")
    assert (seen["token"], seen["variant"]) == ("wat", "T1")
    assert seen["headers"]["x-amzn-bedrock-agentcore-runtime-custom-plan"] == "gold"


async def test_requests_at_once_do_not_see_each_others_context() -> None:
    app = make_echo_app(ContextRunner())

    answers = await asyncio.gather(*(ask(app, {"query": "x"}, {SESSION: f"s-{n}"}) for n in range(20)))

    seen = [json.loads(answer.json["reply"]) for answer in answers]
    assert [one["session_id"] for one in seen] == [f"s-{n}" for n in range(20)]
    assert [one["token"] for one in seen] == [None] * 20


async def test_no_line_of_the_log_holds_a_token_a_header_or_the_question(
    app: SlipstreamApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"WorkloadAccessToken": "canary-1", "baggage": "canary-2", "X-Thing": "canary-3"}

    for query in ("canary-4", "foreign canary-5", "full canary-6"):
        await ask(app, {"query": query}, headers)

    assert "answered 200" in caplog.text
    assert "canary" not in caplog.text


# --- liveness ------------------------------------------------------------------------------------------


async def ping(app: SlipstreamApp) -> tuple[str, int]:
    answer = await call(app, "GET", "/ping")
    assert answer.status == 200
    return answer.json["status"], answer.json["time_of_last_update"]


async def test_ping_tells_when_the_status_changed_not_when_it_was_asked(runner: EchoRunner) -> None:
    clock = Clock()
    app = make_echo_app(runner, clock=clock)
    await ask(app, {"query": "x"})

    seen = []
    for busy in (False, False, True, True, False):
        clock.now_s += 100
        runner.is_flushing = busy
        seen.append(await ping(app))

    assert seen == [
        ("Healthy", 1000),
        ("Healthy", 1000),
        ("HealthyBusy", 1300),
        ("HealthyBusy", 1300),
        ("Healthy", 1500),
    ]


async def test_a_turn_between_two_pings_counts_as_a_change(runner: EchoRunner) -> None:
    clock = Clock()
    app = make_echo_app(runner, clock=clock)
    await ping(app)

    clock.now_s = 2000
    await ask(app, {"query": "x"})
    clock.now_s = 3000

    assert await ping(app) == ("Healthy", 2000)


async def test_ping_is_busy_while_a_turn_runs_and_while_sdk_tasks_run(
    app: SlipstreamApp, runner: EchoRunner
) -> None:
    turn = asyncio.ensure_future(ask(app, {"query": "wait"}))
    await runner.waiting.wait()
    during = await ping(app)
    runner.gate.set()
    await turn
    task = app.add_async_task("index")
    busy = await ping(app)
    app.complete_async_task(task)

    assert [during[0], busy[0], (await ping(app))[0]] == ["HealthyBusy", "HealthyBusy", "Healthy"]


async def test_a_status_that_was_forced_wins(app: SlipstreamApp, runner: EchoRunner) -> None:
    await ask(app, {"query": "x"})
    runner.is_flushing = True
    app.force_ping_status(PingStatus.HEALTHY)

    assert (await ping(app))[0] == "Healthy"


# --- life --------------------------------------------------------------------------------------------


async def test_the_runtime_opens_after_the_first_ping_was_answered() -> None:
    gate = asyncio.Event()
    began = asyncio.Event()

    async def open_runtime() -> TurnRunner:
        began.set()
        await gate.wait()
        return EchoRunner()

    app = make_app(open_runtime)
    assert not began.is_set()

    assert (await ping(app))[0] == "Healthy"
    await began.wait()
    warming = [asyncio.ensure_future(call(app, "POST", "/warmup")) for _ in range(2)]
    asking = asyncio.ensure_future(ask(app, {"query": "x"}))
    gate.set()

    assert [(await one).json for one in warming] == [{"status": "ready"}] * 2
    assert (await asking).status == 200


async def test_an_opening_that_fails_is_a_503_and_tried_again_by_the_next_request() -> None:
    attempts = 0

    async def open_runtime() -> TurnRunner:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise StorageFailed("state", "read-only file system")
        return EchoRunner()

    app = make_app(open_runtime)

    warm = await call(app, "POST", "/warmup")
    first = await ask(app, {"query": "x"})
    second = await ask(app, {"query": "x"})

    assert [(one.status, one.code) for one in (warm, first)] == [(503, "agent.start_failed")] * 2
    assert "read-only file system" in first.json["error"]["message"]
    assert second.status == 200


async def test_stopping_finishes_what_runs_takes_nothing_new_then_drains_and_closes(tmp_path) -> None:
    runner = EchoRunner(tmp_path / "diary")
    app = make_echo_app(runner)
    running = asyncio.ensure_future(ask(app, {"query": "wait"}))
    await runner.waiting.wait()

    stopping = asyncio.ensure_future(app.stop())
    await asyncio.sleep(0)
    refused = await ask(app, {"query": "x"})
    runner.gate.set()
    await stopping

    assert (refused.status, refused.code) == (503, "agent.stopping")
    assert (await running).status == 200
    assert runner.diary is not None
    assert runner.diary.read_text().split() == ["waiting", "answered", "drained", "closed"]


async def test_an_app_that_never_served_opens_nothing_to_stop() -> None:
    opened = False

    async def open_runtime() -> TurnRunner:
        nonlocal opened
        opened = True
        return EchoRunner()

    await make_app(open_runtime).stop()

    assert not opened


# --- the rest ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/warmup", 405)],
)
async def test_other_paths_and_methods_are_refused_in_the_form_of_all_errors(
    app: SlipstreamApp, method: str, path: str, status: int
) -> None:
    answer = await call(app, method, path)

    assert (answer.status, answer.code) == (status, "agent.path_unknown")
    assert path in answer.json["error"]["message"]


async def test_the_description_is_served(app: SlipstreamApp) -> None:
    answer = await call(app, "GET", "/openapi.json")

    assert "/invocations" in answer.json["paths"]


def test_it_is_an_app_of_the_sdk(app: SlipstreamApp) -> None:
    assert isinstance(app, BedrockAgentCoreApp)
    assert not app.debug
