"""The journal under kill -9: at every step between an append and its mark, and at random under load."""

import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import eventload
from benchmarks.faultrow import FaultRow
from benchmarks.killing import die_at, fork, kill, read_all, wait

STEPS = {
    "append": "kill -9 with events written, not committed",
    "commit": "kill -9 after the commit, before the acknowledgement",
    "send": "kill -9 before the lake is written",
    "rename": "kill -9 with a lake file written, not renamed",
    "renamed": "kill -9 after the lake's rename, before the folder is synced",
    "sent": "kill -9 after the lake was written, before the mark",
    "announce": "kill -9 before the bus is told",
    "announced": "kill -9 after the bus was told, before the mark",
    "mark": "kill -9 with the mark written, not committed",
    "marked": "kill -9 after the mark",
}
GOAL = "lost 0, double after dedup 0, order kept, restart <= 2 s"
RESTART_S = 2.0
"""Goal for a restart (seconds); told and not judged in the short form, which runs where others work too."""

LONG_ENOUGH_S = 30.0
"""After this a child that should have died is ended, and counts as not killed (seconds)."""


class Journal:
    """One state folder whose processes die, and what they had acknowledged."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.acknowledged: set[int] = set()
        self.slowest_restart_s = 0.0

    def live_until(self, end: "Callable[[int], object]", *, step: str | None, times: int, turns: int) -> None:
        """Let a process append and publish until `end`, which is given its pid, has seen it die."""
        starts = [self._next(writer) for writer in range(eventload.WRITERS)]

        def work(out: int) -> None:
            eventload.run(self.state, starts, turns, die_at(step, times), out)

        began = time.monotonic()
        pid, told = fork(work)
        first = os.read(told, eventload.ACK.size)
        self.slowest_restart_s = max(self.slowest_restart_s, time.monotonic() - began if first else 0.0)
        end(pid)
        rest = first + read_all(told)
        whole = len(rest) - len(rest) % eventload.ACK.size
        self.acknowledged |= {number for (number,) in eventload.ACK.iter_unpack(rest[:whole])}

    def _next(self, writer: int) -> int:
        """Return where a writer goes on: what was not acknowledged is sent again, as a client would."""
        step = 0
        while step * eventload.WRITERS + writer in self.acknowledged:
            step += 1
        return step

    def found(self) -> eventload.Found:
        """Deliver the rest, and read everything back, in a process of its own."""

        def work(out: int) -> None:
            eventload.settle(self.state)
            os.write(out, json.dumps(eventload.found(self.state, self.acknowledged)).encode())

        pid, told = fork(work)
        answer = read_all(told)
        wait(pid, at_most_s=LONG_ENOUGH_S)
        return eventload.Found(*json.loads(answer))


def fault_rows(short: bool, seed: int) -> list[FaultRow]:
    """Return a row a step, and one for random kills."""
    drawn = random.Random(seed)
    longest_s = float("inf") if short else RESTART_S
    made = [_at_step(step, 2 if short else 20, drawn, longest_s) for step in STEPS]
    return [*made, _at_random(15 if short else 300, drawn, longest_s)]


def _at_step(step: str, kills: int, drawn: random.Random, longest_s: float) -> FaultRow:
    folder = Path(tempfile.mkdtemp())
    journal, killed = Journal(folder), []
    for _ in range(kills):
        journal.live_until(
            lambda pid: killed.append(wait(pid, at_most_s=LONG_ENOUGH_S) == -9),
            step=step,
            times=drawn.randint(1, 25),
            turns=100_000,
        )
    return _row(STEPS[step], journal, sum(killed), kills, longest_s)


def _at_random(kills: int, drawn: random.Random, longest_s: float) -> FaultRow:
    journal = Journal(Path(tempfile.mkdtemp()))

    def strike(pid: int) -> None:
        time.sleep(drawn.uniform(0.0, 0.12))
        kill(pid)

    for _ in range(kills):
        journal.live_until(strike, step=None, times=0, turns=100_000)
    return _row("kill -9 at random under load", journal, kills, kills, longest_s)


def _row(fault: str, journal: Journal, killed: int, kills: int, longest_s: float) -> FaultRow:
    found = journal.found()
    shutil.rmtree(journal.state)
    restart_s = journal.slowest_restart_s
    is_met = killed == kills and restart_s <= longest_s and found.integrity == "ok" and found[:2] == (0, 0)
    result = (
        f"killed {killed}; {len(journal.acknowledged):,} turns acknowledged, lost {found.lost}, "
        f"double {found.doubled} (repeats dropped {found.repeats}), out of order {found.disordered}, "
        f"slowest restart {restart_s:.2f} s"
    )
    return FaultRow(fault, kills, result, GOAL, is_met and found.disordered == 0)
