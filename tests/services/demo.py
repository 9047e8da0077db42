"""The demo on the laptop and on the services: the same guidance, and where everything lies then."""

import asyncio
import sys
import tempfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import typer
from pydantic import SecretStr

from agent.adapters import try_adapters
from agent.demo import run_demo
from agent.search import open_opensearch
from agent.settings import Settings
from memory.records import Guidance
from memory.turns import TurnReply
from tests.services import ADDRESS, environment

say = typer.echo


def settings_on_services(folder: Path, name: str) -> Settings:
    """Return settings that choose every adapter of a service, each with the name."""
    return Settings(
        state_dir=folder,
        dynamodb_table_prefix=name,
        lake_bucket=name,
        event_bus=name,
        opensearch_url=environment()[ADDRESS["opensearch"]],
        session_memory="dynamodb",
        checkpoint_keys=SecretStr(name.ljust(32, "-")),
        redis_url=environment()[ADDRESS["redis"]],
    )


def watch_bus(bus: str) -> str:
    """Let a queue take all that is announced on a bus; returns its address."""
    queue = boto3.client("sqs").create_queue(QueueName=bus)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{bus}"
    events = boto3.client("events")
    events.put_rule(
        Name=bus,
        EventBusName=bus,
        EventPattern='{"detail-type": ["Query Processed", "Session Completed"]}',
    )
    events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return str(queue)


def suggestions(reply: TurnReply) -> list[Any]:
    """Return what was suggested, without what differs from run to run."""
    guidance = reply.guidance or Guidance()
    return [suggestion.model_dump() for suggestion in guidance.suggestions]


def where_it_lies(settings: Settings, queue: str) -> list[str]:
    """Return a line for each place, counted there."""
    elsewhere = [_objects(settings), _announced(settings, queue), _cached(settings)]
    return [*_tables(settings), *elsewhere, *_indexes(settings)]


def _tables(settings: Settings) -> list[str]:
    client, prefix = boto3.client("dynamodb"), settings.dynamodb_table_prefix
    lines = []
    for table in ("profiles", "conversations", "releases", "patterns"):
        pages = client.get_paginator("scan").paginate(TableName=f"{prefix}-{table}", Select="COUNT")
        lines.append(
            f"{table:<14} {sum(page['Count'] for page in pages):>6} items    DynamoDB {prefix}-{table}"
        )
    return lines


def _objects(settings: Settings) -> str:
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=settings.lake_bucket)
    sizes = [one["Size"] for page in pages for one in page.get("Contents", [])]
    return (
        f"{'events, index':<14} {len(sizes):>6} objects  s3://{settings.lake_bucket} ({sum(sizes):,} bytes)"
    )


def _announced(settings: Settings, queue: str) -> str:
    wanted = ["ApproximateNumberOfMessages"]
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)["Attributes"]
    return f"{'announcements':<14} {int(found[wanted[0]]):>6} events   EventBridge {settings.event_bus}"


def _cached(settings: Settings) -> str:
    from valkey import Valkey

    assert settings.redis_url is not None
    with Valkey.from_url(settings.redis_url.get_secret_value()) as client:
        keys = sum(1 for _ in client.scan_iter("slipstream:*"))
    return f"{'searches':<14} {keys:>6} keys     Valkey, for a day"


def _indexes(settings: Settings) -> list[str]:
    client = open_opensearch(settings)
    assert client is not None
    with closing(client):
        found = client.command("GET", "/_cat/indices/session-*?format=json&h=index,docs.count&s=index")
    where = f"OpenSearch {settings.opensearch_url}"
    return [
        f"{'index':<14} {int(one['docs.count']):>6} docs     {where}/{one['index'][:40]}…" for one in found
    ]


async def main(folder: Path) -> int:
    """Run both and compare; returns the exit status."""
    silent: dict[str, Any] = {"say": lambda text: None, "on_progress": lambda *told: None}
    laptop, _ = await run_demo(Settings(state_dir=folder / "laptop"), None, **silent)
    settings = settings_on_services(folder / "services", f"demo-{uuid.uuid4().hex[:8]}")
    say("Adapters:")
    tried = await try_adapters(settings, create=True)
    for one in tried:
        say(f"  {'ok  ' if one.works else 'FAIL'} {one.name}: {one.holds} {one.problem} {one.fix}".rstrip())
    if not all(one.works for one in tried):
        return 1
    queue = watch_bus(str(settings.event_bus))
    reply, _ = await run_demo(settings, None, say=say, on_progress=lambda *told: None)
    say("Where it lies now:")
    for line in where_it_lies(settings, queue):
        say(f"  {line}")
    same = suggestions(reply) == suggestions(laptop) != []
    say("The guidance is the same as on the laptop." if same else "THE GUIDANCE IS NOT THE SAME.")
    return 0 if same else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        sys.exit(asyncio.run(main(Path(made))))
