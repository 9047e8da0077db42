"""What a turn costs: against bare LangGraph, over a long session, over many sessions."""

import asyncio
import gc
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import StateGraph

from agent.checkpoints import open_checkpoints
from agent.runtime import Runtime
from agent.settings import load_settings
from agent.wiring import open_runtime
from domains.loader import find_domain, load_domain, load_scenarios
from graph.build import STOPS
from graph.run import TurnGraph, run_turn
from graph.state import GraphState, Services
from memory.ids import new_request_id
from memory.records import Analysis, Draft, PassageHit, Verdict
from memory.turns import TurnReply, TurnRequest

DOMAIN = "solaris"
ROUNDS = 5
TURNS = 200
LONG = 200
SESSIONS = 500


class TrivialClassifier:
    """Always the same intent."""

    identity = "trivial"

    async def classify(self, texts: Any) -> list[Analysis]:
        """Return the same analysis for every text."""
        return [Analysis(intent="troubleshooting", intent_confidence=0.9) for _ in texts]


class TrivialWriter:
    """Always the same draft."""

    async def write(self, state: GraphState, domain: object) -> Draft:
        """Return one sentence."""
        return Draft(text="Stop the pump and change the seal.", skill="trivial")


class TrivialJudge:
    """Accepts everything."""

    async def judge(self, state: GraphState, domain: object) -> Verdict:
        """Return the same verdict."""
        return Verdict(decision="accept", score=1.0, skill="trivial")


class NoKnowledge:
    """Holds nothing."""

    version = "none"

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        """Find nothing."""
        return []


class PeerState(TypedDict, total=False):
    """What the peer keeps and passes on."""

    turns: list[dict[str, str]]
    query: str
    answer: str


def peer_graph() -> StateGraph[PeerState]:
    """Return bare LangGraph of the same shape: as many nodes and routes, plain calls."""
    graph: StateGraph[PeerState] = StateGraph(PeerState)

    async def step(state: PeerState) -> PeerState:
        return {"answer": state["query"]}

    async def remember(state: PeerState) -> PeerState:
        return {"turns": [*state.get("turns", []), {"q": state["query"], "a": state["answer"]}][-6:]}

    taken = {
        "input_guard": "query_analyzer",
        "query_analyzer": "query_transformer",
        "query_transformer": "retriever",
        "retriever": "generator",
        "task_planner": "generator",
        "judge": "output_guard",
    }
    for name, stop in STOPS.items():
        graph.add_node(name, remember if name == "memory_updater" else step)
        if len(stop.leads_to) == 1:
            graph.add_edge(name, stop.leads_to[0])
        else:
            target = taken[name]
            graph.add_conditional_edges(name, lambda _, target=target: target, list(stop.leads_to))
    graph.set_entry_point("input_guard")
    return graph


async def turn_cpu_ms() -> tuple[float, float]:
    """Return the CPU of a turn with trivial skills: ours, bare LangGraph's (milliseconds, medians)."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            saver = await open_checkpoints(Path(folder) / "peer.sqlite", stack)
            peer = peer_graph().compile(checkpointer=saver)
            settings = load_settings(state_dir=Path(folder) / "ours", domain=DOMAIN)
            runtime = await open_runtime(settings)
            stack.push_async_callback(runtime.close)
            parts = runtime._parts
            services = _trivial(await parts.services(DOMAIN, "local"))
            pairs = []
            for number in range(ROUNDS):
                mine = await _ours(parts.graph, services, runtime, number)
                pairs.append((mine, await _peers(peer, number)))
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _trivial(services: Services) -> Services:
    from dataclasses import replace

    from graph.state import Skills

    skills = Skills(classifier=TrivialClassifier(), writer=TrivialWriter(), judge=TrivialJudge())
    return replace(services, primary=skills, local=skills, knowledge=NoKnowledge(), tools={})


async def _ours(graph: TurnGraph, services: Services, runtime: Runtime, number: int) -> float:
    parts = runtime._parts
    begin = time.process_time()
    for n in range(TURNS):
        request = TurnRequest(
            query="The seal of my pump leaks, what now?",
            session_id=f"s-{number}-{n % 20}",
            request_id=f"r-{number}-{n}",
            domain=DOMAIN,
        )
        await run_turn(graph, services, request, user="u", turn=n // 20 + 1, sink=parts.outbox, now=parts.now)
    return (time.process_time() - begin) / TURNS * 1000


async def _peers(graph: Any, number: int) -> float:
    begin = time.process_time()
    for n in range(TURNS):
        config = {"configurable": {"thread_id": f"s-{number}-{n % 20}"}}
        await graph.ainvoke({"query": "The seal of my pump leaks?"}, config, durability="exit")
    return (time.process_time() - begin) / TURNS * 1000


# --- real turns ----------------------------------------------------------------------------------------


async def _ask(runtime: Runtime, query: str, session: str, domain: str) -> TurnReply:
    request = TurnRequest(query=query, session_id=session, request_id=new_request_id(), domain=domain)
    return await runtime.turn(request)


def _questions(domain: str) -> list[str]:
    scenarios = load_scenarios(load_domain(find_domain(domain)))
    return [scenario.question for scenario in scenarios if scenario.kind == "answer"]


async def offline_turn_ms(domain: str, state: Path) -> float:
    """Return the median wall time of a real turn with the local skills (milliseconds)."""
    runtime = await open_runtime(load_settings(state_dir=state, domain=domain))
    try:
        times = []
        for number, question in enumerate(_questions(domain)):
            begin = time.perf_counter()
            await _ask(runtime, question, f"p50-{number}-{new_request_id()}", domain)
            times.append((time.perf_counter() - begin) * 1000)
    finally:
        await runtime.close()
    return statistics.median(times)


async def long_session() -> tuple[float, float]:
    """Return the CPU of late turns of a long session over early ones, and stored bytes over text bytes."""
    questions = _questions(DOMAIN)
    with tempfile.TemporaryDirectory() as folder:
        runtime = await open_runtime(load_settings(state_dir=Path(folder), domain=DOMAIN))
        await _ask(runtime, questions[0], "warm", DOMAIN)
        await runtime.drain()
        before = _size(Path(folder))
        text, cpu = 0, []
        for number in range(LONG + 1):
            question = questions[number % 20]
            begin = time.process_time()
            reply = await _ask(runtime, question, "long", DOMAIN)
            cpu.append(time.process_time() - begin)
            text += len(question.encode()) + len(reply.reply.encode())
        await runtime.drain()
        await runtime.close()
        stored = _size(Path(folder)) - before
    # the same twenty questions come round, so the last twenty turns and an early twenty do the same work
    early, late = statistics.median(cpu[1:21]), statistics.median(cpu[-20:])
    return late / early, stored / text


async def memory_growth() -> float:
    """Return memory after ten times as many turns over that after the first tenth, in many sessions."""
    questions = _questions(DOMAIN)
    with tempfile.TemporaryDirectory() as folder:
        runtime = await open_runtime(load_settings(state_dir=Path(folder), domain=DOMAIN))
        sizes = []
        for number in range(SESSIONS * 10):
            await _ask(runtime, questions[number % len(questions)], f"m-{number % SESSIONS}", DOMAIN)
            if number + 1 in (SESSIONS, SESSIONS * 10):
                await runtime.drain()
                gc.collect()
                sizes.append(_resident_bytes())
        await runtime.close()
    return sizes[1] / sizes[0]


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def run(coroutine: Any) -> Any:
    """Run one measurement in a loop of its own."""
    return asyncio.run(coroutine)
