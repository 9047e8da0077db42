"""Tables of one's own on DynamoDB Local."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from memory.dynamodb import open_tables
from memory.dynamodb_store import DynamoStore
from memory.dynamodb_tables import TABLES, create_table_request


@contextmanager
def own_tables() -> Iterator[str]:
    """Make tables and delete them in the end; yields their prefix.

    Without time to live: sessions of tests are of a fixed day, and would be deleted under their feet.
    """
    client, prefix = boto3.client("dynamodb"), f"test-{uuid.uuid4().hex[:12]}"
    for table in TABLES:
        client.create_table(**create_table_request(table, prefix))
    try:
        yield prefix
    finally:
        for table in TABLES:
            client.delete_table(TableName=f"{prefix}-{table.name}")


@contextmanager
def own_store() -> Iterator[DynamoStore]:
    with own_tables() as prefix:
        yield DynamoStore(open_tables(prefix))
