"""The whole runtime while its state folder fails: full, not writable, read-only, or read-only from the start.

It runs in a process of its own on a small file system of its own (a mount that no one else sees), so that the
disk is really full. Where the machine gives no such mount, that row says so and the others run on a folder.
"""

import asyncio
import ctypes
import json
import os
import resource
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from benchmarks.faultrow import FaultRow
from benchmarks.killing import fork, read_all, wait
from benchmarks.steadyclock import SteadyClock, steady_clock
from domains.loader import new_domain
from memory.errors import StorageFailed
from memory.turns import TurnReply, TurnRequest

GOAL = "every reply leaves, marked or recorded; resumes; integrity_check ok"
STARTED = "started on a read-only folder: refused with its name"
DISK_BYTES = 24_000_000
LONG_ENOUGH_S = 120.0
NEW_USER, NEW_MOUNT = 0x10000000, 0x00020000
"""`CLONE_NEWUSER`, `CLONE_NEWNS` of unshare(2)."""

CAPABILITIES = 0x20080522
"""Version 3 of capset(2)."""

OVERRIDE, SEARCH = 1, 2
"""Numbers of the capabilities with which root passes over permissions (capabilities(7))."""


class Told(NamedTuple):
    """What a row is made of."""

    fault: str
    answered: int
    marked: int
    """Replies that say that they were not recorded (count)."""

    turns: int
    """Turns while the fault was there (count)."""

    waiting: int
    """Events that could not leave for the lake then (count)."""

    lost: int
    """Turns whose reply said that it was recorded, and that are in no event afterwards (count)."""

    is_resumed: bool
    integrity: str


def fault_rows(short: bool, seed: int) -> list[FaultRow]:
    """Return a row a fault; the seed changes nothing here."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run(out: int) -> None:
            is_mounted = _small_disk(folder)
            _no_override()
            told = asyncio.run(_all(folder, 3 if short else 50, is_mounted=is_mounted))
            os.write(out, json.dumps(told).encode())

        pid, end = fork(run)
        answer = read_all(end)
        wait(pid, at_most_s=LONG_ENOUGH_S)
    return [_row(Told(*told)) for told in json.loads(answer or b"[]")] or [_row(_nothing("disk faults"))]


def _row(told: Told) -> FaultRow:
    if told.integrity == "not tried":
        return FaultRow(told.fault, 0, "not tried: this machine gives no mount of its own", GOAL, True)
    result = (
        f"{told.answered} of {told.turns} answered, {told.marked} marked as not recorded, "
        f"{told.waiting} events had to wait, lost {told.lost}, "
        f"{'resumed' if told.is_resumed else 'NOT RESUMED'}, integrity_check {told.integrity}"
    )
    has_met_it = told.marked or told.waiting or told.fault == STARTED
    is_met = (
        has_met_it
        and told.answered == told.turns > 0
        and not told.lost
        and told.is_resumed
        and told.integrity == "ok"
    )
    return FaultRow(told.fault, told.turns, result, GOAL, bool(is_met))


def _nothing(fault: str, integrity: str = "no answer") -> Told:
    return Told(fault, 0, 0, 0, 0, 0, is_resumed=False, integrity=integrity)


# --- a disk that can be full, and permissions that count -------------------------------------------


def _small_disk(folder: Path) -> bool:
    """Mount a small file system on `folder` that this process alone sees; False when that is not allowed."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if libc.unshare(NEW_USER | NEW_MOUNT):
        return False
    for file, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path("/proc/self", file).write_text(line)
    options = f"size={DISK_BYTES},mode=700".encode()
    return bool(libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, options) == 0)


def _no_override() -> None:
    """Let permissions hold for root too: without that a read-only folder is none to it."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets):
        return
    for place in range(3):  # effective, permitted, inheritable
        sets[place] &= ~(1 << OVERRIDE | 1 << SEARCH)
    libc.capset(header, sets)


@contextmanager
def _full_disk(folder: Path) -> Iterator[None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:  # no space left
            pass
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def _no_write(folder: Path) -> Iterator[None]:
    """Let every write to a file fail (EFBIG, which SQLite takes for a broken disk)."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    state = folder / "state"
    below = [state, *(path for path in state.rglob("*") if path.is_dir())]
    for one in below:
        one.chmod(0o500)
    try:
        yield
    finally:
        for one in below:
            one.chmod(0o700)


