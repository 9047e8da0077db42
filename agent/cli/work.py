"""Open the runtime for one command and close it whatever happens."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:  # the runtime is what --help must not import
    from agent.runtime import Runtime
    from agent.services import OnProgress
    from agent.settings import LogLevel, Settings

Result = TypeVar("Result")


class Opened(NamedTuple):
    """A runtime, the loop that it lives on, and where long work tells how far it is."""

    runtime: "Runtime"
    loop: asyncio.Runner
    on_progress: "OnProgress"


def in_runtime(settings: "Settings", work: "Callable[[Runtime], Coroutine[Any, Any, Result]]") -> Result:
    """Return what `work` returns; events are durable and files closed before that."""
    with opened_runtime(settings, show_progress=sys.stderr.isatty()) as opened:
        return opened.loop.run(work(opened.runtime))


@contextmanager
def opened_runtime(settings: "Settings", *, show_progress: bool) -> Iterator[Opened]:
    """Open the runtime, and close it when the block ends."""
    from agent.wiring import open_runtime

    start_logs(settings)
    opened: list[Runtime] = []
    with interruptible(show_progress) as (loop, on_progress):

        async def keep() -> None:
            # kept outside of the task: one that Ctrl-C cancels at its very end loses what it returns
            opened.append(await open_runtime(settings, on_progress=on_progress))

        try:
            loop.run(keep())
            yield Opened(opened[0], loop, on_progress)
        finally:
            for runtime in opened:
                loop.run(runtime.close())


@contextmanager
def interruptible(show_progress: bool) -> "Iterator[tuple[asyncio.Runner, OnProgress]]":
    """Yield a loop, and what long work tells its progress; after Ctrl-C nobody waits for busy threads."""
    from agent.views.progress import progress

    with progress(show_progress) as on_progress, asyncio.Runner() as loop:
        try:
            yield loop, on_progress
        except KeyboardInterrupt:
            # a closing loop waits for its threads: it gets an idle one, the busy one ends with the process
            loop.get_loop().set_default_executor(ThreadPoolExecutor())
            raise


def start_logs(settings: "Settings", default: "LogLevel" = "warning") -> None:
    """Log as the settings say; `default` is the level where they leave it open."""
    from agent.logs import set_up_logs

    level = "debug" if settings.debug_mode else settings.log_level or default
    set_up_logs(level, show_tracebacks=settings.debug_mode)
