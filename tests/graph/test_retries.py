"""A model that fails: asked again in passing troubles, then the next model, then the local skills."""

from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from domains.model import Domain, Limits
from graph import retries
from graph.retries import ModelDown, RetryBudget, is_timeout, is_transient
from graph.state import Skills
from memory.breaker import FAILURES, Breaker
from memory.records import NodeFinished
from memory.turns import TurnReply
from nodes.local_judge import LocalJudge
from nodes.local_writer import LocalWriter
from nodes.model_skills import ModelAnswerUnusable
from tests.turns import DOMAIN, Bench, Scripted, open_bench

pytestmark = pytest.mark.anyio

LEAK = "My P1 has a leaking seal, what now?"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.0)


def refused(code: str, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "secret"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Converse")  # type: ignore[arg-type]


def throttled() -> ClientError:
    return refused("ThrottlingException", 429)


class Failing(Scripted):
    """A classifier that fails as told, call by call; `None` is a call that works."""

    def __init__(self, identity: str, *failures: Callable[[], Exception] | None) -> None:
        super().__init__(identity=identity)
        self.failures = list(failures)
        self.calls = 0

    async def classify(self, texts):  # type: ignore[no-untyped-def]
        self.calls += 1
        self.failure = self.failures.pop(0) if self.failures else None
        return await super().classify(texts)


def model(name: str, classifier: Scripted, breaker: Breaker | None = None) -> Skills:
    return Skills(
        classifier=classifier, writer=LocalWriter(), judge=LocalJudge(), name=f"model {name}", breaker=breaker
    )


async def attempts(bench: Bench, session: str = "session-1") -> list[tuple[str, str | None]]:
    """Return the attempts at understanding the last message of a session."""
    runs = [e for e in await bench.events(session) if isinstance(e, NodeFinished)]
    [*_, run] = [run for run in runs if run.node == "query_analyzer"]
    return [(attempt.skill, attempt.error) for attempt in run.attempts]


async def test_a_throttled_model_is_asked_again_and_the_turn_is_not_degraded(tmp_path: Path) -> None:
    first = Failing("model:a", throttled, throttled)
    async with open_bench(tmp_path, primary=model("a", first)) as bench:
        reply = await bench.ask(LEAK)
        tried = await attempts(bench)

    assert tried == [("primary", "ThrottlingException")] * 2 + [("primary", None)]
    assert (reply.degraded, reply.skills["classify"]) == ([], "model:a")


async def test_when_the_retries_are_spent_the_next_model_answers_and_the_reply_says_so(
    tmp_path: Path,
) -> None:
    first, second = Failing("model:a", *[throttled] * 9), Failing("model:b")
    async with open_bench(tmp_path, primary=model("a", first), fallbacks=(model("b", second),)) as bench:
        reply = await bench.ask(LEAK)
        tried = await attempts(bench)

    assert tried == [("primary", "ThrottlingException")] * 3 + [("fallback", None)]
    assert reply.degraded == ["query_analyzer: ThrottlingException, model b"]
    assert reply.skills["classify"] == "model:b"


async def test_when_all_models_fail_the_local_skill_answers(tmp_path: Path) -> None:
    first, second = Failing("model:a", *[throttled] * 9), Failing("model:b", *[throttled] * 9)
    async with open_bench(tmp_path, primary=model("a", first), fallbacks=(model("b", second),)) as bench:
        reply = await bench.ask(LEAK)

    assert (first.calls, second.calls) == (3, 1)  # the retries are the turn's, not each model's
    assert reply.kind == "answer"
    assert reply.degraded == [
        "query_analyzer: ThrottlingException, model b",
        "query_analyzer: ThrottlingException, local skill",
    ]
    assert reply.skills["classify"] == "scripted:1"


@pytest.mark.parametrize(
    "failure",
    [
        lambda: ModelAnswerUnusable("it is empty"),
        lambda: refused("AccessDeniedException", 403),
        lambda: ReadTimeoutError(endpoint_url="http://bedrock"),
    ],
)
async def test_what_asking_again_does_not_mend_goes_to_the_next_model_at_once(
    tmp_path: Path, failure: Callable[[], Exception]
) -> None:
    first, second = Failing("model:a", failure, failure), Failing("model:b")
    async with open_bench(tmp_path, primary=model("a", first), fallbacks=(model("b", second),)) as bench:
        reply = await bench.ask(LEAK)

    assert first.calls == 1
    assert reply.skills["classify"] == "model:b"


async def test_a_model_that_stalls_is_asked_once_a_turn_and_leaves_time_for_the_others(
    tmp_path: Path,
) -> None:
    class Stalled(LocalWriter):
        async def write(self, state: object, domain: object) -> None:  # type: ignore[override]
            raise AssertionError("the writer of a model that stalled is not asked")

    first = Failing("model:a", lambda: TimeoutError())
    stalled = Skills(classifier=first, writer=Stalled(), judge=LocalJudge(), name="model a")
    async with open_bench(tmp_path, primary=stalled) as bench:
        reply = await bench.ask(LEAK)

    assert reply.degraded == ["query_analyzer: timeout, local skill"]
    assert reply.skills["write"] == "local:extractive"


async def test_a_model_that_keeps_failing_is_left_alone_for_a_while(tmp_path: Path) -> None:
    now = [0.0]
    breaker = Breaker("model a", budget_s=60, failures=(ModelDown,), clock=lambda: now[0])
    first = Failing("model:a", *[throttled] * FAILURES)
    async with open_bench(tmp_path, primary=model("a", first, breaker)) as bench:
        await bench.ask(LEAK, session="one")
        meanwhile = await bench.ask(LEAK, session="two")
        now[0] += 60
        afterwards = await bench.ask(LEAK, session="three")

    assert meanwhile.degraded == ["query_analyzer: left alone after failures, local skill"]
    assert (afterwards.degraded, first.calls) == ([], FAILURES + 1)


async def test_a_domain_may_do_without_retries(tmp_path: Path) -> None:
    first = Failing("model:a", *[throttled] * 9)
    domain: Domain = DOMAIN.model_copy(update={"limits": Limits(retries=0)})
    async with open_bench(tmp_path, primary=model("a", first), domain=domain) as bench:
        reply: TurnReply = await bench.ask(LEAK)

    assert (first.calls, reply.kind) == (1, "answer")


# --- the budget ----------------------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(retries.asyncio, "sleep", sleep)
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.2)
    return slept


