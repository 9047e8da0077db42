"""Profiles, releases and published patterns in DynamoDB; each store is opened for one tenant."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memory.dynamodb import ConditionFailed, DynamoTables, Item, key
from memory.dynamodb_sessions import DynamoConversationStore
from memory.dynamodb_tables import PATTERNS, PROFILES, RELEASES
from memory.errors import StorageFailed
from memory.records import Profile, Release
from memory.sqlite import ReleaseUnknown

LIVE_FOR_S = 5.0
"""How long it is taken for known which release is live (seconds), so that a turn need not ask."""

LIVE = "live"
"""Entry of a domain that holds its live release and the number of the newest one."""

ENTRY = "release#"


class DynamoStore:
    """The tables behind the stores."""

    def __init__(self, tables: DynamoTables, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tables = tables
        self._clock = clock
        self._live: dict[str, tuple[float, Release | None]] = {}
        self._remembered: dict[str, Item] = {}

    def profiles(self, tenant: str) -> "DynamoProfileStore":
        """Return what is known of the users of a tenant."""
        return DynamoProfileStore(self._tables, tenant)

    def conversations(self, tenant: str) -> DynamoConversationStore:
        """Return the sessions of a tenant."""
        return DynamoConversationStore(self._tables, tenant, self._remembered)

    def registry(self, tenant: str) -> "DynamoRegistry":
        """Return the releases of a tenant."""
        return DynamoRegistry(self._tables, tenant, self._live, self._clock)

    def patterns(self, tenant: str) -> "DynamoPatternStore":
        """Return the published patterns of a tenant."""
        return DynamoPatternStore(self._tables, tenant)


class DynamoProfileStore:
    """`ProfileStore` of one tenant: one item a user."""

    def __init__(self, tables: DynamoTables, tenant: str) -> None:
        self._tables = tables
        self._tenant = tenant

    async def get(self, user: str) -> Profile:
        item = await self._tables.get(PROFILES.name, {"user_id": key(self._tenant, user)})
        return Profile.model_validate_json(item["body"]) if item else Profile(user=user)

    async def put(self, profile: Profile) -> None:
        body = profile.model_dump_json(exclude_defaults=True)
        await self._tables.put(PROFILES.name, {"user_id": key(self._tenant, profile.user), "body": body})


class DynamoRegistry:
    """`Registry` of one tenant: an item a release, and one that holds the live release in full.

    Another process sees a promotion within `LIVE_FOR_S`; while DynamoDB is down the last one known stays.
    """

    def __init__(
        self,
        tables: DynamoTables,
        tenant: str,
        live: dict[str, tuple[float, Release | None]],
        clock: Callable[[], float],
    ) -> None:
        self._tables = tables
        self._tenant = tenant
        self._live = live
        self._clock = clock

    async def publish(self, release: Release) -> None:
        domain = key(self._tenant, release.domain)
        entry = ENTRY + release.release_id
        if await self._tables.get(RELEASES.name, {"domain": domain, "entry": entry}):
            return
        head = await self._tables.update(
            RELEASES.name, {"domain": domain, "entry": LIVE}, "ADD newest :one", values={":one": 1}
        )
        item = {"domain": domain, "entry": entry, "number": head["newest"], "body": release.model_dump_json()}
        try:
            await self._tables.put(RELEASES.name, item, absent="entry")
        except ConditionFailed:  # somebody else published it meanwhile; a number is left out
            return

    async def promote(self, domain: str, release_id: str) -> None:
        partition = key(self._tenant, domain)
        found = await self._tables.get(RELEASES.name, {"domain": partition, "entry": ENTRY + release_id})
        if found is None:
            raise ReleaseUnknown(domain, release_id)
        await self._tables.update(
            RELEASES.name,
            {"domain": partition, "entry": LIVE},
            "SET body = :body",
            values={":body": found["body"]},
        )
        self._live.pop(partition, None)

    async def live(self, domain: str) -> Release | None:
        partition = key(self._tenant, domain)
        asked, known = self._live.get(partition, (None, None))
        if asked is not None and self._clock() - asked < LIVE_FOR_S:
            return known
        try:
            head = await self._tables.get(RELEASES.name, {"domain": partition, "entry": LIVE})
        except StorageFailed:
            if asked is None:
                raise
            return known
        release = Release.model_validate_json(head["body"]) if head and "body" in head else None
        self._live[partition] = (self._clock(), release)
        return release

    async def releases(self, domain: str) -> list[Release]:
        items = await self._tables.query(
            RELEASES.name,
            "#domain = :domain AND begins_with(entry, :entry)",
            names={"#domain": "domain"},
            values={":domain": key(self._tenant, domain), ":entry": ENTRY},
        )
        newest_first = sorted(items, key=lambda item: -item["number"])
        return [Release.model_validate_json(item["body"]) for item in newest_first]


class DynamoPatternStore:
    """`PatternStore` of one tenant: an item a pattern, the most frequent found by `frequency-index`."""

    def __init__(self, tables: DynamoTables, tenant: str) -> None:
        self._tables = tables
        self._tenant = tenant

    async def replace(self, domain: str, items: Sequence[Mapping[str, Any]]) -> None:
        partition = key(self._tenant, domain)
        put = [{**item, "domain": partition} for item in items]
        there = await self._tables.query(
            PATTERNS.name,
            "#domain = :domain",
            names={"#domain": "domain"},
            values={":domain": partition},
            only="pattern_id",
        )
        gone = {item["pattern_id"] for item in there} - {item["pattern_id"] for item in put}
        await self._tables.write_all(
            PATTERNS.name,
            put=put,
            delete=[{"domain": partition, "pattern_id": one} for one in sorted(gone)],
        )

    async def most_frequent(self, domain: str, *, limit: int) -> list[Item]:
        found = await self._tables.query(
            PATTERNS.name,
            "#domain = :domain",
            names={"#domain": "domain"},
            values={":domain": key(self._tenant, domain)},
            index="frequency-index",
            newest_first=True,
            limit=limit,
        )
        return [{name: value for name, value in item.items() if name != "domain"} for item in found]
