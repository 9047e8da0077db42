"""The real clients, aimed at the stand-in."""

from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def aimed_at(server: BedrockServer) -> Iterator[None]:
    """Let every client that is made meanwhile ask the stand-in for Bedrock."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url}).items():
            patch.setenv(name, value)
        yield


def runtime_client() -> Any:
    """Return boto3's client without retries, impatient enough for a stalled answer."""
    config = Config(connect_timeout=1, read_timeout=0.2, retries={"total_max_attempts": 1})
    return boto3.client("bedrock-runtime", config=config)