async def test_waits_double_below_a_bound(waits: list[float]) -> None:
    budget = RetryBudget(turn_s=100, retries=6, draw=lambda low, high: high)

    assert [await budget.retry() for _ in range(7)] == [True] * 6 + [False]
    assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


async def test_no_retry_begins_that_the_time_left_does_not_allow(waits: list[float]) -> None:
    now = [0.0]
    budget = RetryBudget(turn_s=10, retries=6, draw=lambda low, high: high, clock=lambda: now[0])
    now[0] = 9.7

    assert (await budget.retry(), waits) == (False, [])


def test_each_attempt_leaves_half_of_the_time_to_those_that_follow() -> None:
    now = [0.0]
    budget = RetryBudget(turn_s=30, clock=lambda: now[0])
    taken = []
    for _ in range(4):
        taken.append(budget.attempt_s(12))
        now[0] += taken[-1]

    assert taken == [12, 9, 4.5, 2.25]
    now[0] = 99
    assert budget.attempt_s(12) == 0


class HttpError(Exception):
    """As the clients of other providers raise it."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    ("failure", "transient", "timeout"),
    [
        (throttled(), True, False),
        (refused("throttlingException", 200), True, False),
        (refused("ModelTimeoutException", 408), True, False),
        (refused("Whatever", 503), True, False),
        (refused("ValidationException"), False, False),
        (refused("AccessDeniedException", 403), False, False),
        (ReadTimeoutError(endpoint_url="u"), True, True),
        (EndpointConnectionError(endpoint_url="u"), True, False),
        (TimeoutError(), True, True),
        (ConnectionResetError(), True, False),
        (HttpError(529), True, False),
        (HttpError(401), False, False),
        (ValueError(), False, False),
        (ModelAnswerUnusable("x"), False, False),
    ],
)
def test_only_troubles_of_the_service_are_passing(failure: Exception, transient: bool, timeout: bool) -> None:
    assert (is_transient(failure), is_timeout(failure)) == (transient, timeout)
