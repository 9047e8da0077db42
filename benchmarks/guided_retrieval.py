"""Says whether retrieval with guidance is better than without, on sessions that end in a follow-up.

It learns from the domain's sample sessions, then plays each session of `follow_ups.yaml` through whole turns,
once guided and once held out, over the same index. A turn that asks back has found nothing. Intervals are
95 % paired bootstrap.

Example: python -m benchmarks.guided_retrieval --domain solaris
"""

import argparse
import asyncio
import json
import math
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from langgraph.checkpoint.memory import InMemorySaver

from agent.demo import SAMPLE_SEED, SAMPLE_SESSIONS, SAMPLE_START, SAMPLE_USERS
from agent.runtime import Runtime
from agent.settings import load_settings
from agent.wiring import open_runtime, utc_now
from domains.loader import find_domain, load_domain, load_follow_ups, load_sample_flows
from domains.model import FollowUp
from graph.build import build_graph
from graph.run import TurnGraph, run_turn
from graph.state import Services
from learning.recorded import recorded_events, sample_sessions
from memory.ids import new_request_id
from memory.ports import KnowledgeIndex
from memory.records import NodeFinished, PassageHit, SessionEvent, TurnFinished
from memory.turns import TurnReply, TurnRequest

DEPTH = 10
"""Passages that count in nDCG."""

RESAMPLES, SEED = 10_000, 7
PARTS = {"tuned": ("tuned",), "held out": ("held_out",), "both": ("tuned", "held_out")}
NODES = ("query_transformer", "retriever")
"""Nodes whose time is told."""

NAMELESS = {"intent": "none", "topic": None, "confidence": 0.0, "label_source": "none"}
"""Sample sessions come without labels, so that learning has to name their steps."""


class Deep:
    """Knowledge that looks deeper than it is asked to, and remembers what it found last."""

    def __init__(self, knowledge: KnowledgeIndex) -> None:
        self._knowledge = knowledge
        self.version = knowledge.version
        self.found: list[PassageHit] = []

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        """Search as the index does."""
        self.found = await self._knowledge.search(query, k=max(k, DEPTH))
        return self.found[:k]


class Events(list[SessionEvent]):
    """Events of a session, kept in memory."""

    async def append(self, events: Sequence[SessionEvent]) -> None:  # type: ignore[override]
        """Keep them."""
        self.extend(events)


class Outcome(NamedTuple):
    """What one session came to in one arm."""

    ndcg: float
    is_found: bool
    """The reply cites a passage that answers."""

    is_asked_back: bool
    node_ms: dict[str, float]


async def learn_samples(runtime: Runtime, domain: str) -> None:
    """Learn from the domain's sample sessions, as the demo does."""
    flows = load_sample_flows(load_domain(find_domain(domain)))
    sessions = sample_sessions(
        flows, count=SAMPLE_SESSIONS, users=SAMPLE_USERS, seed=SAMPLE_SEED, start=SAMPLE_START
    )
    events = [
        event.model_copy(update=NAMELESS) if isinstance(event, TurnFinished) else event
        for session in sessions
        for event in recorded_events(session, tenant=runtime.settings.tenant, domain=domain, sample=True)
    ]
    await runtime.replay(events)
    await runtime.learn(domain, lambda *_: None)


async def play(graph: TurnGraph, services: Services, case: FollowUp) -> Outcome:
    """Ask all questions of a session; what is measured is its last turn."""
    deep, events = Deep(services.knowledge), Events()
    session = f"{case.id}:{services.holdout_share}"
    for turn, query in enumerate([*case.asked, case.question], start=1):
        deep.found = []
        events.clear()
        request = TurnRequest(
            query=query, session_id=session, request_id=new_request_id(), domain=services.domain.name
        )
        reply = await run_turn(
            graph,
            replace(services, knowledge=deep, profiles=None),
            request,
            user=session,
            turn=turn,
            sink=events,
            now=utc_now,
        )
    return _outcome(case, reply, deep.found, events)


def _outcome(
    case: FollowUp, reply: TurnReply, found: Sequence[PassageHit], events: Sequence[SessionEvent]
) -> Outcome:
    sources = [hit.passage.source for hit in found[:DEPTH]]
    cited = [citation.source for citation in reply.citations]
    return Outcome(
        ndcg=ndcg(sources, case.sources),
        is_found=reply.kind == "answer" and any(source.startswith(tuple(case.sources)) for source in cited),
        is_asked_back=reply.kind == "clarification",
        node_ms={event.node: event.duration_ms for event in events if isinstance(event, NodeFinished)},
    )


