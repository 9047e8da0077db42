"""Open the runtime for one command and close it whatever happens."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from threading import Event
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
    """Open the runtime, and close it when the block ends; Ctrl-C ends long work in threads too."""
    from agent.views.progress import progress
    from agent.wiring import open_runtime

    start_logs(settings)
    stop = Event()
    with progress(show_progress) as show, asyncio.Runner() as loop:
        on_progress = _stoppable(show, stop)
        runtime = loop.run(open_runtime(settings, on_progress=on_progress))
        try:
            yield Opened(runtime, loop, on_progress)
        except KeyboardInterrupt:
            stop.set()
            raise
        finally:
            loop.run(runtime.close())


def start_logs(settings: "Settings", default: "LogLevel" = "warning") -> None:
    """Log as the settings say; `default` is the level where they leave it open."""
    from agent.logs import set_up_logs

    level = "debug" if settings.debug_mode else settings.log_level or default
    set_up_logs(level, show_tracebacks=settings.debug_mode)


def _stoppable(on_progress: "OnProgress", stop: Event) -> "OnProgress":
    """Let work in a thread end soon after Ctrl-C: nothing else reaches it, and the exit waits for it."""

    def tell(stage: str, done: int, total: int, note: str) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        on_progress(stage, done, total, note)

    return tell
