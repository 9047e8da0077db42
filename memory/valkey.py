"""A cache in Valkey or Redis: what is found is kept for a day, and whatever goes wrong is a miss."""

import hashlib
import logging
from typing import Any

from memory.breaker import Breaker, ServiceUnavailable

LOG = logging.getLogger(__name__)

KEPT_S = 24 * 3600
"""How long a value is kept (seconds)."""

BUDGET_S = 0.05
"""Longest that a call may take (seconds): what is cached takes little longer to make."""

PREFIX = "slipstream:"


class ValkeyCache:
    """Values by key; belongs to one event loop."""

    def __init__(self, url: str, *, kept_s: int = KEPT_S, budget_s: float = BUDGET_S) -> None:
        """`url` is a `redis://`, `rediss://`, `valkey://` or `valkeys://` address; nothing is sent yet."""
        from valkey.asyncio import Valkey
        from valkey.exceptions import ValkeyError

        self._client: Any = Valkey.from_url(url, socket_connect_timeout=budget_s, socket_timeout=budget_s)
        self._kept_s = kept_s
        self._breaker = Breaker("The cache", budget_s=budget_s, failures=(OSError, ValkeyError))

    async def get(self, key: str) -> bytes | None:
        """Return what was put under a key lately; `None` when there is nothing, or it cannot be had."""
        try:
            found: bytes | None = await self._breaker.call(lambda: self._client.get(PREFIX + key))
        except ServiceUnavailable as down:
            LOG.debug("%s", down)
            return None
        return found

    async def put(self, key: str, value: bytes) -> None:
        """Keep a value for a day, if it can be kept."""
        try:
            await self._breaker.call(lambda: self._client.set(PREFIX + key, value, ex=self._kept_s))
        except ServiceUnavailable as down:
            LOG.debug("%s", down)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def cache_key(*parts: str) -> str:
    """Return a digest of the parts: what a user asked cannot be read from it."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8) + data)
    return digest.hexdigest()