def ndcg(sources: Sequence[str], wanted: Sequence[str]) -> float:
    """Return nDCG with each wanted section relevant once, at its first passage."""
    missing, gain = list(wanted), 0.0
    for rank, source in enumerate(sources, start=2):
        hit = next((start for start in missing if source.startswith(start)), None)
        if hit is not None:
            missing.remove(hit)
            gain += 1 / math.log2(rank)
    return gain / sum(1 / math.log2(rank) for rank in range(2, 2 + min(len(wanted), DEPTH)))


def compare(off: Sequence[float], on: Sequence[float]) -> dict[str, Any]:
    """Return both means, their difference and its paired bootstrap interval."""
    gains = np.subtract(on, off, dtype=float)
    rows = np.random.default_rng(SEED).integers(0, len(gains), (RESAMPLES, len(gains)))
    low, high = np.quantile(gains[rows].mean(axis=1), [0.025, 0.975])
    return {
        "off": round(float(np.mean(off)), 3),
        "on": round(float(np.mean(on)), 3),
        "gain": round(float(gains.mean()), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
    }


async def run(domain: str, state: Path) -> dict[str, Any]:
    """Learn, play every session in both arms, and compare by part and clarity."""
    cases = load_follow_ups(load_domain(find_domain(domain)))
    runtime = await open_runtime(load_settings(state_dir=state, domain=domain))
    try:
        await learn_samples(runtime, domain)
    finally:
        await runtime.close()
    off = await play_all(cases, domain, state, holdout_share=1.0)
    on = await play_all(cases, domain, state, holdout_share=0.0)
    figures: dict[str, Any] = {}
    for clarity in ("vague", "clear"):
        for name, parts in PARTS.items():
            rows = [n for n, case in enumerate(cases) if case.part in parts and case.clarity == clarity]
            figures[f"{clarity}, {name}"] = _figures([off[n] for n in rows], [on[n] for n in rows])
    return figures


async def play_all(
    cases: Sequence[FollowUp], domain: str, state: Path, *, holdout_share: float
) -> list[Outcome]:
    """Play every session in one arm; the embedder starts afresh, so that both arms pay for each text."""
    runtime = await open_runtime(load_settings(state_dir=state, domain=domain))
    try:
        services = replace(await runtime.services(domain), holdout_share=holdout_share)
        graph = build_graph().compile(checkpointer=InMemorySaver())
        return [await play(graph, services, case) for case in cases]
    finally:
        await runtime.close()


def _figures(off: Sequence[Outcome], on: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "sessions": len(off),
        "ndcg_at_10": compare([one.ndcg for one in off], [one.ndcg for one in on]),
        "answer_found": compare([one.is_found for one in off], [one.is_found for one in on]),
        "asked_back": {
            "off": sum(one.is_asked_back for one in off),
            "on": sum(one.is_asked_back for one in on),
        },
        "p50_ms": {node: {"off": _median(off, node), "on": _median(on, node)} for node in NODES},
    }


def _median(outcomes: Sequence[Outcome], node: str) -> float:
    return round(statistics.median([one.node_ms[node] for one in outcomes if node in one.node_ms]), 2)


def _say(domain: str, figures: dict[str, Any]) -> None:
    print(f"{domain:<17} sessions  figure         off     on   gain  95 % interval     asked back   p50 ms")
    for name, row in figures.items():
        for figure in ("ndcg_at_10", "answer_found"):
            one, low_high = row[figure], "{:+.3f} to {:+.3f}".format(*row[figure]["interval"])
            back = f"{row['asked_back']['off']} > {row['asked_back']['on']}"
            times = ", ".join(f"{node} {ms['off']:g} > {ms['on']:g}" for node, ms in row["p50_ms"].items())
            print(
                f"{name:<17} {row['sessions']:>8}  {figure:<12} {one['off']:>5.3f}  {one['on']:>5.3f} "
                f"{one['gain']:>+6.3f}  {low_high}  {back:>8}   {times}"
            )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domain", help="one domain; both by default")
    parser.add_argument("--state", type=Path, help="state folder; a temporary one by default")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    domains = [arguments.domain] if arguments.domain else ["solaris", "support"]
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        for domain in domains:
            figures[domain] = asyncio.run(run(domain, (arguments.state or Path(temporary)) / domain))
    if arguments.json:
        print(json.dumps(figures))
    else:
        for domain, rows in figures.items():
            _say(domain, rows)


if __name__ == "__main__":
    main()
