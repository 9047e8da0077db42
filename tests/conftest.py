"""A test marked `services(name, ...)` finds these services in its environment, or is skipped."""

import signal

import pytest

from tests.services import ADDRESS, environment

# A shell starts background jobs deaf to Ctrl-C, and what tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _services(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = request.node.get_closest_marker("services")
    if mark is None:
        return
    found = environment()
    for name in mark.args:
        if ADDRESS[name] not in found:
            pytest.skip(f"no {name} is running: `make test` starts it, or set {ADDRESS[name]}")
    for name, value in found.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def opensearch_url(_services: None) -> str:
    """Address of the OpenSearch node; the test is marked `services("opensearch")`."""
    return environment()[ADDRESS["opensearch"]]


@pytest.fixture
def dynamodb_url(_services: None) -> str:
    """Address of DynamoDB Local; the test is marked `services("dynamodb")`."""
    return environment()[ADDRESS["dynamodb"]]


@pytest.fixture
def aws_url(_services: None) -> str:
    """Address of the stand-in for S3 and EventBridge; the test is marked `services("aws")`."""
    return environment()[ADDRESS["aws"]]


@pytest.fixture
def redis_url(_services: None) -> str:
    """Address of Valkey or Redis; the test is marked `services("redis")`."""
    return environment()[ADDRESS["redis"]]
