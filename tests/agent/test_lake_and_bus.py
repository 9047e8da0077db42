"""The whole program with its lake in a bucket and its turns announced on a bus, by settings alone."""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.announcements import from_detail, rule_pattern
from memory.turns import TurnRequest
from tests.aws import own_bucket

pytestmark = [pytest.mark.anyio, pytest.mark.services("aws")]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def own_bus() -> Iterator[tuple[str, Any]]:
    """Make a bus with a rule and a queue behind it; yields its name and what receives all that was sent."""
    name, events, queues = f"test-{uuid.uuid4().hex[:12]}", boto3.client("events"), boto3.client("sqs")
    events.create_event_bus(Name=name)
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps(rule_pattern(["slipstream.agentcore"]))
    events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])

    def received() -> list[dict[str, Any]]:
        found = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"]) for one in found]

    try:
        yield name, received
    finally:
        events.remove_targets(Rule=name, EventBusName=name, Ids=["1"])
        events.delete_rule(Name=name, EventBusName=name)
        events.delete_event_bus(Name=name)
        queues.delete_queue(QueueUrl=queue)


async def opened(folder: Path, bucket: str, **changes: Any) -> Runtime:
    settings = Settings(
        state_dir=folder / "state",
        domains_dir=folder.parent / "domains",
        domain="shop",
        holdout_share=0.0,
        lake_bucket=bucket,
        **changes,
    )
    return await open_runtime(settings)


async def test_a_turn_is_announced_and_its_events_lie_in_the_bucket(aws_url: str, tmp_path: Path) -> None:
    new_domain("shop", tmp_path / "domains")
    with own_bucket() as bucket, own_bus() as (bus, received):
        runtime = await opened(tmp_path / "a", bucket._bucket, event_bus=bus)
        request = TurnRequest(
            query="How can I export my data?", session_id="s-1", request_id="r-1", domain="shop"
        )
        await runtime.turn(request)
        await runtime.end_session(tenant="local", user="local", session_id="s-1")
        await runtime.drain()
        events = await runtime.events("s-1", "local")
        await runtime.close()
        sent = received()

    assert {"turn_finished", "session_completed", "node_finished"} <= {event.kind for event in events}
    assert sorted(one["detail-type"] for one in sent) == ["Query Processed", "Session Completed"]
    announced = [from_detail(one["detail"]) for one in sent]
    assert [one for one in events if one.kind == "turn_finished"] == [
        one for one in announced if one.kind == "turn_finished"
    ]
    assert not (tmp_path / "a" / "state" / "lake").exists()


async def test_what_is_learned_on_one_machine_comes_with_its_files(aws_url: str, tmp_path: Path) -> None:
    new_domain("shop", tmp_path / "domains")
    events = [
        event
        for n in range(40)
        for event in recorded_events(
            RecordedSession(
                session_id=f"old-{n}", user_id=f"u-{n % 9}", labels=["troubleshooting", "how_to"]
            ),
            tenant="local",
            domain="shop",
        )
    ]
    with own_bucket() as bucket:
        learner = await opened(tmp_path / "a", bucket._bucket)
        await learner.replay(events)
        await learner.learn("shop", lambda *_: None)
        live = await learner.registry("local").live("shop")
        await learner.close()
        # another machine that shares the registry but not the disk
        (tmp_path / "b" / "state").mkdir(parents=True)
        shutil.copy(tmp_path / "a" / "state" / "store.sqlite", tmp_path / "b" / "state" / "store.sqlite")
        agent = await opened(tmp_path / "b", bucket._bucket)
        served = (await agent.services("shop")).release
        sessions = await agent.sessions("shop", lambda *_: None)
        await agent.close()

    assert live is not None
    assert served == live.release_id
    assert len(sessions) == 40
