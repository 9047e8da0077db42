from collections.abc import Callable, Iterator
from datetime import UTC, timedelta, timezone
from pathlib import Path

import anyio
import pytest

from memory.errors import SessionForeign
from memory.ports import ConversationStore
from tests.conformance.adapters import CONVERSATION_STORES
from tests.conformance.samples import at

pytestmark = pytest.mark.anyio

Stores = Callable[[str], ConversationStore]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=CONVERSATION_STORES.values(), ids=CONVERSATION_STORES.keys())
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def store(stores: Stores) -> ConversationStore:
    return stores("acme")


async def test_the_first_user_owns_the_session(store: ConversationStore) -> None:
    opened = await store.open("s-1", user="u-1", domain="pumps", at=at(0))

    assert (opened.session_id, opened.tenant, opened.user, opened.domain) == ("s-1", "acme", "u-1", "pumps")
    assert (opened.turns, opened.started_at, opened.last_at, opened.completed) == (0, at(0), at(0), False)


async def test_opening_again_returns_what_is_there(store: ConversationStore) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))
    await store.touch("s-1", turns=3, at=at(30))

    again = await store.open("s-1", user="u-1", domain="pumps", at=at(90))

    assert (again.turns, again.started_at, again.last_at) == (3, at(0), at(30))


@pytest.mark.parametrize(("user", "domain"), [("u-2", "pumps"), ("u-1", "valves")])
async def test_another_user_or_domain_does_not_get_the_session(
    store: ConversationStore, user: str, domain: str
) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))

    with pytest.raises(SessionForeign, match="s-1"):
        await store.open("s-1", user=user, domain=domain, at=at(1))

    assert (await store.get("s-1", user="u-1")).user == "u-1"


async def test_a_foreign_session_and_one_that_is_not_there_answer_alike(store: ConversationStore) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))

    with pytest.raises(SessionForeign) as foreign:
        await store.get("s-1", user="u-2")
    with pytest.raises(SessionForeign) as absent:
        await store.get("s-9", user="u-2")

    assert str(foreign.value).replace("s-1", "…") == str(absent.value).replace("s-9", "…")


async def test_the_program_itself_gets_a_session_of_anybody(store: ConversationStore) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))

    assert (await store.get("s-1", user=None)).user == "u-1"


async def test_two_tenants_may_use_the_same_session_id(stores: Stores) -> None:
    await stores("acme").open("s-1", user="u-1", domain="pumps", at=at(0))
    other = await stores("globex").open("s-1", user="u-2", domain="pumps", at=at(1))
    await stores("globex").complete("s-1", at=at(2))

    assert other.user == "u-2"
    assert (await stores("acme").get("s-1", user="u-1")).completed is False


async def test_of_many_who_open_a_session_at_once_one_owns_it(store: ConversationStore) -> None:
    outcomes: list[str] = []

    async def ask(user: str) -> None:
        try:
            outcomes.append((await store.open("s-1", user=user, domain="pumps", at=at(0))).user)
        except SessionForeign:
            outcomes.append("refused")

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(ask, f"u-{number}")

    owner = (await store.get("s-1", user=None)).user
    assert sorted(outcomes) == sorted([owner] + ["refused"] * 9)


async def test_turns_never_fall_back(store: ConversationStore) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))
    await store.touch("s-1", turns=5, at=at(50))
    await store.touch("s-1", turns=4, at=at(51))

    assert (await store.get("s-1", user="u-1")).turns == 5


async def test_one_caller_completes_a_session(store: ConversationStore) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))
    done: list[bool] = []

    async def complete() -> None:
        done.append(await store.complete("s-1", at=at(9)))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(complete)

    assert sorted(done) == [False] * 7 + [True]
    assert (await store.get("s-1", user="u-1")).completed


async def test_completing_a_session_that_is_not_there_does_nothing(store: ConversationStore) -> None:
    assert await store.complete("s-9", at=at(0)) is False


async def test_a_completed_session_that_goes_on_is_open_again(store: ConversationStore) -> None:
    await store.open("s-1", user="u-1", domain="pumps", at=at(0))
    await store.complete("s-1", at=at(10))
    await store.touch("s-1", turns=2, at=at(20))

    assert (await store.get("s-1", user="u-1")).completed is False
    assert await store.complete("s-1", at=at(30)) is True


async def test_idle_sessions_come_oldest_first_without_completed_and_fresh_ones(
    stores: Stores, store: ConversationStore
) -> None:
    for number, seconds in enumerate([30, 10, 20, 90, 15]):
        await store.open(f"s-{number}", user="u-1", domain="pumps", at=at(seconds))
    await store.complete("s-4", at=at(16))
    await stores("globex").open("s-9", user="u-1", domain="pumps", at=at(1))

    idle = await store.idle(before=at(60))

    assert [known.session_id for known in idle] == ["s-1", "s-2", "s-0"]


async def test_idle_compares_times_and_not_their_spelling(store: ConversationStore) -> None:
    tokyo = timezone(timedelta(hours=9))
    await store.open("s-late", user="u-1", domain="pumps", at=at(100).astimezone(tokyo))
    await store.open("s-half", user="u-1", domain="pumps", at=at(10.5))
    await store.open("s-whole", user="u-1", domain="pumps", at=at(10).astimezone(UTC))

    assert [known.session_id for known in await store.idle(before=at(60))] == ["s-whole", "s-half"]


async def test_the_sessions_of_a_user_come_latest_first_and_no_others(
    stores: Stores, store: ConversationStore
) -> None:
    for number, seconds in enumerate([30, 10, 20]):
        await store.open(f"s-{number}", user="u-1", domain="pumps", at=at(seconds))
    await store.touch("s-1", turns=1, at=at(40))
    await store.complete("s-2", at=at(50))
    await store.open("s-8", user="u-2", domain="pumps", at=at(60))
    await stores("globex").open("s-9", user="u-1", domain="pumps", at=at(70))

    assert [known.session_id for known in await store.of_user("u-1", limit=9)] == ["s-2", "s-1", "s-0"]
    assert [known.session_id for known in await store.of_user("u-1", limit=1)] == ["s-2"]


@pytest.mark.parametrize("name", ["x'); DROP TABLE conversations; --", "a#b", "名前", "%", "a b"])
async def test_a_name_means_itself(stores: Stores, name: str) -> None:
    await stores(name).open(name, user=name, domain="pumps", at=at(0))

    assert [known.session_id for known in await stores(name).of_user(name, limit=9)] == [name]
    assert [known.session_id for known in await stores(name).idle(before=at(9))] == [name]
    assert await stores("a").of_user("b#" + name, limit=9) == []
