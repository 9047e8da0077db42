"""The bus: what an event looks like on it, what is sent again, and that rule and event fit each other."""

import itertools
import json
import random
import uuid
from collections.abc import Sequence
from typing import Any

import boto3
import pytest

from benchmarks.flaky_bus import Entry, FlakyBus
from memory.announcements import from_detail, rule_pattern, to_detail
from memory.eventbridge import MOST_BYTES, MOST_ENTRIES, EventBridgeBus, open_bus
from memory.objects import FolderObjects
from memory.records import SessionEvent
from tests.aws import own_bucket
from tests.conformance.samples import completed, turn_events

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def finished(session: str = "session-1", turn: int = 1, **given: Any) -> SessionEvent:
    return turn_events(session, turn, **given)[-1]


def source_of(domain: str) -> str:
    return f"{domain}.agentcore"


def bus_to(flaky: FlakyBus, **given: Any) -> EventBridgeBus:
    return EventBridgeBus(flaky.client, "sessions", source_of=source_of, **given)


def ids(details: Sequence[dict[str, Any]]) -> list[str]:
    return [detail["event_id"] for detail in details]


def test_a_detail_says_what_others_ask_for_and_all_that_the_event_does() -> None:
    event = finished()

    detail = to_detail(event)

    assert detail.keys() == {"event_id", "action", "session_id", "query", "response", "metadata"}
    assert detail["action"] == "turn_finished"
    assert detail["metadata"]["confidence_score"] == 0.9
    assert detail["metadata"]["timestamp"].startswith("2026-03-01T09:01:02")
    assert from_detail(json.loads(json.dumps(detail))) == event
    assert from_detail(to_detail(completed())) == completed()


@pytest.mark.parametrize("detail", [{}, {"metadata": 1}, {"metadata": {}, "action": "dream_told"}])
def test_a_detail_of_somebody_else_is_refused(detail: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"metadata|union_tag"):
        from_detail(detail)


async def test_calls_hold_ten_entries_and_a_session_once() -> None:
    flaky = FlakyBus()
    events = [finished(f"s-{number}", turn) for turn in (1, 2) for number in range(12)]

    refused = await bus_to(flaky).send(events)

    assert refused == {}
    assert sorted(ids(flaky.taken)) == sorted(event.event_id for event in events)
    assert max(len(call) for call in flaky.calls) == MOST_ENTRIES
    by_id = {event.event_id: event.session_id for event in events}
    assert all(len({by_id[one] for one in call}) == len(call) for call in flaky.calls)


async def test_calls_stay_below_the_size_that_the_service_takes() -> None:
    flaky = FlakyBus()
    sizes: list[int] = []

    def measure(entries: Sequence[Entry]) -> list[str | None]:
        sizes.append(sum(len(entry["Detail"].encode()) for entry in entries))
        return [None] * len(entries)

    flaky.fail = measure
    await bus_to(flaky).send([finished(f"s-{number}", query="é" * 100_000) for number in range(10)])

    assert [len(call) for call in flaky.calls] == [4, 4, 2]
    assert max(sizes) <= MOST_BYTES


