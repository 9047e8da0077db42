"""DynamoDB: the tables of this program, and the calls to them with errors in our words."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from memory.breaker import Breaker

BUDGET_S = 3.0
"""Longest that one call may take with its retries (seconds); a turn makes four."""

CONNECT_S, READ_S, ATTEMPTS = 1.0, 2.0, 3
"""Bounds of one attempt (seconds), and attempts of a call (count) with full-jitter backoff between them."""

CONNECTIONS = 32
BATCH = 25
"""Writes that DynamoDB takes in one call."""

BATCH_TRIES = 8
"""Times that what a batch left over is sent again."""

Item = dict[str, Any]
"""Attributes by name: text, whole numbers, booleans, `None`, lists and objects of these."""


class ConditionFailed(Exception):
    """What a write asked for first does not hold; `item` is what is there, `None` when nothing is."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition does not hold")
        self.item = item


class _ServiceFailed(Exception):
    """DynamoDB refused or failed a call."""


class DynamoTables:
    """The tables whose names start with one prefix."""

    def __init__(self, client: Any, prefix: str, *, budget_s: float = BUDGET_S) -> None:
        """`client` is a low-level boto3 client of DynamoDB; threads share it."""
        from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
        from botocore.exceptions import BotoCoreError

        self._client = client
        self.prefix = prefix
        self._to_wire = TypeSerializer().serialize
        self._from_wire = TypeDeserializer().deserialize
        failures = (BotoCoreError, _ServiceFailed)
        self._breaker = Breaker("DynamoDB", budget_s=budget_s, failures=failures)

    def name(self, table: str) -> str:
        """Return the full name of a table."""
        return f"{self.prefix}-{table}"

    async def get(self, table: str, key: Item) -> Item | None:
        """Return the item as it is now (a consistent read); `None` when there is none."""
        found = await self._call("get_item", table, Key=self._item(key), ConsistentRead=True)
        return self._plain(found["Item"]) if "Item" in found else None

    async def put(self, table: str, item: Item, *, absent: str = "") -> None:
        """Write an item; with `absent`, the name of a key attribute, only where there is none.

        Raises:
            ConditionFailed: there is one.
        """
        given: dict[str, Any] = {"Item": self._item(item)}
        if absent:
            given |= {
                "ConditionExpression": "attribute_not_exists(#absent)",
                "ExpressionAttributeNames": {"#absent": absent},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        await self._call("put_item", table, **given)

    async def update(
        self,
        table: str,
        key: Item,
        change: str,
        *,
        values: Item,
        names: Mapping[str, str] | None = None,
        condition: str = "",
    ) -> Item:
        """Change an item by an update expression and return it whole.

        Raises:
            ConditionFailed: `condition` does not hold.
        """
        given: dict[str, Any] = {
            "Key": self._item(key),
            "UpdateExpression": change,
            "ExpressionAttributeValues": self._item(values),
            "ReturnValues": "ALL_NEW",
        }
        if names:
            given["ExpressionAttributeNames"] = dict(names)
        if condition:
            given["ConditionExpression"] = condition
            given["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return self._plain((await self._call("update_item", table, **given))["Attributes"])

    async def query(
        self,
        table: str,
        condition: str,
        *,
        values: Item,
        names: Mapping[str, str] | None = None,
        index: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        only: str = "",
    ) -> list[Item]:
        """Return the items of one partition in the order of their sort key, page by page.

        `only` is a projection expression; an index answers without what was written in the last instant.
        """
        given: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": self._item(values),
            "ScanIndexForward": not newest_first,
        }
        given |= {"IndexName": index} if index else {"ConsistentRead": True}
        given |= {"ProjectionExpression": only} if only else {}
        given |= {"ExpressionAttributeNames": dict(names)} if names else {}
        found: list[Item] = []
        while limit is None or len(found) < limit:
            given |= {"Limit": limit - len(found)} if limit is not None else {}
            page = await self._call("query", table, **given)
            found += map(self._plain, page["Items"])
            if "LastEvaluatedKey" not in page:
                break
            given["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found

    async def write_all(self, table: str, *, put: Sequence[Item] = (), delete: Sequence[Item] = ()) -> None:
        """Write and delete many items, each for itself; what the service leaves over is sent again."""
        requests = [{"PutRequest": {"Item": self._item(item)}} for item in put]
        requests += [{"DeleteRequest": {"Key": self._item(key)}} for key in delete]
        for start in range(0, len(requests), BATCH):
            left = {self.name(table): requests[start : start + BATCH]}
            for tried in range(BATCH_TRIES):
                left = (await self._call("batch_write_item", None, RequestItems=left))["UnprocessedItems"]
                if not left:
                    break
                await asyncio.sleep(0.05 * 2**tried)
            else:
                raise _left_over(self.name(table))

    async def _call(self, operation: str, table: str | None, **given: Any) -> dict[str, Any]:
        if table is not None:
            given["TableName"] = self.name(table)
        try:
            return await self._breaker.call(lambda: asyncio.to_thread(self._send, operation, given))
        except ConditionFailed as failed:
            item = None if failed.item is None else self._plain(failed.item)
            raise ConditionFailed(item) from None

    def _send(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**given)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ConditionFailed(error.response.get("Item")) from None
            raise _ServiceFailed(_reason(error, given.get("TableName", ""))) from None
        return answer

    def _item(self, item: Item) -> Item:
        return {name: self._to_wire(value) for name, value in item.items()}

    def _plain(self, wire: Item) -> Item:
        return {name: self._from_wire(value) for name, value in wire.items()}


def key(*parts: str) -> str:
    """Join the parts of a key so that no two lists of parts give the same text."""
    return "#".join(quote(part, safe="") for part in parts)


def open_tables(prefix: str) -> DynamoTables:
    """Open the tables of the account and region that boto3 finds by its own settings."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
    )
    return DynamoTables(boto3.client("dynamodb", config=config), prefix)


def _reason(error: Any, table: str) -> str:
    """Say what is wrong without the text of the service, which may quote what was written."""
    code = error.response["Error"]["Code"]
    if code == "ResourceNotFoundException":
        return f"there is no table `{table}`; `slipstream config check --create` makes it"
    return f"{code} on `{table}`" if table else str(code)


def _left_over(table: str) -> Exception:
    from memory.breaker import ServiceUnavailable

    return ServiceUnavailable("DynamoDB", f"`{table}` did not take a batch after {BATCH_TRIES} tries")
