"""The runtime is opened once, when first needed; a failure is told and tried again."""

import asyncio

import pytest

from agent.opening import Opening, StartFailed
from memory.errors import StorageFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_all_who_wait_share_one_opening() -> None:
    gate = asyncio.Event()
    opened: list[object] = []

    async def open_it() -> object:
        await gate.wait()
        opened.append(object())
        return opened[-1]

    opening = Opening(open_it)
    opening.start()
    waiting = [asyncio.ensure_future(opening.get()) for _ in range(3)]
    gate.set()

    assert await asyncio.gather(*waiting) == [opened[0]] * 3
    assert await opening.get() is opening.opened is opened[0]
    assert len(opened) == 1


async def test_a_failure_names_what_to_do_and_the_next_one_tries_again() -> None:
    attempts = 0

    async def open_it() -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise StorageFailed("state", "read-only file system")
        return "open"

    opening = Opening(open_it)

    with pytest.raises(StartFailed, match="read-only file system") as caught:
        await opening.get()
    assert "--state" in caught.value.fix
    assert await opening.get() == "open"


async def test_after_a_failure_pings_do_not_try_again() -> None:
    attempts = 0

    async def open_it() -> str:
        nonlocal attempts
        attempts += 1
        raise StorageFailed("state", "no space left")

    opening = Opening(open_it)
    for _ in range(3):
        opening.start()
        with pytest.raises(StartFailed):
            await opening.get()
    seen = attempts
    opening.start()
    await asyncio.sleep(0)

    assert (seen, attempts) == (3, 3)


async def test_an_unexpected_failure_tells_nothing_of_itself() -> None:
    async def open_it() -> str:
        raise RuntimeError("password in a connection string")

    with pytest.raises(StartFailed) as caught:
        await Opening(open_it).get()

    assert "password" not in str(caught.value)


async def test_an_opening_under_way_can_be_stopped() -> None:
    closed = asyncio.Event()

    async def open_it() -> str:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            closed.set()

    opening = Opening(open_it)
    opening.start()
    await asyncio.sleep(0)
    await opening.cancel()

    assert closed.is_set()
    assert opening.opened is None
