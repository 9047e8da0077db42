"""Parts for tests of turns: a small domain, scripted skills, and the real stores on a temporary folder."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from domains.model import Domain
from graph.build import build_graph
from graph.run import TurnGraph, run_turn
from graph.state import GraphState, Services, Skills
from memory.breaker import Breaker
from memory.outbox import SqliteOutbox, open_outbox
from memory.ports import FlowMatch
from memory.records import Analysis, Passage, PassageHit, Pattern, SessionEvent, Suggestion
from memory.redact import redact
from memory.sqlite import open_store
from memory.turns import StreamEvent, TurnReply, TurnRequest
from nodes.local_judge import LocalJudge
from nodes.local_writer import LocalWriter

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)

DOMAIN = Domain.model_validate(
    {
        "name": "pumps",
        "title": "pumps",
        "description": "Helps with pumps.",
        "intents": {
            "troubleshooting": {"description": "Something is wrong.", "topics": {"seal": ["It leaks."]}},
            "procedure": {"description": "How something is done.", "topics": {"seal": ["How to change it?"]}},
        },
        "entities": {"model": {"values": {"P1": ["p-1"], "P2": ["p-2"]}}},
        "forbidden": {"pricing": {"pattern": r"\bprices?\b", "reply": "Ask sales about prices."}},
        "replies": {
            "static": "Try again in a minute.",
            "escalation": "A person will take over.",
            "off_topic": "I found nothing about this.",
        },
    }
)

PASSAGES = [
    Passage(
        passage_id="seal-1",
        title="Seals › Leaking seal",
        text="A leaking seal shows as drops below the pump P1. Stop the pump and change the seal.",
        source="seals.md#leaking-seal",
    ),
    Passage(
        passage_id="seal-2",
        title="Seals › Change the seal",
        text="To change the seal:\n1. Close the valves.\n2. Drain the pump.\n3. Pull the seal with tool T-4.",
        source="seals.md#change-the-seal",
    ),
]


class Words:
    """Knowledge that finds passages by shared words, best first."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = passages

    async def search(self, query: str, *, k: int) -> list[PassageHit]:
        words = set(query.lower().split())
        scored = [(len(words & set(p.text.lower().split())) / 10, p) for p in self.passages]
        return [PassageHit(passage=p, score=score) for score, p in sorted(scored, key=lambda s: -s[0])[:k]]


@dataclass
class Scripted:
    """A classifier that knows its answers, or fails as told."""

    identity: str = "scripted:1"
    answers: dict[str, Analysis] = field(default_factory=dict)
    failure: Callable[[], Exception] | None = None

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        if self.failure:
            raise self.failure()
        usual = Analysis(intent="troubleshooting", intent_confidence=0.9, topic="seal", topic_confidence=0.9)
        return [self.answers.get(text, usual) for text in texts]


@dataclass
class Habits:
    """Patterns that always suggest the same step."""

    label: str = "procedure/seal"
    failure: Callable[[], Exception] | None = None
    flows: list[list[str]] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    times: list[list[float]] = field(default_factory=list)

    async def match(
        self,
        flow: Sequence[str],
        *,
        user: str | None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
        k: int = 3,
    ) -> FlowMatch:
        if self.failure:
            raise self.failure()
        self.flows.append(list(flow))
        self.texts.append(list(texts))
        self.times.append(list(times))
        return FlowMatch(
            [Suggestion(label=self.label, confidence=0.7, pattern_id="p-1", support=12, success_rate=0.8)],
            0.2,
        )

    async def patterns(self, *, limit: int = 50) -> list[Pattern]:
        return []


@dataclass
class Bench:
    """A graph with its services and stores; `ask` runs a turn."""

    graph: TurnGraph
    services: Services
    outbox: SqliteOutbox
    streamed: list[StreamEvent] = field(default_factory=list)
    clock: datetime = START
    turns: dict[str, int] = field(default_factory=dict)
    memory: Breaker | None = None

    async def ask(
        self, query: str, *, session: str = "session-1", user: str = "ann", request: str | None = None
    ) -> TurnReply:
        turn = self.turns.get(session, 0) + 1
        reply = await run_turn(
            self.graph,
            self.services,
            TurnRequest(
                query=query,
                session_id=session,
                request_id=request or f"{session}-{turn}",
                domain=self.services.domain.name,
            ),
            user=user,
            turn=turn,
            sink=self.outbox,
            now=self.now,
            emit=self.streamed.append,
            memory=self.memory,
        )
        self.turns[session] = reply.turn
        return reply

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    async def events(self, session: str = "session-1") -> list[SessionEvent]:
        return await self.outbox.session(session, "local")

    def change(self, **changes: Any) -> None:
        self.services = replace(self.services, **changes)


@asynccontextmanager
async def open_bench(folder: Path, *, primary: Skills | None = None, **changes: Any) -> AsyncIterator[Bench]:
    """Yield a bench with the local skills; `changes` replace fields of its services."""
    local = Skills(classifier=Scripted(), writer=LocalWriter(), judge=LocalJudge())
    with open_store(folder / "store.sqlite") as store, open_outbox(folder / "outbox.sqlite") as outbox:
        services = Services(
            domain=DOMAIN,
            primary=primary or local,
            local=local,
            knowledge=Words(PASSAGES),
            patterns=None,
            release=None,
            profiles=store.profiles("local"),
            tools={},
            cases={},
            redact=redact,
            holdout_share=0.0,
        )
        graph = build_graph().compile(checkpointer=InMemorySaver())
        yield Bench(graph=graph, services=replace(services, **changes), outbox=outbox)


def state(**fields: Any) -> GraphState:
    """Return a state with these fields."""
    return GraphState(**fields)
