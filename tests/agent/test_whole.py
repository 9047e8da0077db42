"""The edge in front of the whole program: real turns, sessions bound to users, events in the lake."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.app import SlipstreamApp, open_app
from agent.settings import Settings
from tests.agent.asgi_client import REQUEST, SESSION, USER, ask, call, events

pytestmark = pytest.mark.anyio

ANN = {SESSION: "s-1", USER: "ann"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
async def app(state: Path) -> AsyncIterator[SlipstreamApp]:
    served = open_app(Settings(state_dir=state, domain="solaris"))
    warmed = await call(served, "POST", "/warmup")
    assert warmed.status == 200
    yield served
    await served.stop()


async def test_a_session_from_its_first_question_to_its_end(app: SlipstreamApp) -> None:
    question = {"prompt": "How do I start an SMT130?"}

    first = await ask(app, question, ANN | {REQUEST: "r-1"})
    again = await ask(app, question, ANN | {REQUEST: "r-1"})
    streamed = await ask(app, {"query": "What about oil pressure?", "stream": True}, ANN | {REQUEST: "r-2"})
    noted = await ask(app, {"action": "feedback", "rating": 5}, ANN)
    over = await ask(app, {"action": "end_session"}, ANN)

    assert (first.status, first.json["turn"], first.json["kind"]) == (200, 1, "answer")
    assert first.json["citations"]
    assert again == first
    found = events(streamed.body)
    assert [event["id"] for event in found] == list(range(len(found)))
    assert (found[0]["type"], found[-1]["type"], found[-1]["data"]["turn"]) == ("start", "final", 2)
    assert (noted.status, over.json["completed"]) == (200, True)


async def test_a_session_belongs_to_its_first_user(app: SlipstreamApp) -> None:
    await ask(app, {"query": "How do I start an SMT60?"}, {USER: "ann", SESSION: "s-2"})

    tried = [{"query": "And then?"}, {"action": "feedback", "rating": 1}, {"action": "end_session"}]
    answers = [await ask(app, payload, {USER: "eve", SESSION: "s-2"}) for payload in tried]

    assert [(one.status, one.code) for one in answers] == [(404, "memory.session_foreign")] * 3


async def test_an_unknown_domain_is_named_with_those_that_are_there(app: SlipstreamApp) -> None:
    answer = await ask(app, {"query": "x", "domain": "solar"})

    assert (answer.status, answer.code) == (404, "domains.unknown")
    assert "solaris" in answer.json["error"]["fix"]