# --- what the runtime does then --------------------------------------------------------------------


async def _all(folder: Path, turns: int, *, is_mounted: bool) -> list[Told]:
    new_domain("shop", folder / "domains")
    settings = Settings(
        state_dir=folder / "state", domains_dir=folder / "domains", domain="shop", holdout_share=0.0
    )
    faults: dict[str, Callable[[Path], Any]] = {
        "disk full": _full_disk,
        "write errors": _no_write,
        "read-only folder": _read_only,
    }
    clock = steady_clock()
    runtime = await open_runtime(settings)
    try:
        await _ask(runtime, "warm-up")
        told = [
            await _met(runtime, clock, fault, partial(broken, folder), turns)
            if is_mounted or broken is not _full_disk
            else _nothing(fault, "not tried")
            for fault, broken in faults.items()
        ]
    finally:
        await runtime.close()
    return [*told, await _started_read_only(settings, folder)]


async def _met(
    runtime: Runtime, clock: SteadyClock, fault: str, broken: Callable[[], Any], turns: int
) -> Told:
    """Ask before, while and after: in sessions that were there and in new ones."""
    replies = [await _ask(runtime, f"{fault}-{number}") for number in range(turns)]
    with broken():
        during = [await _ask(runtime, f"{fault}-{number}", 2) for number in range(2 * turns)]
        with suppress(StorageFailed):
            await runtime.drain()
        waiting = runtime._parts.outbox.pending()
    clock.skip()
    after = [await _ask(runtime, f"{fault}-{number}", 3) for number in range(3 * turns)]
    await runtime.drain()
    replies += during + after
    known = {(turn.session_id, turn.request_id) for turn in await runtime.traces("shop", 10**6)}
    lost = [one for one in replies if one.recorded and (one.session_id, one.request_id) not in known]
    return Told(
        fault,
        answered=sum(bool(reply.reply) for reply in during),
        marked=sum(not reply.recorded and bool(reply.degraded) for reply in during),
        turns=len(during),
        waiting=waiting,
        lost=len(lost),
        is_resumed=all(reply.recorded and not reply.degraded for reply in after)
        and not runtime._parts.outbox.pending(),
        integrity=_integrity(runtime.settings.state_dir),
    )


async def _ask(runtime: Runtime, session: str, number: int = 1) -> TurnReply:
    session = session.replace(" ", "-")
    request = TurnRequest(
        query="How can I export my data?",
        session_id=session,
        request_id=f"{session}-{number}",
        domain="shop",
    )
    return await runtime.turn(request)


def _integrity(state: Path) -> str:
    found = set()
    for file in sorted(state.glob("*.sqlite")):
        with sqlite3.connect(file) as plain:
            found |= {line for (line,) in plain.execute("PRAGMA integrity_check")}
        plain.close()
    return ", ".join(sorted(found))


async def _started_read_only(settings: Settings, folder: Path) -> Told:
    """Start on a folder that may only be read: the one thing that can be done is to say so."""
    with _read_only(folder):
        for file in settings.state_dir.glob("*.sqlite*"):
            file.chmod(0o400)
        try:
            await (await open_runtime(settings)).close()
            said = 0
        except StorageFailed as failed:
            said = int(str(settings.state_dir) in str(failed))
    for file in settings.state_dir.glob("*.sqlite*"):
        file.chmod(0o600)
    runtime = await open_runtime(settings)
    try:
        reply = await _ask(runtime, "afterwards")
    finally:
        await runtime.close()
    return Told(
        STARTED, said, 0, 1, 0, 0, is_resumed=reply.recorded, integrity=_integrity(settings.state_dir)
    )
