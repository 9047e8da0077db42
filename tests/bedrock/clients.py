"""The real clients, aimed at the stand-in."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.bedrock.server import BedrockServer

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def aim(set_variable: Callable[[str, str], None], server: BedrockServer) -> None:
    """Let every client that is made from now on ask the stand-in for Bedrock."""
    for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url}).items():
        set_variable(name, value)


def runtime_client(monkeypatch: pytest.MonkeyPatch, server: BedrockServer) -> Any:
    """Return boto3's client without retries, impatient enough for a stalled answer."""
    aim(monkeypatch.setenv, server)
    config = Config(connect_timeout=1, read_timeout=0.2, retries={"total_max_attempts": 1})
    return boto3.client("bedrock-runtime", config=config)
