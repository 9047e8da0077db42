"""What happened in a turn, put together again from its events."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TypeVar

from pydantic import AwareDatetime, Field

from memory.errors import AgentError
from memory.records import (
    Attempt,
    Decision,
    FeedbackGiven,
    Guidance,
    GuidanceGiven,
    ModelCalled,
    NodeFinished,
    Record,
    ReplyKind,
    SessionEvent,
    ToolCalled,
    TurnFinished,
    TurnStarted,
    Verdict,
    VerdictGiven,
)

Number = TypeVar("Number", int, float)
Kind = TypeVar("Kind")


class TurnMissing(AgentError):
    """A trace was to be made from no events of a turn."""

    code = "graph.turn_missing"
    kind = "not_found"

    def __init__(self) -> None:
        super().__init__(
            "The events hold no turn.", fix="Hand in the events of one turn, its `turn_started` among them."
        )


class Change(Record):
    """What a node run did to one field of the state."""

    field: str
    before: object = None
    """`None` when nothing had set the field in this turn."""

    after: object = None


class NodeRun(Record):
    """One execution of a node inside a turn, with its attempts."""

    node: str
    run: int = Field(ge=1)
    """Counts from 1 for each node within the turn."""

    start_ms: float = Field(ge=0)
    """Since the start of the turn (milliseconds)."""

    duration_ms: float = Field(ge=0)
    attempts: list[Attempt] = []
    changed: dict[str, object] = {}
    """Fields of the state that the run set, with their new values; long text is clipped."""

    before: dict[str, object] = Field(default={}, exclude=True, repr=False)
    """Fields that earlier runs of the turn had set, with their values then."""

    @property
    def after(self) -> dict[str, object]:
        """All fields set so far, once this run was over."""
        return {**self.before, **self.changed}

    @property
    def diff(self) -> list[Change]:
        """The fields that have another value than before, in the order they were set."""
        return [
            Change(field=field, before=self.before.get(field), after=value)
            for field, value in self.changed.items()
            if field not in self.before or self.before[field] != value
        ]

    @property
    def error(self) -> str | None:
        """Kind of the failure that ended the run; `None` when its last attempt worked."""
        return self.attempts[-1].error if self.attempts else None


class ModelCall(Record):
    """One request to a chat model."""

    node: str
    model: str
    duration_ms: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    """US dollars; `None` when the price is unknown."""


class ToolCall(Record):
    """One call of a tool."""

    tool: str
    duration_ms: float
    error: str | None = None
    """Kind of failure; `None` when the tool answered."""


class Trace(Record):
    """A whole turn: question, reply, and every node run between them."""

    session_id: str
    request_id: str
    turn: int = Field(ge=1)
    domain: str
    query: str
    """Secrets and personal data replaced."""

    reply: str = ""
    reply_kind: ReplyKind = "answer"
    intent: str | None = None
    """`None` when the turn ended before it was analyzed."""

    topic: str | None = None
    confidence: float | None = None
    """Of the intent (0 to 1)."""

    verdict: Decision | None = None
    score: float | None = None
    """The judge's score (0 to 1) with that decision."""

    verdicts: list[Verdict] = []
    """One for each draft, in order."""

    degraded: list[str] = []
    """What had to be replaced, as `node: reason`; empty when all went as meant."""

    guidance: Guidance = Guidance()
    hit: bool | None = None
    """Whether the last turn's guidance named this step; `None` when there was none."""

    followed: bool | None = None
    """Whether this turn's guidance named the next step; `None` while there is no next turn."""

    rating: int | None = None
    """The user's last rating of this turn (1 to 5)."""

    resolved: bool | None = None
    release: str | None = None
    started_at: AwareDatetime
    duration_ms: float | None = None
    """Until the reply had been formed (milliseconds); `None` when the end is not recorded."""

    runs: list[NodeRun] = []
    path: list[str] = []
    """Names of the nodes in the order they ran, repeats included."""

    model_calls: list[ModelCall] = []
    tool_calls: list[ToolCall] = []
    input_tokens: int | None = None
    """Sum over the model calls; `None` when there were none, or one of them did not tell."""

    output_tokens: int | None = None
    cost_usd: float | None = None
    """US dollars, with the same meaning of `None`."""

    sample: bool = False
    """From a sample log; never to be taken for real use."""

    is_complete: bool = False
    """Both the start and the end of the turn are recorded."""


