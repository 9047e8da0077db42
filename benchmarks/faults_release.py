"""Learning and turns under kill -9: a release is whole or absent, a turn asked again is there once."""

import asyncio
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from benchmarks.faultrow import FaultRow
from benchmarks.killing import Death, die_at, fork, read_all, wait
from domains.loader import new_domain
from learning.recorded import RecordedSession, recorded_events
from memory.arrays import open_pattern_index
from memory.turns import TurnRequest

STEPS = {
    "rename": "kill -9 while learning, before each file or folder gets its name",
    "renamed": "kill -9 while learning, after each file or folder got its name",
    "append": "kill -9 while learning, before each commit (release published, alias swapped)",
    "commit": "kill -9 while learning, after each commit (release published, alias swapped)",
}
LONG_ENOUGH_S = 120.0
SESSIONS = 40
ASKED = TurnRequest(query="How can I export my data?", session_id="s-1", request_id="r-1", domain="shop")

Work = Callable[[Runtime], Coroutine[Any, Any, object]]


def fault_rows(short: bool, seed: int) -> Iterator[FaultRow]:
    """Yield a row a step of learning, of two steps when `short`, and one for the checkpoint of a turn."""
    with tempfile.TemporaryDirectory() as name:
        clean = Path(name) / "clean"
        _in_child(clean, _replay)
        drawn = random.Random(seed)
        for step in drawn.sample(sorted(STEPS), 2) if short else STEPS:
            yield _learning(STEPS[step], step, clean, drawn.randint(1, 2) if short else None)
        yield _checkpoint(clean)


def _learning(fault: str, step: str, clean: Path, only: int | None) -> FaultRow:
    """Kill at the first, second, … time the step is reached until learning survives, or at `only`."""
    kills = broken = 0
    slowest_s = 0.0
    for times in [only] if only else range(1, 100):
        state = clean.with_name(f"{step}-{times}")
        shutil.copytree(clean, state)
        ended = _in_child(state, _learn, step=step, times=times)[0]
        kills += ended == -9
        start = time.monotonic()
        _, told = _in_child(state, _look)
        slowest_s = max(slowest_s, time.monotonic() - start)
        seen = json.loads(told or b'{"is_whole": false}')
        broken += not seen["is_whole"] or not seen["is_learned"]
        shutil.rmtree(state)
        if ended == 0:
            break
    result = f"killed {kills}; half a release {broken}, restart with learning at most {slowest_s:.1f} s"
    goal = "a release is whole or absent, and learning goes on"
    return FaultRow(fault, kills, result, goal, kills > 0 and not broken)


def _checkpoint(clean: Path) -> FaultRow:
    """Kill around the write of the session's state, ask again, and count the turn."""
    wrong = kills = 0
    for step in ("checkpoint", "checkpointed"):
        state = clean.with_name(step)
        shutil.copytree(clean, state)
        kills += _in_child(state, _ask, step=step, times=1)[0] == -9
        _, told = _in_child(state, _ask)
        seen = json.loads(told or b"{}")
        wrong += seen != {"turn": 1, "finished": 1, "is_recorded": True}
        shutil.rmtree(state)
    result = f"killed {kills}; turns lost or counted twice after the client asked again {wrong}"
    return FaultRow(
        "kill -9 around a checkpoint", kills, result, "lost 0, double 0", kills == 2 and wrong == 0
    )


def _in_child(
    state: Path, work: Work, *, step: str | None = None, times: int = 0
) -> tuple[int | None, bytes]:
    """Run `work` on a runtime in a process of its own; returns how it ended and what it said."""

    def run(out: int) -> None:
        _die_around_checkpoints(die_at(step, times))
        os.write(out, json.dumps(asyncio.run(_on(state, work))).encode())

    pid, end = fork(run)
    told = read_all(end)
    return wait(pid, at_most_s=LONG_ENOUGH_S), told


def _die_around_checkpoints(death: Death) -> None:
    put = AsyncSqliteSaver.aput

    async def dying(*given: Any) -> Any:
        death.reached("checkpoint")
        written = await put(*given)
        death.reached("checkpointed")
        return written

    replacement: Any = dying
    AsyncSqliteSaver.aput = replacement  # type: ignore[method-assign]


async def _on(state: Path, work: Work) -> object:
    domains = state / "domains"
    if not domains.exists():
        new_domain("shop", domains)
    settings = Settings(state_dir=state / "state", domains_dir=domains, domain="shop", holdout_share=0.0)
    runtime = await open_runtime(settings)
    try:
        return await work(runtime)
    finally:
        await runtime.close()


async def _replay(runtime: Runtime) -> None:
    for number in range(SESSIONS):
        one = RecordedSession(
            session_id=f"old-{number}", user_id=f"u-{number % 9}", labels=["troubleshooting", "how_to"]
        )
        await runtime.replay(recorded_events(one, tenant="local", domain="shop"))
    await runtime.services("shop")


async def _learn(runtime: Runtime) -> None:
    await runtime.learn("shop", lambda *_: None)


async def _look(runtime: Runtime) -> dict[str, bool]:
    """Open every release that the registry names, and learn once more."""
    registry = runtime.registry("local")
    named = await registry.releases("shop")
    live = await registry.live("shop")
    for release in named:
        open_pattern_index(runtime.settings.state_dir / release.path)
    await _learn(runtime)
    after = await registry.live("shop")
    served = (await runtime.services("shop")).release
    is_whole = live is None or live.release_id in {release.release_id for release in named}
    return {"is_whole": is_whole, "is_learned": after is not None and served == after.release_id}


async def _ask(runtime: Runtime) -> dict[str, object]:
    reply = await runtime.turn(ASKED)
    events = await runtime.events("s-1", "local")
    finished = sum(event.kind == "turn_finished" for event in events)
    return {"turn": reply.turn, "finished": finished, "is_recorded": reply.recorded}
