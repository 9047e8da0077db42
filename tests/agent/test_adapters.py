"""`slipstream config check`: every configured adapter is tried, and what does not work says what to do."""

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from typer.testing import CliRunner

from agent.adapters import adapters, explain, try_adapters
from agent.cli import app
from agent.settings import Settings
from memory.dynamodb_tables import TABLES

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def name() -> Iterator[str]:
    """A name for tables, bucket and bus of one's own; the tables are deleted in the end."""
    made = f"check-{uuid.uuid4().hex[:12]}"
    yield made
    client = boto3.client("dynamodb")
    for table in TABLES:
        client.delete_table(TableName=f"{made}-{table.name}")


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def check(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["config", "check", *options], standalone_mode=False)
    return done.return_value, done.stdout


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "HeadBucket")


async def test_a_laptop_needs_its_folder_and_its_embedder_and_both_work(tmp_path: Path) -> None:
    tried = await try_adapters(Settings(state_dir=tmp_path / "new"))

    assert [(one.name, one.works) for one in tried] == [
        (f"state folder {tmp_path / 'new'}", True),
        ("embedder minilm", True),
    ]
    assert list((tmp_path / "new").iterdir()) == []


def test_it_prints_a_line_an_adapter_and_leaves_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    status, text = check("--state", "here")

    assert status == 0
    assert [line.split()[:2] for line in text.splitlines()] == [["ok", "state"], ["ok", "embedder"]]
    assert all(" ms  " in line for line in text.splitlines())


def test_what_does_not_work_says_so_with_the_fix_and_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLIPSTREAM_REDIS_URL", f"redis://ann:secret@127.0.0.1:{closed_port}/0")

    status, text = check()
    json_status, json_text = check("--json")

    assert status == json_status == 3
    assert f"FAIL  Valkey 127.0.0.1:{closed_port}" in text
    assert "fix: Check the setting `redis_url`" in text
    [_, _, valkey] = json.loads(json_text)["adapters"]
    assert (valkey["works"], valkey["latency_ms"]) == (False, None)
    assert "secret" not in text + json_text


@pytest.mark.services("dynamodb", "aws", "redis", "opensearch")
async def test_what_is_missing_is_made_and_then_all_works(
    tmp_path: Path, name: str, opensearch_url: str, redis_url: str
) -> None:
    settings = Settings(
        state_dir=tmp_path,
        dynamodb_table_prefix=name,
        lake_bucket=name,
        event_bus=name,
        opensearch_url=opensearch_url,
        redis_url=redis_url,
    )
    before = {one.name: one for one in await try_adapters(settings)}
    made = await try_adapters(settings, create=True)
    again = await try_adapters(settings, create=True)

    missing = {f"DynamoDB tables {name}-*", f"S3 bucket {name}", f"EventBridge bus {name}"}
    assert {one.name for one in before.values() if not one.works} == missing
    assert all("--create" in before[one].fix for one in missing)
    assert [one for one in [*made, *again] if not one.works] == []
    assert len(made) == len(adapters(settings)) == 7
    assert {f"{name}-{table.name}" for table in TABLES} <= set(
        boto3.client("dynamodb").list_tables()["TableNames"]
    )


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (NoCredentialsError(), "credentials"),
        (NoRegionError(), "AWS_REGION"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "setting `lake_bucket`"),
        (refused("AccessDenied"), "Allow `HeadBucket`"),
        (refused("403"), "Allow `HeadBucket`"),
        (refused("404"), "--create"),
        (refused("ExpiredTokenException"), "credentials"),
        (refused("SlowDown"), "that the service runs"),
        (TimeoutError("slow"), "that the service runs"),
        (ValueError("odd"), "Correct the setting `lake_bucket`"),
    ],
)
def test_every_kind_of_failure_has_a_next_step(error: Any, fix: str) -> None:
    assert fix in explain(error, "lake_bucket")[1]


def test_the_page_about_aws_tells_of_every_setting_that_chooses_an_adapter() -> None:
    every = Settings(
        model="bedrock:a",
        model_fallbacks=("bedrock:b",),
        embedder="bedrock:c",
        dynamodb_table_prefix="p",
        lake_bucket="b",
        event_bus="e",
        opensearch_url="https://host",
        knowledge_base_id="K",
        guardrail_id="g",
        redis_url="redis://host",
    )
    page = (Path(__file__).parents[2] / "docs" / "aws.md").read_text("utf-8")

    chosen = {one.setting for one in adapters(every)}
    assert len(chosen) == 11
    assert {setting for setting in chosen if f"`{setting}`" not in page} == set()
