"""What goes into a turn and what comes out: the records the edge, the graph and the notebook share."""

from typing import Any, Literal

from pydantic import Field

from memory.records import Citation, Decision, Guidance, Record, ReplyKind


class TurnRequest(Record):
    """One request, as the edge has checked it."""

    query: str = Field(min_length=1, max_length=8000)
    session_id: str
    request_id: str
    """A request sent again under the same id is answered again, not done again."""

    tenant: str = "local"
    user: str = "local"
    """Verified name of the user; becomes a key before anything is written."""

    domain: str
    flow: list[str] = []
    """Labels of steps that came before this session's first turn; only trusted callers set it."""


class TurnReply(Record):
    """The answer to a request."""

    session_id: str
    request_id: str
    domain: str
    turn: int
    reply: str
    kind: ReplyKind = "answer"
    degraded: list[str] = []
    """What had to be replaced, as `node: reason`; empty when all went as meant."""

    citations: list[Citation] = []
    intent: str | None = None
    topic: str | None = None
    intent_confidence: float | None = None
    entities: dict[str, str] = {}
    guidance: Guidance = Guidance()
    hit: bool | None = None
    """Whether the last turn's guidance named this step; `None` when there was none."""

    verdict: Decision | None = None
    score: float | None = None
    """The judge's score (0 to 1)."""

    skills: dict[str, str] = {}
    """Which implementation worked, by skill: `classify`, `write`, `judge`."""

    release: str | None = None
    duration_ms: float = 0.0
    recorded: bool = True
    """False when the turn's events could not be written; the reply stands all the same."""


StreamKind = Literal[
    "start", "node", "guidance", "token", "citation", "verdict", "final", "error", "heartbeat"
]


class StreamEvent(Record):
    """One event of the typed stream; `id` counts from 0 within a request."""

    type: StreamKind
    id: int
    data: dict[str, Any] = {}
    """`start` {session_id, request_id, turn}; `node` {node, run, duration_ms, attempts};
    `guidance` a Guidance; `token` {text}; `citation` a Citation; `verdict` {decision, score};
    `final` a TurnReply;
    `error` {code, message, fix}; `heartbeat` {}."""
