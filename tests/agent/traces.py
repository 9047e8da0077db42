"""A turn for tests of views: it used tools, its model timed out, its first draft was revised."""

from datetime import UTC, datetime
from typing import Any

from graph.trace import Trace, make_traces
from memory.records import (
    Attempt,
    Event,
    Guidance,
    ModelCalled,
    NodeFinished,
    SessionEvent,
    Suggestion,
    ToolCalled,
    TurnFinished,
    TurnStarted,
    Verdict,
    VerdictGiven,
)

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
QUERY = "Why does the seal of my P1 leak?"

GUIDANCE = Guidance(
    arm="guided",
    release="r-1",
    duration_ms=1.25,
    suggestions=[
        Suggestion(
            label="procedure/seal",
            confidence=0.62,
            pattern_id="p-3f2a9c1b0d5e7f11",
            support=142,
            success_rate=0.91,
            why="status_check/seal > troubleshooting/seal",
        ),
        Suggestion(label="maintenance/seal", confidence=0.18, pattern_id="p-81c0ffee12345678", support=1),
    ],
)

CITATION = {
    "number": 1,
    "passage_id": "seal-1",
    "title": "Seals › Leaking seal",
    "source": "seals.md#leaking-seal",
    "quote": "A leaking seal shows as drops below the pump.",
    "sample": True,
}

RUNS: list[tuple[str, int, float, float, dict[str, Any]]] = [
    ("input_guard", 1, 0.1, 0.4, {"query": QUERY}),
    ("query_analyzer", 1, 0.8, 6.2, {"classified_by": "local:minilm", "is_unclear": False}),
    ("query_transformer", 1, 7.2, 1.3, {"guidance": GUIDANCE.model_dump(mode="json")}),
    ("retriever", 1, 8.8, 9.1, {"passages": [{"passage_id": "seal-1", "score": 0.9}]}),
    ("task_planner", 1, 18.2, 0.6, {"tasks": [{"tool": "parts", "arguments": {"model": "P1"}}]}),
    ("tool_runner", 1, 19.0, 2.4, {"tool_results": [{"tool": "parts", "text": "seal S-7"}]}),
    ("generator", 1, 21.7, 34.5, {"draft": {"text": "Drops.", "skill": "local:extractive"}, "tries": 1}),
    ("judge", 1, 56.4, 1.1, {"verdict": {"decision": "revise", "score": 0.52, "skill": "local:rules"}}),
    (
        "generator",
        2,
        57.8,
        12.8,
        {"draft": {"text": "A leak.", "skill": "local:extractive", "citations": [CITATION]}, "tries": 2},
    ),
    ("judge", 2, 70.9, 1.0, {"verdict": {"decision": "accept", "score": 0.88, "skill": "local:rules"}}),
    ("output_guard", 1, 72.1, 0.3, {"reply_kind": "answer"}),
    ("memory_updater", 1, 72.6, 1.9, {"suggested": ["procedure/seal"]}),
]
FAILED = [
    Attempt(skill="primary", duration_ms=22.0, error="timeout"),
    Attempt(skill="local", duration_ms=12.3),
]


class Recorder:
    """Makes the events of one turn, in order."""

    def __init__(self, turn: int) -> None:
        self.turn = turn
        self.events: list[SessionEvent] = []

    def add(self, kind: type[Event], **fields: Any) -> None:
        number = len(self.events)
        event = kind(
            event_id=f"{self.turn}-{number}",
            session_id="s-1",
            tenant="local",
            domain="pumps",
            user="u",
            turn=self.turn,
            seq=number,
            at=AT,
            release="r-1",
            **fields,
        )
        self.events.append(event)  # type: ignore[arg-type]


def eventful_turn(turn: int = 1, *, reply: str = "A leak shows as drops. [1]", query: str = QUERY) -> Trace:
    """Return the whole turn with everything in it."""
    record = Recorder(turn)
    record.add(TurnStarted, query=query, request_id=f"q-{turn}")
    for node, run, start_ms, duration_ms, changed in RUNS:
        took = {"start_ms": start_ms, "duration_ms": duration_ms}
        attempts = FAILED if (node, run) == ("generator", 1) else []
        record.add(NodeFinished, node=node, run=run, attempts=attempts, changed=changed, **took)
    record.add(ModelCalled, node="generator", model="m-1", duration_ms=21, input_tokens=1840, output_tokens=9)
    record.add(ToolCalled, tool="parts", duration_ms=2.1)
    record.add(VerdictGiven, verdict=Verdict(decision="accept", score=0.88), attempt=2)
    record.add(
        TurnFinished,
        request_id=f"q-{turn}",
        query=query,
        response=reply,
        degraded=["generator: timeout, local skill"],
        intent="troubleshooting",
        topic="seal",
        confidence=0.93,
        guidance=GUIDANCE,
        verdict="accept",
        duration_ms=74.6,
    )
    return make_traces(record.events)[0]


def bare_turn(turn: int = 1, *, duration_ms: float = 5.0, **fields: Any) -> Trace:
    """Return a turn of which only the end is recorded."""
    record = Recorder(turn)
    common = {"query": QUERY, "response": "r", "intent": "none", "confidence": 0, "duration_ms": duration_ms}
    record.add(TurnFinished, **(common | fields))
    return make_traces(record.events)[0]