def make_trace(events: Iterable[SessionEvent]) -> Trace:
    """Return the trace of one turn; the order of `events` and repeats among them do not matter.

    Raises:
        TurnMissing: neither the start, nor the end, nor a node run of the turn is among them.
    """
    found = sorted({event.event_id: event for event in events}.values(), key=lambda event: event.seq)
    first = next((event for event in found if _belongs(event)), None)
    if first is None:
        raise TurnMissing
    started, finished = _last(found, TurnStarted), _last(found, TurnFinished)
    given, feedback = _last(found, GuidanceGiven), _last(found, FeedbackGiven)
    verdicts = [event.verdict for event in found if isinstance(event, VerdictGiven)]
    runs = _fold([event for event in found if isinstance(event, NodeFinished)])
    calls = [ModelCall.model_validate(vars(event)) for event in found if isinstance(event, ModelCalled)]
    trace = Trace(
        session_id=first.session_id,
        request_id=started.request_id if started else finished.request_id if finished else "",
        turn=first.turn,
        domain=first.domain,
        query=finished.query if finished else started.query if started else "",
        guidance=given.guidance if given else Guidance(),
        verdicts=verdicts,
        rating=feedback.rating if feedback else None,
        resolved=feedback.resolved if feedback else None,
        release=first.release,
        started_at=first.at,
        runs=runs,
        path=[run.node for run in runs],
        model_calls=calls,
        tool_calls=[ToolCall.model_validate(vars(event)) for event in found if isinstance(event, ToolCalled)],
        input_tokens=_total([call.input_tokens for call in calls]),
        output_tokens=_total([call.output_tokens for call in calls]),
        cost_usd=_total([call.cost_usd for call in calls]),
        is_complete=started is not None and finished is not None,
    )
    return _with_end(trace, finished) if finished else trace


def make_traces(events: Iterable[SessionEvent]) -> list[Trace]:
    """Return the traces of a session, first turn first; what belongs to no turn is passed over."""
    in_order = sorted((event for event in events if event.turn > 0), key=lambda event: event.turn)
    turns = [list(group) for _, group in groupby(in_order, key=lambda event: event.turn)]
    traces = [make_trace(turn) for turn in turns if any(_belongs(event) for event in turn)]
    hits = {trace.turn: trace.hit for trace in traces}
    return [trace.model_copy(update={"followed": hits.get(trace.turn + 1)}) for trace in traces]


def _belongs(event: SessionEvent) -> bool:
    """True for what only a turn leaves; feedback alone makes no turn."""
    return isinstance(event, TurnStarted | NodeFinished | TurnFinished)


def _last(events: Sequence[SessionEvent], kind: type[Kind]) -> Kind | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


def _with_end(trace: Trace, finished: TurnFinished) -> Trace:
    """Add what the end of the turn tells."""
    decided = [verdict.score for verdict in trace.verdicts if verdict.decision == finished.verdict]
    named = finished.intent != "none"  # how the event says that the turn was not analyzed
    end = {
        "reply": finished.response,
        "reply_kind": finished.reply_kind,
        "intent": finished.intent if named else None,
        "topic": finished.topic,
        "confidence": finished.confidence if named else None,
        "verdict": finished.verdict,
        "score": decided[-1] if decided else None,
        "degraded": finished.degraded,
        "guidance": finished.guidance,
        "hit": finished.hit,
        "release": finished.release,
        "duration_ms": finished.duration_ms,
        "sample": finished.sample,
    }
    return trace.model_copy(update=end)


def _fold(finished: Sequence[NodeFinished]) -> list[NodeRun]:
    """Return the runs, each with the state it found; values are shared between them, not copied."""
    runs: list[NodeRun] = []
    state: dict[str, object] = {}
    for event in finished:
        run = NodeRun.model_validate({**vars(event), "before": state})
        runs.append(run)
        state = run.after
    return runs


def _total(values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None
