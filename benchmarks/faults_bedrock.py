"""What turns get while Bedrock fails, and who wrote it.

Real clients ask a stand-in on loopback that fails as planned by a seed. A group a kind of fault goes without
breakers, so that every turn meets the fault; the mixed group runs as served.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from langchain_core.language_models import BaseChatModel

from agent.models import make_chat_model
from agent.services import model_skills
from agent.settings import load_settings
from benchmarks.faultrow import FaultRow
from domains.loader import BUILT_IN
from domains.model import Limits
from graph.state import GraphState, Skills
from memory.records import Draft, NodeFinished
from memory.turns import TurnReply
from nodes.local_judge import LocalJudge
from tests.bedrock.clients import aimed_at
from tests.bedrock.server import FAULTS, BedrockServer, Fault, by_seed, serve_bedrock
from tests.bedrock.speech import skilled
from tests.turns import DOMAIN, Bench, Scripted, open_bench

FIRST, SECOND = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0"
TURN_S = 5.0
"""Deadline of a turn here (seconds); shorter than any domain's, to keep 500 turns short."""

TIMEOUT_S = 0.2
"""Longest wait for an answer here (seconds)."""

SHARE = 0.6
"""Share of the calls that fail, at either model."""

AT_ONCE = 4
GROUPS: dict[str, tuple[Fault, ...]] = {fault: (fault,) for fault in FAULTS}
ALL_DOWN = "all of these, local skill too"
GOAL = "every turn answered within its deadline; the reply says by whom"
WRITERS = ("first model", "second model", "local skill", "static reply")
PUMPS = DOMAIN.model_copy(
    update={"folder": BUILT_IN / "template", "limits": Limits(turn_s=TURN_S, node_s=TURN_S / 4)}
)
QUESTION = "My P1 has a leaking seal, what now?"


class Size(NamedTuple):
    """Turns of each group (count)."""

    a_fault: int
    mixed: int
    all_down: int


SHORT, LONG = Size(4, 4, 2), Size(40, 80, 20)


class Row(NamedTuple):
    """One line of the table: a group of turns that met one kind of fault."""

    fault: str
    turns: int
    answered: int
    """Turns with a reply within the deadline (count)."""

    by: Counter[str]
    """Who wrote the reply, one of `WRITERS` (count)."""

    failed_calls: int
    """Attempts at a model that failed (count)."""

    slowest_s: float
    """Longest turn (seconds)."""


class BrokenWriter:
    """What is left when the local skill fails too."""

    async def write(self, state: GraphState, domain: object) -> Draft:
        """Fail."""
        raise RuntimeError("on purpose")


def fault_rows(short: bool, seed: int) -> list[FaultRow]:
    """Return one row a group of faults: 500 turns, or 46 when `short`."""
    return [_row(row) for row in _measured(short, seed)]


def _row(row: Row) -> FaultRow:
    by = ", ".join(f"{who} {row.by[who]}" for who in WRITERS if row.by[who])
    result = (
        f"{row.answered} of {row.turns} answered within {TURN_S:g} s (slowest {row.slowest_s:.2f} s) "
        f"by {by}; {row.failed_calls} calls failed"
    )
    static = row.turns if row.fault == ALL_DOWN else 0
    is_met = row.answered == row.turns and row.failed_calls > 0 and row.by["static reply"] == static
    return FaultRow(f"Bedrock: {row.fault}", row.turns, result, GOAL, is_met)


def _measured(short: bool, seed: int) -> list[Row]:
    with serve_bedrock(skilled) as server, aimed_at(server), tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_rows(server, Path(folder), SHORT if short else LONG, seed=seed))


async def _rows(server: BedrockServer, folder: Path, size: Size, *, seed: int) -> list[Row]:
    settings = load_settings(state_dir=folder, model_timeout_s=TIMEOUT_S)
    models = [make_chat_model(f"bedrock:{name}", settings) for name in (FIRST, SECOND)]
    found = []
    for number, (fault, kinds) in enumerate(GROUPS.items()):
        server.plan = by_seed(seed + number, SHARE, kinds)
        unbroken = [replace(one, breaker=None) for one in _skills(models)]
        found.append(await _group(fault, folder, unbroken, turns=size.a_fault))
    server.plan = by_seed(seed, SHARE)
    found.append(await _group("all of these, as served", folder, _skills(models), turns=size.mixed))
    server.plan = by_seed(seed, 1.0)
    broken = Skills(classifier=Scripted(), writer=BrokenWriter(), judge=LocalJudge())
    found.append(await _group(ALL_DOWN, folder, _skills(models), turns=size.all_down, local=broken))
    return found


def _skills(models: Sequence[BaseChatModel | None]) -> list[Skills]:
    """Return both models' skills, with breakers that have seen nothing yet."""
    return [
        model_skills(model, f"bedrock:{name}", PUMPS)
        for name, model in zip((FIRST, SECOND), models, strict=True)
        if model is not None
    ]


async def _group(fault: str, folder: Path, models: Sequence[Skills], *, turns: int, **changes: Skills) -> Row:
    """Ask as many turns, each in a session of its own, some at once."""
    place = folder / fault.replace(" ", "-")
    place.mkdir()
    async with open_bench(
        place, primary=models[0], fallbacks=tuple(models[1:]), domain=PUMPS, **changes
    ) as bench:
        limit = asyncio.Semaphore(AT_ONCE)
        replies = await asyncio.gather(*(_ask(bench, f"s-{n}", limit) for n in range(turns)))
        failed = [await _failed_calls(bench, f"s-{n}") for n in range(turns)]
    return Row(
        fault=fault,
        turns=turns,
        answered=sum(bool(reply.reply) and reply.duration_ms <= TURN_S * 1000 for reply in replies),
        by=Counter(map(_written_by, replies)),
        failed_calls=sum(failed),
        slowest_s=round(max(reply.duration_ms for reply in replies) / 1000, 2),
    )


async def _ask(bench: Bench, session: str, limit: asyncio.Semaphore) -> TurnReply:
    async with limit:
        return await bench.ask(QUESTION, session=session)


async def _failed_calls(bench: Bench, session: str) -> int:
    runs = [event for event in await bench.events(session) if isinstance(event, NodeFinished)]
    attempts = [attempt for run in runs for attempt in run.attempts if attempt.skill != "local"]
    return sum(attempt.error is not None for attempt in attempts)


def _written_by(reply: TurnReply) -> str:
    if reply.kind == "static":
        return "static reply"
    writer = reply.skills["write"]
    return {f"model:bedrock:{FIRST}": "first model", f"model:bedrock:{SECOND}": "second model"}.get(
        writer, "local skill"
    )
