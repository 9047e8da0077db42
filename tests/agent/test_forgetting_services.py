"""A person is erased from every service that the settings name, and nobody else is touched."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from agent.forgetting import forget
from agent.runtime import Runtime
from agent.search import open_opensearch
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from learning.trust import MIN_USERS
from memory.opensearch_patterns import Place
from memory.redact import user_key
from memory.turns import TurnRequest
from tests.agent.test_forgetting import MANY, recorded
from tests.aws import own_bucket
from tests.dynamodb import own_tables
from tests.opensearch import own_client, own_place
from tests.services import ADDRESS, environment

pytestmark = [pytest.mark.anyio, pytest.mark.services("dynamodb", "aws", "redis", "opensearch")]

ANN, BOB = "ann", "bob"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(_services: None, tmp_path: Path) -> Iterator[Settings]:
    """Yield settings that keep nothing in the state folder that can be kept elsewhere."""
    new_domain("shop", tmp_path / "domains")
    with ExitStack() as stack:
        client = stack.enter_context(own_client())
        place = stack.enter_context(own_place(client, "shop"))
        yield Settings(
            state_dir=tmp_path / "state",
            domains_dir=tmp_path / "domains",
            domain="shop",
            tenant=place.tenant,
            dynamodb_table_prefix=stack.enter_context(own_tables()),
            lake_bucket=stack.enter_context(own_bucket())._bucket,
            opensearch_url=environment()[ADDRESS["opensearch"]],
            redis_url=SecretStr(environment()[ADDRESS["redis"]]),
            session_memory="valkey",
            checkpoint_keys=SecretStr(uuid.uuid4().hex),
        )


async def test_nothing_of_the_person_is_left_on_any_service(settings: Settings) -> None:
    keys = {user: user_key(settings.tenant, user) for user in (ANN, BOB)}
    runtime = await open_runtime(settings)
    try:
        people = [ANN, *(f"many-{n}" for n in range(2 * MIN_USERS))]
        events = [event for user in people for event in recorded(user, MANY, tenant=settings.tenant)]
        await runtime.replay(events)
        for user in (ANN, BOB):
            await ask(runtime, user, f"How can zebra{user} export data?")
        await runtime.learn("shop", lambda *_: None)
    finally:
        await runtime.close()
    before = {user: holding(settings, key) for user, key in keys.items()}
    indexes = indexes_of(settings)

    done = await forget(settings, ANN)

    assert (done.checkpoints, done.profiles, done.releases) == (1, 1, 1)
    assert done.lake_rows > 4
    assert min(before.values()) > 3
    assert indexes
    assert (holding(settings, keys[ANN]), holding(settings, "zebraann")) == (0, 0)
    assert (holding(settings, keys[BOB]), indexes_of(settings)) == (before[BOB], [])
    assert (await forget(settings, ANN)).sessions == 0


async def ask(runtime: Runtime, user: str, query: str) -> None:
    reply = await runtime.turn(
        TurnRequest(
            query=query,
            domain="shop",
            tenant=runtime.settings.tenant,
            user=user,
            session_id=f"{user}-one",
            request_id=f"{user}-one",
        )
    )
    assert reply.degraded == []


def holding(settings: Settings, text: str) -> int:
    """Return how many items, rows of the lake, and indexed documents hold a text."""
    rows = [str(item) for item in _items(settings)] + [str(row) for row in _rows(settings)]
    return sum(text in row for row in rows)


def _items(settings: Settings) -> Iterator[dict[str, Any]]:
    client = boto3.client("dynamodb")
    for table in ("profiles", "conversations", "releases", "patterns"):
        yield from client.scan(TableName=f"{settings.dynamodb_table_prefix}-{table}")["Items"]


def _rows(settings: Settings) -> Iterator[dict[str, Any]]:
    client, bucket = boto3.client("s3"), settings.lake_bucket
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", []):
            if one["Key"].endswith(".parquet"):
                data = client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
                yield from pq.read_table(pa.BufferReader(data), partitioning=None).to_pylist()


def indexes_of(settings: Settings) -> list[str]:
    client = open_opensearch(settings)
    assert client is not None
    try:
        return sorted(client.command("GET", f"/{Place(settings.tenant, 'shop').live}-*") or {})
    finally:
        client.close()
