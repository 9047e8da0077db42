"""Checkpoints that only this installation can have written: sealed with a key that the store does not hold.

A saver of LangGraph gets every checkpoint and every pending write as sealed bytes: HMAC-SHA-256 over the
place where it stands (thread, namespace, checkpoint, and for a write task and channel) and over the whole
content with its metadata. So a row that was forged, changed, or moved to another thread is refused before
anything in it is read. What the store says besides (ids, times, metadata) is used to find rows, and never
believed. Whether the last rows of a thread were taken away cannot be told.
"""

import copy
import hmac
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

LOG = logging.getLogger(__name__)

SEALED = "sealed"
"""The one channel that a saver sees."""

UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, zlib.error)
"""What savers raise when a row does not hold what they wrote; a store that is down raises other errors."""

_MAC_BYTES = 32
_FORMAT = b"slipstream checkpoint 1"


class CheckpointRefused(ValueError):
    """A stored value was not written here, or not for the place where it stands."""


def strict_serializer() -> JsonPlusSerializer:
    """Return what reads stored values: the state is JSON-plain, so nothing but plain values may come out."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


class Seal:
    """Signs with the first key and accepts what any of them signed, so that keys can change."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)
        self._serde = strict_serializer()

    def close(self, value: object, *place: str) -> bytes:
        """Return a value as bytes that can be opened at this place alone."""
        kind, data = self._serde.dumps_typed(value)
        content = kind.encode() + b"\x00" + data
        return _mac(self._keys[0], place, content) + content

    def open(self, sealed: object, *place: str) -> Any:
        """Return the value.

        Raises:
            CheckpointRefused: no key of ours signed it for this place.
        """
        if not isinstance(sealed, bytes):
            raise CheckpointRefused
        signature, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        known = [hmac.compare_digest(signature, _mac(key, place, content)) for key in self._keys]
        if not any(known):
            raise CheckpointRefused
        kind, _, data = content.partition(b"\x00")
        return self._serde.loads_typed((kind.decode(), data))


def _mac(key: bytes, place: Sequence[str], content: bytes) -> bytes:
    """Sign place and content; lengths stand before the parts, so that none can pass for its neighbour."""
    parts = [_FORMAT, *(part.encode(errors="surrogatepass") for part in place), content]
    message = b"".join(len(part).to_bytes(8) + part for part in parts)
    return hmac.digest(key, message, "sha256")


class SignedSaver(BaseCheckpointSaver[Any]):
    """Seals what any other saver keeps; asynchronous only, as the program is."""

    def __init__(self, saver: BaseCheckpointSaver[Any], keys: Sequence[bytes]) -> None:
        super().__init__(serde=strict_serializer())
        self._saver = saver
        self._seal = Seal(keys)
        self._refused: Callable[[], None] = lambda: None

    def telling(self, refused: Callable[[], None]) -> Self:
        """Return this saver for one turn, which is told when its session was refused."""
        told = copy.copy(self)
        told._refused = refused
        return told

    @property
    def config_specs(self) -> list[Any]:
        """What the saver wants in a config."""
        return self._saver.config_specs

    def get_next_version(self, current: Any, channel: None) -> Any:
        """Number the versions of a channel as the saver does."""
        return self._saver.get_next_version(current, channel)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint asked for, or the last one; `None` where there is none that we wrote."""
        try:
            found = await self._saver.aget_tuple(config)
            return None if found is None else self._opened(found, config)
        except Exception as error:
            if not _is_unreadable(error):
                raise
        thread = str(config["configurable"]["thread_id"])
        LOG.warning("A stored checkpoint of thread `%s` was not written here and is refused.", thread)
        self._refused()
        return None

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield the checkpoints that we wrote, newest first."""
        async for found in self._saver.alist(config, filter=filter, before=before, limit=limit):
            try:
                yield self._opened(found, found.config)
            except CheckpointRefused:
                continue

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, sealed; the saver sees its id and time."""
        content = {
            "checkpoint": checkpoint,
            "metadata": get_checkpoint_metadata(config, metadata),
            "parent": config["configurable"].get("checkpoint_id"),
        }
        version: ChannelVersions = {SEALED: "1"}
        outside: dict[str, Any] = {
            **checkpoint,
            "channel_values": {SEALED: self._seal.close(content, *_place(config, checkpoint["id"]))},
            "channel_versions": version,
            "versions_seen": {},
            "updated_channels": None,
        }
        return await self._saver.aput(config, cast("Checkpoint", outside), metadata, version)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task has written so far, each value sealed."""
        place = _place(config, config["configurable"]["checkpoint_id"])
        sealed = [(channel, self._seal.close(value, *place, task_id, channel)) for channel, value in writes]
        await self._saver.aput_writes(config, sealed, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete all of a thread."""
        await self._saver.adelete_thread(thread_id)

    def _opened(self, found: CheckpointTuple, asked: RunnableConfig) -> CheckpointTuple:
        """Open what a saver found for `asked`.

        Raises:
            CheckpointRefused: it is not ours, or not of this place.
        """
        own = found.config["configurable"]["checkpoint_id"]
        place = _place(asked, own)
        content = self._seal.open(found.checkpoint["channel_values"].get(SEALED), *place)
        writes = [
            (task, channel, self._seal.open(value, *place, task, channel))
            for task, channel, value in found.pending_writes or []
        ]
        parent = content["parent"]
        before: RunnableConfig | None = None
        if parent:
            before = {"configurable": {**found.config["configurable"], "checkpoint_id": parent}}
        return CheckpointTuple(found.config, content["checkpoint"], content["metadata"], before, writes)


def _place(config: RunnableConfig, checkpoint_id: str) -> tuple[str, str, str]:
    asked = config["configurable"]
    return str(asked["thread_id"]), str(asked.get("checkpoint_ns", "")), str(checkpoint_id)


def _is_unreadable(error: BaseException) -> bool:
    """True when a row could not be read; AgentCore's saver raises an error of its own because of that."""
    return isinstance(error, UNREADABLE) or type(error).__name__ == "EventDecodingError"
