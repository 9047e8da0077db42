"""Open the runtime for one command and close it whatever happens."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # the runtime is what --help must not import
    from agent.runtime import Runtime
    from agent.services import OnProgress
    from agent.settings import LogLevel, Settings

Result = TypeVar("Result")


def in_runtime(settings: "Settings", work: "Callable[[Runtime], Awaitable[Result]]") -> Result:
    """Return what `work` returns; events are flushed and files closed before that."""
    from agent.views.progress import progress
    from agent.wiring import open_runtime

    start_logs(settings)

    async def opened(on_progress: "OnProgress") -> Result:
        runtime = await open_runtime(settings, on_progress=on_progress)
        try:
            return await work(runtime)
        finally:
            await runtime.close()

    with progress(sys.stderr.isatty()) as on_progress:
        return asyncio.run(opened(on_progress))


def start_logs(settings: "Settings", default: "LogLevel" = "warning") -> None:
    """Log as the settings say; `default` is the level where they leave it open."""
    from agent.logs import set_up_logs

    level = "debug" if settings.debug_mode else settings.log_level or default
    set_up_logs(level, show_tracebacks=settings.debug_mode)
