"""What a turn knows: the state that nodes read, the updates they return, the context they use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, TypedDict

from langgraph.channels import UntrackedValue

from domains.model import Domain
from graph.retries import RetryBudget
from graph.turnlog import TurnLog
from memory.breaker import Breaker
from memory.ports import KnowledgeIndex, PatternIndex, ProfileStore
from memory.records import (
    Analysis,
    Case,
    Draft,
    Guidance,
    PassageHit,
    Profile,
    ReplyKind,
    Suggestion,
    Verdict,
)
from tools.catalog import Tool, ToolResult

KEEP_TURNS = 6
"""Turns kept as context for the next one; more would grow the checkpoint and the prompt."""

KEEP_STEPS = 50
"""Steps of the flow kept; patterns look back far less."""


class PastTurn(TypedDict):
    """One earlier turn, JSON-plain so that every checkpointer can keep it."""

    query: str
    reply: str
    label: str
    """`intent/topic`, or "" when the turn ended before it was analyzed."""

    at: float
    """When the reply was ready (Unix seconds)."""


class Quarantined(TypedDict):
    """Something that was kept out of the prompt; its text is not kept, only what tells which it was."""

    source: str
    """Passage id, or `tool:` and the tool's name."""

    signs: list[str]
    """Names of the rules that matched; empty when the learned numbers alone decided."""

    score: float
    """Probability of an attack (0 to 1)."""


@dataclass(frozen=True, kw_only=True)
class GraphState:
    """What nodes read: the session's memory (kept, JSON-plain) and the scratch values of the turn."""

    # kept between turns
    turns: list[PastTurn] = field(default_factory=list)
    """The last `KEEP_TURNS` turns, oldest first."""

    flow: list[str] = field(default_factory=list)
    """Labels of the session's steps so far, oldest first; this turn's only after it ended."""

    unclear_turns: int = 0
    """Clarifying questions asked in a row."""

    offered: list[str] = field(default_factory=list)
    """Intents that the last turn's clarifying question offered, in its order; empty when it asked none."""

    suggested: list[str] = field(default_factory=list)
    """Labels that the last turn's guidance named; empty when none was shown."""

    last_reply: dict[str, Any] = field(default_factory=dict)
    """What the last request got (the fields of `TurnReply` that matter), to answer it again when repeated."""

    # scratch, gone when the turn ends
    query: str = ""
    """What the user wrote, secrets and personal data replaced (by `input_guard`)."""

    profile: Profile | None = None
    analysis: Analysis | None = None
    is_unclear: bool = False
    """The question must be clarified, or a person brought in, before it can be answered."""

    guidance: Guidance | None = None
    withheld: list[Suggestion] = field(default_factory=list)
    """What the hold-out arm would have been shown; only the turn's record may read it."""

    search_query: str = ""
    """What the retriever looks for."""

    passages: list[PassageHit] | None = None
    quarantined: list[Quarantined] = field(default_factory=list)
    """Passages and tool results that gave orders; they were left out and reach no prompt."""

    cases: list[Case] | None = None
    has_tools: bool = False
    """The domain has tools, so a plan is due."""

    tasks: list[dict[str, Any]] | None = None
    """Tool calls to make: `{"tool": name, "arguments": {...}}`."""

    tool_results: list[ToolResult] | None = None
    draft: Draft | None = None
    best: tuple[Draft, Verdict] | None = None
    """The draft with the best verdict so far; what leaves when the tries are spent."""

    verdict: Verdict | None = None
    tries: int = 0
    """Drafts written in this turn."""

    hit: bool | None = None
    """Whether the last turn's guidance named this step; `None` when there was none."""

    classified_by: str = ""
    """Identity of the classifier that named the intent."""

    reply: str = ""
    reply_kind: ReplyKind = "answer"
    blocked_by: str = ""
    """Name of the guard rule that stopped the message; "" when none did."""


KEPT = ("turns", "flow", "unclear_turns", "offered", "suggested", "last_reply")
"""Fields that outlive the turn."""


@dataclass(kw_only=True)
class Channels:
    """What LangGraph carries from node to node: two channels, because each one costs time in every step."""

    session: dict[str, Any] = field(default_factory=dict)
    """The `KEPT` fields; all that a checkpointer stores."""

    turn: Annotated[GraphState | None, UntrackedValue] = None
    """The whole state; never stored, so that no scratch value leaks into the next turn."""


