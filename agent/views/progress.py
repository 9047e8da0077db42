"""How far long work is, on stderr: a bar for people, plain lines for logs, or nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LINE_EVERY_S = 5.0
"""Least time between two lines where there is no terminal (seconds); the end of a stage is always told."""


class OnProgress(Protocol):
    """Hears how far work is."""

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Take note that `done` of `total` are done in `stage`; `note` names what is counted."""
        ...


@contextmanager
def progress(
    enabled: bool, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[OnProgress]:
    """Yield what long work calls to tell how far it is; callable from any thread.

    `stream` is stderr when left out, `clock` counts seconds. A bar is gone when the block ends.
    """
    out = stream or sys.stderr
    if not enabled:
        yield _ignore
    elif out.isatty():
        bars = _Bars(out, clock)
        try:
            yield bars
        finally:
            bars.close()
    else:
        yield _Lines(out, clock)


def _ignore(stage: str, done: int, total: int, note: str = "", /) -> None:
    """Tell nobody."""


class _Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and speed >= 1 else "", style="dim")


class _Bars:
    """One bar for each stage, drawn from the first call on: short work shows none."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=Console(file=out),
            transient=True,
            get_time=clock,
        )
        self._stages: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        if stage not in self._stages:
            self._bars.start()
            self._stages[stage] = self._bars.add_task(stage, total=total, note=note)
        self._bars.update(self._stages[stage], completed=done, total=total, note=note)

    def close(self) -> None:
        self._bars.stop()


class _Lines:
    """A line every few seconds, for logs and pipes."""

    def __init__(self, out: TextIO, clock: Callable[[], float]) -> None:
        self._out = out
        self._clock = clock
        self._stage = ""
        self._start_s = self._last_s = clock()
        self._start_done = 0

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        now_s = self._clock()
        if stage != self._stage:
            self._stage, self._start_s, self._start_done = stage, now_s, done
        if done < total and now_s - self._last_s < LINE_EVERY_S:
            return
        self._last_s = now_s
        parts = [f"{stage} {done:,}/{total:,}", self._pace(done, total, now_s - self._start_s), note]
        self._out.write(" · ".join(part for part in parts if part) + "\n")
        self._out.flush()

    def _pace(self, done: int, total: int, seconds: float) -> str:
        """Say how fast it goes and how long the rest takes; "" before anything is known."""
        gained = done - self._start_done
        if seconds < 1 or gained <= 0:
            return ""
        rate = gained / seconds
        rest = f", {(total - done) / rate:,.0f} s left" if done < total else ""
        return f"{rate:,.1f}/s{rest}"
