"""What the DynamoDB adapters promise beyond their ports: time to live, pages, conflicts, and what is down."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import anyio
import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from memory.breaker import FAILURES, ServiceUnavailable
from memory.dynamodb import BATCH_TRIES, DynamoTables, key, open_tables
from memory.dynamodb_sessions import KEPT
from memory.dynamodb_store import LIVE_FOR_S, DynamoStore
from memory.dynamodb_tables import create_tables
from memory.errors import StorageFailed
from memory.records import Profile
from tests.conformance.samples import at, release
from tests.dynamodb import own_tables

pytestmark = pytest.mark.anyio

ON_DYNAMODB = pytest.mark.services("dynamodb")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def prefix() -> Iterator[str]:
    with own_tables() as made:
        yield made


class Refusing:
    """A client whose every call fails as told, and counts."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def __getattr__(self, operation: str) -> Any:
        def call(**given: Any) -> Any:
            self.calls += 1
            raise self.error

        return call


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "the text of user 42"}}, "PutItem")


# --- tables --------------------------------------------------------------------------------------


@ON_DYNAMODB
async def test_tables_are_made_once_with_their_indexes_and_time_to_live() -> None:
    client, prefix = boto3.client("dynamodb"), f"test-{uuid.uuid4().hex[:12]}"

    made = create_tables(client, prefix)
    again = create_tables(client, prefix)

    try:
        described = {name: client.describe_table(TableName=name)["Table"] for name in made}
        indexes = {
            name.removeprefix(f"{prefix}-"): {
                one["IndexName"] for one in table.get("GlobalSecondaryIndexes", [])
            }
            for name, table in described.items()
        }
        lives = client.describe_time_to_live(TableName=f"{prefix}-conversations")["TimeToLiveDescription"]
    finally:
        for name in made:
            client.delete_table(TableName=name)
    assert again == []
    assert indexes == {
        "profiles": set(),
        "conversations": {"UserIdIndex", "open-index"},
        "releases": set(),
        "patterns": {"frequency-index"},
        "checkpoints": set(),
    }
    assert (lives["TimeToLiveStatus"], lives["AttributeName"]) == ("ENABLED", "expires_at")


@ON_DYNAMODB
async def test_a_session_expires_a_while_after_its_last_turn(prefix: str) -> None:
    sessions = DynamoStore(open_tables(prefix)).conversations("acme")
    await sessions.open("s-1", user="u-1", domain="pumps", at=at(0))
    await sessions.touch("s-1", turns=1, at=at(60))

    item = await open_tables(prefix).get("conversations", {"session": key("acme", "s-1")})

    assert item is not None
    assert item["expires_at"] == int((at(60) + KEPT).timestamp())
    assert timedelta(days=30) < KEPT


@ON_DYNAMODB
async def test_a_table_that_is_not_there_is_named_with_what_makes_it(prefix: str) -> None:
    profiles = DynamoStore(open_tables(f"{prefix}-no")).profiles("acme")

    with pytest.raises(StorageFailed, match=f"`{prefix}-no-profiles`; `slipstream config check --create`"):
        await profiles.get("u-1")


# --- pages and conflicts -----------------------------------------------------------------------


@ON_DYNAMODB
async def test_more_than_one_page_is_read_whole(prefix: str) -> None:
    registry = DynamoStore(open_tables(prefix)).registry("acme")
    big = {"note": 1.0} | {f"figure_{number:04}": number / 7 for number in range(9000)}
    names = [f"r-{number}" for number in range(7)]
    for name in names:
        await registry.publish(release(name).model_copy(update={"metrics": big}))

    found = await registry.releases("pumps")

    assert [one.release_id for one in found] == names[::-1]
    assert all(one.metrics == big for one in found)


@ON_DYNAMODB
async def test_of_two_who_publish_the_same_release_at_once_one_writes_it(prefix: str) -> None:
    registries = [DynamoStore(open_tables(prefix)).registry("acme") for _ in range(2)]

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(registries[number % 2].publish, release(f"r-{number // 4}"))

    found = await registries[0].releases("pumps")
    assert sorted(one.release_id for one in found) == ["r-0", "r-1", "r-2"]


@ON_DYNAMODB
async def test_the_live_release_is_asked_for_once_in_a_while(prefix: str) -> None:
    now = [100.0]
    mine = DynamoStore(open_tables(prefix), clock=lambda: now[0]).registry("acme")
    other = DynamoStore(open_tables(prefix)).registry("acme")
    for name in ("r-1", "r-2"):
        await mine.publish(release(name))
    await mine.promote("pumps", "r-1")
    assert (await mine.live("pumps")) == release("r-1")

    await other.promote("pumps", "r-2")

    assert (await mine.live("pumps")) == release("r-1")
    now[0] += LIVE_FOR_S
    assert (await mine.live("pumps")) == release("r-2")


# --- when it is down ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "InternalServerError"])
async def test_a_failure_names_its_kind_and_nothing_that_was_written(code: str) -> None:
    profiles = DynamoStore(DynamoTables(Refusing(refused(code)), "p")).profiles("acme")

    with pytest.raises(StorageFailed, match=code) as failed:
        await profiles.put(Profile(user="u-1"))

    assert "42" not in str(failed.value)
    assert "config check" in failed.value.fix


async def test_a_service_that_is_down_is_left_alone() -> None:
    client = Refusing(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"))
    profiles = DynamoStore(DynamoTables(client, "p")).profiles("acme")

    for _ in range(FAILURES + 5):
        with pytest.raises(ServiceUnavailable):
            await profiles.get("u-1")

    assert client.calls == FAILURES


@ON_DYNAMODB
async def test_while_it_is_down_the_last_known_release_stays_live(prefix: str) -> None:
    now = [100.0]
    tables = open_tables(prefix)
    store = DynamoStore(tables, clock=lambda: now[0])
    await store.registry("acme").publish(release("r-1"))
    await store.registry("acme").promote("pumps", "r-1")
    await store.registry("acme").live("pumps")

    tables._client = Refusing(refused("InternalServerError"))
    now[0] += 2 * LIVE_FOR_S

    assert await store.registry("acme").live("pumps") == release("r-1")
    with pytest.raises(StorageFailed):
        await store.registry("acme").live("valves")


class Stingy:
    """Takes one item of each batch and leaves the rest over."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
        [[table, [first, *rest]]] = RequestItems.items()
        self.taken.append(first["PutRequest"]["Item"]["pattern_id"]["S"])
        return {"UnprocessedItems": {table: rest} if rest else {}}


async def test_what_a_batch_leaves_over_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("memory.dynamodb.asyncio.sleep", wait)
    client = Stingy()

    await DynamoTables(client, "p").write_all("patterns", put=[{"pattern_id": f"p-{n}"} for n in range(3)])

    assert client.taken == ["p-0", "p-1", "p-2"]
    assert waits == sorted(waits)
    with pytest.raises(StorageFailed, match=f"after {BATCH_TRIES} tries"):
        await DynamoTables(client, "p").write_all("patterns", put=[{"pattern_id": "p"}] * (BATCH_TRIES + 1))


async def test_two_lists_of_names_never_make_the_same_key() -> None:
    parts = [("a", "b"), ("a#b",), ("a", "b", ""), ("", "a", "b"), ("a%23b",), ("a", "#b")]

    assert len({key(*part) for part in parts}) == len(parts)
