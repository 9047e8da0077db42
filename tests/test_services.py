"""The services that adapters are tested against answer, each in its own protocol."""

import json
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.services import environment


@pytest.mark.services("opensearch")
def test_opensearch_answers_with_the_plugins_that_the_index_needs(opensearch_url: str) -> None:
    with urllib.request.urlopen(f"{opensearch_url}/_cat/plugins?format=json") as answer:
        names = {plugin["component"] for plugin in json.load(answer)}

    assert {"opensearch-knn", "opensearch-neural-search"} <= names


@pytest.mark.services("dynamodb")
def test_dynamodb_answers_a_client_that_is_told_nothing_but_the_environment(dynamodb_url: str) -> None:
    import boto3

    client = boto3.client("dynamodb")

    assert client.meta.endpoint_url == dynamodb_url
    assert "TableNames" in client.list_tables()


@pytest.mark.services("aws")
def test_the_stand_in_for_aws_answers_for_objects_and_events(aws_url: str) -> None:
    import boto3

    assert boto3.client("s3").meta.endpoint_url == aws_url
    assert "Buckets" in boto3.client("s3").list_buckets()
    assert "EventBuses" in boto3.client("events").list_event_buses()


@pytest.mark.services("redis")
def test_valkey_answers(redis_url: str) -> None:
    address = urlsplit(redis_url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"


def test_what_the_environment_says_wins_over_a_set_that_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text(
        "# written by up.sh\nexport REDIS_URL=redis://127.0.0.1:1/0\nexport AWS_REGION=x\n"
    )
    monkeypatch.setenv("SERVICES_RUN", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:2/0")
    monkeypatch.delenv("AWS_REGION", raising=False)

    found = environment()

    assert found["REDIS_URL"] == "redis://127.0.0.1:2/0"
    assert found["AWS_REGION"] == "x"


def test_without_services_nothing_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SERVICES_RUN", str(tmp_path))
    for name in ("OPENSEARCH_URL", "DYNAMODB_ENDPOINT_URL", "AWS_ENDPOINT_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)

    assert environment() == {}
