"""What the tables look like: keys, indexes, time to live. Made by `config check --create`."""

from typing import Any, NamedTuple

EXPIRES = "expires_at"
"""Attribute with the time (Unix seconds) from which DynamoDB may delete an item."""


class Index(NamedTuple):
    """A second order of a table; holds the items that have both attributes."""

    name: str
    partition: str
    sort: str
    sort_type: str = "S"


class Table(NamedTuple):
    """A table without its prefix."""

    name: str
    partition: str
    sort: str | None = None
    indexes: tuple[Index, ...] = ()
    expires: bool = False
    expires_at: str = EXPIRES
    """Attribute with the time to live, where it is not ours to name."""


PROFILES = Table("profiles", "user_id")
CONVERSATIONS = Table(
    "conversations",
    "session",
    indexes=(Index("UserIdIndex", "user_id", "last_at"), Index("open-index", "open_in", "last_at")),
    expires=True,
)
RELEASES = Table("releases", "domain", "entry")
PATTERNS = Table(
    "patterns", "domain", "pattern_id", indexes=(Index("frequency-index", "domain", "frequency", "N"),)
)
CHECKPOINTS = Table("checkpoints", "PK", "SK", expires=True, expires_at="ttl")
"""As LangGraph's `DynamoDBSaver` wants it."""

TABLES = (PROFILES, CONVERSATIONS, RELEASES, PATTERNS, CHECKPOINTS)


def create_table_request(table: Table, prefix: str) -> dict[str, Any]:
    """Return what boto3's `create_table` takes: pay per request, all attributes in every index."""
    types = {table.partition: "S"} | ({table.sort: "S"} if table.sort else {})
    request: dict[str, Any] = {
        "TableName": f"{prefix}-{table.name}",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema(table.partition, table.sort),
    }
    for index in table.indexes:
        types |= {index.partition: "S", index.sort: index.sort_type}
        request.setdefault("GlobalSecondaryIndexes", []).append(
            {
                "IndexName": index.name,
                "KeySchema": _schema(index.partition, index.sort),
                "Projection": {"ProjectionType": "ALL"},
            }
        )
    request["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
    ]
    return request


def create_tables(client: Any, prefix: str) -> list[str]:
    """Make the tables that are not there yet, wait until they can be used; returns their names."""
    made = []
    for table in TABLES:
        request = create_table_request(table, prefix)
        try:
            client.create_table(**request)
        except client.exceptions.ResourceInUseException:
            continue
        client.get_waiter("table_exists").wait(
            TableName=request["TableName"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        if table.expires:
            client.update_time_to_live(
                TableName=request["TableName"],
                TimeToLiveSpecification={"Enabled": True, "AttributeName": table.expires_at},
            )
        made.append(request["TableName"])
    return made


def _schema(partition: str, sort: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*schema, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else schema