class GraphUpdate(TypedDict, total=False):
    """What a node changed; every key is a field of `GraphState`."""

    turns: list[PastTurn]
    flow: list[str]
    unclear_turns: int
    offered: list[str]
    suggested: list[str]
    last_reply: dict[str, Any]
    query: str
    profile: Profile | None
    analysis: Analysis
    is_unclear: bool
    guidance: Guidance
    withheld: list[Suggestion]
    search_query: str
    passages: list[PassageHit]
    quarantined: list[Quarantined]
    cases: list[Case]
    has_tools: bool
    tasks: list[dict[str, Any]]
    tool_results: list[ToolResult]
    draft: Draft
    best: tuple[Draft, Verdict]
    verdict: Verdict
    tries: int
    hit: bool | None
    classified_by: str
    reply: str
    reply_kind: ReplyKind
    blocked_by: str


class Classifier(Protocol):
    """The skill that names the intent of a message."""

    identity: str
    """Name and version; a change makes the learner classify again."""

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        """Return intent and topic of each text, with calibrated confidence; nothing else is set."""
        ...


class Writer(Protocol):
    """The skill that writes an answer."""

    async def write(self, state: GraphState, domain: Domain) -> Draft:
        """Answer `state.query` from passages and tool results, with citations, heeding feedback."""
        ...


class Judge(Protocol):
    """The skill that decides on an answer."""

    async def judge(self, state: GraphState, domain: Domain) -> Verdict:
        """Hold `state.draft` against the domain's rubric."""
        ...


class SecondOpinion(Protocol):
    """Decides about a message of which the detector is unsure."""

    async def is_attack(self, text: str) -> bool:
        """Tell whether `text`, redacted already, is an attack; one that cannot be reached says no."""
        ...


@dataclass(frozen=True, kw_only=True)
class Skills:
    """One set of the three skills; the local set is the default and the fallback."""

    classifier: Classifier
    writer: Writer
    judge: Judge
    name: str = "local skill"
    """Who takes over, in the words of a degraded reply: `local skill`, `model bedrock:…`."""

    breaker: Breaker | None = None
    """Leaves the model alone for a while after failures in a row; `None` for what needs no network."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the turns of one domain use; built once per process."""

    domain: Domain
    primary: Skills
    local: Skills
    """The same object as `primary` when no model is set."""

    fallbacks: tuple[Skills, ...] = ()
    """Other models, asked in this order when the primary one fails and before the local skills."""

    knowledge: KnowledgeIndex
    patterns: PatternIndex | None
    """`None` while nothing has been learned, or with guidance switched off."""

    release: str | None
    """Id of the release behind `patterns`."""

    profiles: ProfileStore | None
    """`None` when memory is switched off."""

    tools: dict[str, Tool]
    """By name; empty when the domain has none."""

    cases: dict[str, list[Case]]
    """Solved flows by the labels they contain, most frequent first."""

    redact: Callable[[str], str]
    """Replaces secrets and personal data."""

    holdout_share: float
    """Share of sessions (0 to 1) that get no guidance, so that its worth can be measured."""

    second_opinion: SecondOpinion | None = None
    """Asked about messages in the grey band of the injection detector; `None` without one."""


@dataclass(frozen=True, kw_only=True)
class GraphContext:
    """What one turn may use; nodes reach the world through this and nothing else."""

    services: Services
    skills: Skills
    """The set to use in this attempt: `services.primary`, or the local one after a failure."""

    session_id: str
    tenant: str
    user: str
    """Key of the user (`user_key`)."""

    turn: int
    """Counts from 1 within the session."""

    raw_query: str
    """What came in, before redaction; only `input_guard` reads it."""

    request_id: str
    now: Callable[[], datetime]
    """The clock (aware UTC)."""

    log: TurnLog
    """Takes note of model and tool calls, and of what had to be replaced."""

    budget: RetryBudget = field(default_factory=RetryBudget)
    """What this turn may still spend on models that fail."""


NodeName = Literal[
    "input_guard",
    "query_analyzer",
    "clarifier",
    "query_transformer",
    "retriever",
    "task_planner",
    "tool_runner",
    "generator",
    "judge",
    "output_guard",
    "memory_updater",
]