async def test_any_subset_of_ten_that_fails_is_all_that_is_sent_again_and_order_is_kept() -> None:
    flaky = FlakyBus()
    bus = bus_to(flaky)
    events = [finished(f"s-{number % 10}", 1 + number // 10) for number in range(20)]
    subsets = list(itertools.product((True, False), repeat=10))
    for failing in random.Random(5).sample(subsets, 48):  # `benchmarks.faults` goes through all
        flaky.taken.clear()
        wrong = {event.event_id for event, fails in zip(events, failing, strict=False) if fails}
        flaky.fail = lambda entries, wrong=wrong: [  # type: ignore[misc]
            "InternalFailure" if json.loads(entry["Detail"])["event_id"] in wrong else None
            for entry in entries
        ]

        refused = await bus.send(events)
        flaky.fail = lambda entries: [None] * len(entries)
        again = await bus.send([event for event in events if event.event_id in refused])

        assert again == {}
        assert {id_ for id_, why in refused.items() if why.fate == "again"} == wrong
        assert sorted(ids(flaky.taken)) == sorted(event.event_id for event in events)  # each one once
        for number in range(10):
            own = [one for one in flaky.taken if one["session_id"] == f"s-{number}"]
            assert [one["metadata"]["turn"] for one in own] == [1, 2]


async def test_a_throttled_call_takes_nothing_and_says_how_long_to_wait() -> None:
    flaky = FlakyBus()
    flaky.refuse_call = "ThrottlingException"

    refused = await bus_to(flaky).send([finished(f"s-{number}") for number in range(25)])

    assert len(flaky.calls) == 1
    assert len(refused) == 25
    assert {why.fate for why in refused.values()} == {"held"}
    assert max(why.after_s for why in refused.values()) == 3.0


async def test_after_a_time_out_the_event_is_sent_again_though_it_was_taken() -> None:
    flaky = FlakyBus()
    flaky.refuse_call = "timeout"
    bus = bus_to(flaky)

    refused = await bus.send([finished()])
    flaky.refuse_call = None
    again = await bus.send([finished()])

    assert [why.fate for why in refused.values()] == ["held"]
    assert again == {}
    assert ids(flaky.taken) == [finished().event_id] * 2  # consumers drop the repeat by its id


async def test_one_entry_that_spoils_its_call_is_found_and_the_others_are_taken() -> None:
    flaky = FlakyBus()
    events = [finished(f"s-{number}") for number in range(10)]

    def fail(entries: Sequence[Entry]) -> list[str | None]:
        return ["MalformedDetail" if "s-3" in entry["Detail"] else None for entry in entries]

    flaky.fail = fail

    refused = await bus_to(flaky).send([*events, finished("s-3", 2)])

    assert {id_: why.fate for id_, why in refused.items()} == {
        events[3].event_id: "dead",
        finished("s-3", 2).event_id: "dead",
    }
    assert len(flaky.taken) == 9


async def test_what_is_too_large_for_the_bus_leaves_its_address(tmp_path: Any) -> None:
    flaky, folder = FlakyBus(), FolderObjects(tmp_path)
    event = finished(query="x" * 1_000_000)

    refused = await bus_to(flaky, claims=folder, bucket="b").send([event])

    [detail] = flaky.taken
    claim = detail["claim_check"]
    assert refused == {}
    assert (detail["event_id"], detail["action"], claim["bucket"]) == (event.event_id, "turn_finished", "b")
    with folder.open(claim["key"]) as file:
        body = file.read()
    assert len(body) == claim["size_bytes"]
    assert from_detail(json.loads(body)) == event


async def test_what_is_too_large_is_refused_for_good_where_there_is_no_bucket() -> None:
    refused = await bus_to(FlakyBus()).send([finished(query="x" * 1_000_000)])

    [why] = refused.values()
    assert why.fate == "dead"
    assert "lake_bucket" in why.reason


@pytest.mark.services("aws")
async def test_the_rule_fires_for_these_events_and_for_no_others(aws_url: str) -> None:
    """Rule, bus and queue are those of the service: a rule that names a field no event has never fires."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    events, queues = boto3.client("events"), boto3.client("sqs")
    events.create_event_bus(Name=name)
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps(rule_pattern(["pumps.agentcore"]))
    events.put_rule(Name=name, EventBusName=name, EventPattern=pattern)
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
    sent = [finished(), completed(), finished("elsewhere", domain="valves")]
    large = finished("large", query="x" * 1_000_000)
    try:
        with own_bucket() as bucket:
            bus = open_bus(name, source_of=source_of, claims=bucket, bucket="b")
            refused = await bus.send([*sent, large])
            claimed = [one.name for one in bucket.list("claims")]
        got = []
        while found := queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            got += [json.loads(one["Body"]) for one in found]
            for one in found:
                queues.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    finally:
        events.remove_targets(Rule=name, EventBusName=name, Ids=["1"])
        events.delete_rule(Name=name, EventBusName=name)
        events.delete_event_bus(Name=name)
        queues.delete_queue(QueueUrl=queue)

    whole = [from_detail(one["detail"]) for one in got if "claim_check" not in one["detail"]]
    assert refused == {}
    assert sorted(one.event_id for one in whole) == sorted(event.event_id for event in sent[:2])
    assert {one["detail-type"] for one in got} == {"Query Processed", "Session Completed"}
    assert [one["detail"]["claim_check"]["key"] for one in got if "claim_check" in one["detail"]] == claimed
