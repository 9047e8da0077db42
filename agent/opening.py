"""Opens the runtime when it is first needed, once for all who wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agent.asgi import EdgeRefused
from memory.errors import AgentError

LOG = logging.getLogger(__name__)
Opened = TypeVar("Opened")


class StartFailed(EdgeRefused):
    """The runtime could not be opened; the next request tries again."""

    code = "agent.start_failed"
    kind = "unavailable"
    status = 503


class Opening(Generic[Opened]):
    """The one place that knows whether the runtime is open."""

    def __init__(self, open_it: Callable[[], Awaitable[Opened]]) -> None:
        self._open_it = open_it
        self._task: asyncio.Task[Opened | StartFailed] | None = None
        self._was_tried = False
        self.opened: Opened | None = None
        """`None` until it is open."""

    def start(self) -> None:
        """Begin in the background, once; after a failure only a request tries again."""
        if not self._was_tried:
            self._begin()

    async def get(self) -> Opened:
        """Return what was opened; all who come while it opens wait for the same.

        Raises:
            StartFailed: it cannot be opened now.
        """
        if self.opened is not None:
            return self.opened
        found = await asyncio.shield(self._begin())
        if isinstance(found, StartFailed):
            raise found
        return found

    async def cancel(self) -> None:
        """Stop an opening that is under way."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self) -> "asyncio.Task[Opened | StartFailed]":
        if self._task is None:
            self._was_tried = True
            self._task = asyncio.create_task(self._open())
        return self._task

    async def _open(self) -> Opened | StartFailed:
        try:
            self.opened = opened = await self._open_it()
        except AgentError as error:
            LOG.error("The runtime did not open: %s (%s)", error, error.fix)  # noqa: TRY400 - told, not dumped
            return StartFailed(f"The agent cannot start: {error}", fix=error.fix)
        except Exception as error:
            # no request is part of this yet, so that the text can be told, redacted as every line
            LOG.exception("The runtime did not open: %s", error)  # noqa: TRY401
            return StartFailed(
                "The agent cannot start; the reason is in its log.", fix="Read the log, then try again."
            )
        finally:
            self._task = None
        return opened
