"""Open the runtime for one command and close it whatever happens."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # the runtime is what --help must not import
    from agent.services import OnProgress
    from agent.settings import Settings
    from agent.wiring import Runtime

Result = TypeVar("Result")


def in_runtime(settings: "Settings", work: "Callable[[Runtime], Awaitable[Result]]") -> Result:
    """Return what `work` returns; events are flushed and files closed before that."""
    from agent.logs import configure_logging
    from agent.views.progress import progress
    from agent.wiring import open_runtime

    configure_logging(settings.log_level or "warning", settings.debug_mode)

    async def opened(on_progress: "OnProgress") -> Result:
        runtime = await open_runtime(settings, on_progress=on_progress)
        try:
            return await work(runtime)
        finally:
            await runtime.close()

    with progress(sys.stderr.isatty()) as on_progress:
        return asyncio.run(opened(on_progress))
