"""Who owns which session, in DynamoDB: one call to open a session and one to note a turn."""

import logging
from datetime import UTC, datetime, timedelta

from memory.breaker import ServiceUnavailable
from memory.dynamodb import ConditionFailed, DynamoTables, Item, key
from memory.dynamodb_tables import CONVERSATIONS, EXPIRES
from memory.errors import SessionForeign
from memory.records import Conversation

LOG = logging.getLogger(__name__)

MOST_REMEMBERED = 10_000
"""Sessions that a process remembers for when DynamoDB is down, the latest ones."""

KEPT = timedelta(days=90)
"""How long a session is kept after its last turn; then DynamoDB deletes it."""


class DynamoConversationStore:
    """`ConversationStore` of one tenant.

    While DynamoDB is down turns are answered from what this process remembers, and a session that it does not
    know is a new one: its memory lies under the user's own key, so nobody gets at another's.

    Only open sessions have `open_in`, so that `open-index` holds nothing else. Those of a tenant are one
    partition of it, which takes some 500 turns a second.
    """

    def __init__(self, tables: DynamoTables, tenant: str, remembered: dict[str, Item]) -> None:
        self._tables = tables
        self._tenant = tenant
        self._remembered = remembered

    async def open(self, session_id: str, *, user: str, domain: str, at: datetime) -> Conversation:
        item: Item = {
            **self._key(session_id),
            "session_id": session_id,
            "user": user,
            "user_id": key(self._tenant, user),
            "domain": domain,
            "turns": 0,
            "started_at": _stamp(at),
            "last_at": _stamp(at),
            "completed": False,
            "open_in": key(self._tenant),
            EXPIRES: _expiry(at),
        }
        try:
            await self._tables.put(CONVERSATIONS.name, item, absent="session")
        except ConditionFailed as there:
            item = there.item or await self._find(session_id) or item
        except ServiceUnavailable as down:
            LOG.warning("Session `%s` is answered without its record: %s", session_id, down)
            item = self._remembered.get(item["session"], item)
        if item["user"] != user or item["domain"] != domain:
            raise SessionForeign(session_id)
        self._remember(item)
        return self._conversation(self._remembered[item["session"]])

    async def get(self, session_id: str, *, user: str | None) -> Conversation:
        item = await self._find(session_id)
        if item is None or (user is not None and item["user"] != user):
            raise SessionForeign(session_id)
        return self._conversation(item)

    async def touch(self, session_id: str, *, turns: int, at: datetime) -> None:
        self._count(session_id, turns)
        change = f"SET last_at = :at, completed = :no, open_in = :open, {EXPIRES} = :expires"
        values = {":at": _stamp(at), ":no": False, ":open": key(self._tenant), ":expires": _expiry(at)}
        try:
            await self._update(session_id, change + ", turns = :turns", values, "turns <= :turns", turns)
        except ConditionFailed as failed:
            if failed.item is not None:  # it is there: another request has counted further
                await self._update(session_id, change, values, "turns > :turns", turns)

    async def _update(self, session_id: str, change: str, values: Item, condition: str, turns: int) -> None:
        await self._tables.update(
            CONVERSATIONS.name,
            self._key(session_id),
            change,
            values=values | {":turns": turns},
            condition=condition,
        )

    async def complete(self, session_id: str, *, at: datetime) -> bool:
        try:
            await self._tables.update(
                CONVERSATIONS.name,
                self._key(session_id),
                "SET completed = :yes, last_at = :at REMOVE open_in",
                values={":yes": True, ":no": False, ":at": _stamp(at)},
                condition="completed = :no",
            )
        except ConditionFailed:
            return False
        return True

    async def idle(self, *, before: datetime) -> list[Conversation]:
        items = await self._tables.query(
            CONVERSATIONS.name,
            "open_in = :open AND last_at < :before",
            values={":open": key(self._tenant), ":before": _stamp(before)},
            index="open-index",
        )
        items.sort(key=lambda item: (item["last_at"], item["session_id"]))
        return [self._conversation(item) for item in items]

    async def of_user(self, user: str, *, limit: int) -> list[Conversation]:
        items = await self._tables.query(
            CONVERSATIONS.name,
            "user_id = :user",
            values={":user": key(self._tenant, user)},
            index="UserIdIndex",
            newest_first=True,
            limit=limit,
        )
        return [self._conversation(item) for item in items]

    def _remember(self, item: Item) -> None:
        """Keep what is known of a session; turns that could not be stored count too."""
        turns = self._remembered.pop(item["session"], item)["turns"]
        self._remembered[item["session"]] = item | {"turns": max(turns, item["turns"])}
        if len(self._remembered) > MOST_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def _count(self, session_id: str, turns: int) -> None:
        known = self._remembered.get(self._key(session_id)["session"])
        if known is not None:
            self._remember(known | {"turns": turns})

    def _key(self, session_id: str) -> Item:
        return {"session": key(self._tenant, session_id)}

    async def _find(self, session_id: str) -> Item | None:
        return await self._tables.get(CONVERSATIONS.name, self._key(session_id))

    def _conversation(self, item: Item) -> Conversation:
        return Conversation.model_validate(item | {"tenant": self._tenant})


def _stamp(at: datetime) -> str:
    """Write a time so that the order of the texts is the order of the times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _expiry(at: datetime) -> int:
    return int((at + KEPT).timestamp())
