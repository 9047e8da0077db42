"""Processes that are killed: at a named step of the product's code, or whenever their parent says so."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memory import outbox
from memory.sqlitefile import SqliteFile

Step = str
"""`append`, `commit`, … : where `die_at` kills."""


class Death:
    """Kills this process when a step is reached for the n-th time."""

    def __init__(self, step: Step | None, times: int) -> None:
        self._step, self._left = step, times
        self.phase = "append"
        """What the next transaction of the journal is: `append` or `mark`."""

    def reached(self, step: Step) -> None:
        """Come by a step."""
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def die_at(step: Step | None, times: int) -> Death:
    """Make the journal and every rename come by their steps; for a process of its own."""
    death = Death(step, times)

    class Dying(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql == "COMMIT":
                death.reached(death.phase)
            cursor = super().execute(sql, *values)
            if sql == "COMMIT":
                death.reached("commit" if death.phase == "append" else f"{death.phase}ed")
            return cursor

    def connect(file: SqliteFile) -> sqlite3.Connection:
        return sqlite3.connect(
            file.path, timeout=0, isolation_level=None, check_same_thread=False, factory=Dying
        )

    settle = outbox._Batch.settle

    def settling(*given: Any) -> int:
        death.phase = "mark"
        return settle(*given)

    replacements: list[tuple[Any, str, Any]] = [
        (SqliteFile, "_connect", connect),
        (outbox._Batch, "settle", settling),
        (Path, "rename", _renaming(Path.rename, death)),
        (Path, "replace", _renaming(Path.replace, death)),
    ]
    for owner, name, made in replacements:
        setattr(owner, name, made)
    return death


def _renaming(rename: Callable[..., Path], death: Death) -> Callable[..., Path]:
    def renaming(*given: Any) -> Path:
        death.reached("rename")
        moved = rename(*given)
        death.reached("renamed")
        return moved

    return renaming


def fork(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work` in a child, given a file descriptor to write to; returns its pid and the other end.

    What a killed child has written stays readable.
    """
    end, start = os.pipe()
    pid = os.fork()
    if pid:
        os.close(start)
        return pid, end
    status = 70
    try:
        os.close(end)
        work(start)
        status = 0
    finally:
        os._exit(status)


def wait(pid: int, *, at_most_s: float) -> int | None:
    """Return how a child ended (`-9`: killed), `None` when it had to be ended because it took too long."""
    until = time.monotonic() + at_most_s
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def kill(pid: int) -> None:
    """Kill a child without warning; one that has ended already is fine too."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def read_all(end: int) -> bytes:
    """Return what a child wrote until it ended."""
    with os.fdopen(end, "rb") as stream:
        return stream.read()
