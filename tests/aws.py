"""Buckets and buses of one's own on the stand-in for AWS."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from memory.s3 import S3Objects


@contextmanager
def own_bucket(**options: Any) -> Iterator[S3Objects]:
    """Make a bucket and empty and delete it in the end."""
    client, name = boto3.client("s3"), f"test-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    bucket = S3Objects(client, name, **options)
    try:
        yield bucket
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for one in page.get("Contents", []):
                client.delete_object(Bucket=name, Key=one["Key"])
        client.delete_bucket(Bucket=name)
