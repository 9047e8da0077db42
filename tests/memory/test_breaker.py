"""A service that fails is left alone for a while, and tried again by one."""

import asyncio

import pytest

from memory.breaker import FAILURES, FIRST_REST_S, LONGEST_REST_S, Breaker, ServiceUnavailable

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Service:
    """Answers or fails as told, and counts who asks."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0

    async def ask(self) -> str:
        self.calls += 1
        if self.error:
            raise self.error
        return "answer"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("OpenSearch", budget_s=60, clock=clock)


async def fail(breaker: Breaker, service: Service, times: int = FAILURES) -> None:
    service.error = ConnectionError("refused")
    for _ in range(times):
        with pytest.raises(ServiceUnavailable, match=r"OpenSearch cannot be used: refused\."):
            await breaker.call(service.ask)


async def test_what_the_service_answers_comes_back(breaker: Breaker, service: Service) -> None:
    assert await breaker.call(service.ask) == "answer"


async def test_after_failures_in_a_row_it_is_not_asked_any_more(breaker: Breaker, service: Service) -> None:
    await fail(breaker, service)
    service.error = None

    with pytest.raises(ServiceUnavailable, match="left alone"):
        await breaker.call(service.ask)

    assert breaker.is_open
    assert service.calls == FAILURES


async def test_an_answer_in_between_starts_the_count_again(breaker: Breaker, service: Service) -> None:
    await fail(breaker, service, FAILURES - 1)
    service.error = None
    await breaker.call(service.ask)

    await fail(breaker, service, FAILURES - 1)

    assert not breaker.is_open


async def test_after_a_rest_one_tries_it_while_others_are_refused(
    breaker: Breaker, service: Service, clock: Clock
) -> None:
    await fail(breaker, service)
    clock.now += FIRST_REST_S
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        asked.set()
        await answer.wait()
        return "back"

    trying = asyncio.create_task(breaker.call(slow))
    await asked.wait()
    with pytest.raises(ServiceUnavailable):
        await breaker.call(service.ask)
    answer.set()

    assert await trying == "back"
    service.error = None
    assert await breaker.call(service.ask) == "answer"


async def test_each_failed_try_doubles_the_rest_up_to_a_bound(
    breaker: Breaker, service: Service, clock: Clock
) -> None:
    await fail(breaker, service)
    rest_s, rests = FIRST_REST_S, 10
    for _ in range(rests):
        clock.now += rest_s
        await fail(breaker, service, times=1)
        rest_s = min(2 * rest_s, LONGEST_REST_S)
        clock.now += rest_s - 0.01
        assert breaker.is_open
        clock.now += 0.01 - rest_s

    assert rest_s == LONGEST_REST_S
    assert service.calls == FAILURES + rests


async def test_one_that_never_answers_is_given_up(clock: Clock) -> None:
    breaker = Breaker("OpenSearch", budget_s=0.001, clock=clock)

    for _ in range(FAILURES):
        with pytest.raises(ServiceUnavailable, match="no answer within 1 ms"):
            await breaker.call(asyncio.Event().wait)

    assert breaker.is_open


@pytest.mark.parametrize(("waited_s", "opens"), [(0.0, False), (30.0, True)])
async def test_a_caller_that_gives_up_counts_once_it_waited_long(
    breaker: Breaker, clock: Clock, waited_s: float, opens: bool
) -> None:
    for _ in range(FAILURES):
        asked = asyncio.Event()

        async def never(asked: asyncio.Event = asked) -> None:
            asked.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(breaker.call(never))
        await asked.wait()
        clock.now += waited_s
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        clock.now -= waited_s  # as if all had come at once

    assert breaker.is_open is opens


async def test_an_error_that_says_nothing_of_its_health_passes_through(
    breaker: Breaker, service: Service
) -> None:
    service.error = ValueError("no such index")
    for _ in range(FAILURES):
        with pytest.raises(ValueError, match="no such index"):
            await breaker.call(service.ask)

    assert not breaker.is_open
