"""What a turn asks of the services, counted by proxies before each of them."""

import pytest

from benchmarks.adapters_calls import MOST_BYTES, MOST_CALLS, measure
from benchmarks.servicebench import SERVICES


@pytest.mark.services(*SERVICES)
def test_a_turn_asks_each_service_no_more_than_it_may_and_the_lake_only_after_the_reply() -> None:
    costs = measure(turns=4)

    assert {name: cost.calls for name, cost in costs.items() if cost.calls > MOST_CALLS[name]} == {}
    assert {name: cost.bytes for name, cost in costs.items() if cost.bytes > MOST_BYTES[name]} == {}
    assert all(costs[name].calls for name in ("OpenSearch", "DynamoDB", "Valkey"))
    assert costs["S3"].later_calls * 4 <= 3
    assert costs["S3"].later_bytes > 0
