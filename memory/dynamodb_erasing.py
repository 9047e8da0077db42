"""Erases a person's items from DynamoDB, and the releases of a domain."""

import json

from memory.dynamodb import DynamoTables, key
from memory.dynamodb_store import ENTRY, LIVE, DynamoPatternStore
from memory.dynamodb_tables import CONVERSATIONS, PROFILES, RELEASES


class DynamoRecords:
    """What `DynamoStore` holds of one tenant, to be erased for good; backups of tables are not touched."""

    def __init__(self, tables: DynamoTables, tenant: str) -> None:
        self._tables = tables
        self._tenant = tenant

    async def sessions(self, user: str) -> dict[str, str]:
        """Return the domain of each session of a user."""
        items = await self._tables.query(
            CONVERSATIONS.name,
            "user_id = :user",
            values={":user": key(self._tenant, user)},
            index="UserIdIndex",
        )
        return {item["session_id"]: item["domain"] for item in items}

    async def erase_user(self, user: str) -> int:
        """Erase profile and sessions; returns how many profiles there were."""
        profile = {"user_id": key(self._tenant, user)}
        found = await self._tables.get(PROFILES.name, profile)
        await self._tables.write_all(PROFILES.name, delete=[profile])
        sessions = [{"session": key(self._tenant, one)} for one in await self.sessions(user)]
        await self._tables.write_all(CONVERSATIONS.name, delete=sessions)
        return int(found is not None)

    async def erase_releases(self, domain: str) -> list[str]:
        """Erase the releases of a domain, the live one first, and its published patterns."""
        partition = key(self._tenant, domain)
        items = await self._tables.query(
            RELEASES.name, "#domain = :domain", names={"#domain": "domain"}, values={":domain": partition}
        )
        entries = [LIVE, *(item["entry"] for item in items if item["entry"].startswith(ENTRY))]
        await self._tables.write_all(
            RELEASES.name, delete=[{"domain": partition, "entry": entry} for entry in entries]
        )
        await DynamoPatternStore(self._tables, self._tenant).replace(domain, [])
        return sorted(json.loads(item["body"])["path"] for item in items if item["entry"] != LIVE)
