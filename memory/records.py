"""The vocabulary: what a session leaves behind and what is learned from it.

Stored records ignore keys they do not know and only ever gain fields.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from memory.rule import REDACTOR_VERSION

Outcome = Literal["solved", "unsolved", "escalated", "unknown"]
ReplyKind = Literal["answer", "clarification", "escalation", "blocked", "refusal", "static"]
Decision = Literal["accept", "revise", "refuse"]
Grade = Literal["pass", "fail", "unknown"]
Arm = Literal["guided", "holdout", "off"]
"""`holdout`: guidance was withheld to measure what it is worth; `off`: it was switched off or absent."""


class Record(BaseModel):
    """Base of all stored records: immutable; keys from a newer writer are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


# --- words -----------------------------------------------------------------------------------


class Step(Record):
    """One turn as the learner sees it."""

    intent: str
    topic: str | None = None

    @property
    def label(self) -> str:
        """`intent` or `intent/topic`; the one spelling used in flows and patterns."""
        return f"{self.intent}/{self.topic}" if self.topic else self.intent


def parse_step(label: str) -> Step:
    """Turn `intent/topic` back into a step; a label without a slash is an intent."""
    intent, slash, topic = label.partition("/")
    return Step(intent=intent, topic=topic) if slash and intent and topic else Step(intent=label)


class Analysis(Record):
    """What the query analyzer understood of one message."""

    intent: str
    intent_confidence: float = Field(ge=0, le=1)
    """Calibrated probability that `intent` is right."""

    topic: str | None = None
    topic_confidence: float = Field(default=0.0, ge=0, le=1)
    runner_up: str | None = None
    """Second most likely intent."""

    margin: float = Field(default=1.0, ge=0, le=1)
    """Confidence of the intent minus that of the runner-up."""

    outside: float = Field(default=0.0, ge=0, le=1)
    """Probability that the message is none of the domain's intents."""

    entities: dict[str, str] = {}
    """Kind of entity to the value found, for example `turbine_model` to `SMT60`."""

    dates: list[str] = []
    """Days named, ISO 8601 where it is plain which day is meant."""

    amounts: list[str] = []
    """Numbers with a unit, for example `12.5 bar` or `1200 rpm`."""

    key_phrases: list[str] = []
    """What the message is about in its own words, most telling first."""

    sentiment: Literal["negative", "neutral", "positive"] = "neutral"
    complexity: float = Field(default=0.0, ge=0, le=1)
    """0: one plain question; 1: many parts, conditions and technical terms."""

    clarity: float = Field(default=1.0, ge=0, le=1)
    """0: nothing to go by; 1: intent and subject are both plain."""

    asks_for_person: bool = False
    """The user asks to talk to somebody."""

    @property
    def step(self) -> Step:
        return Step(intent=self.intent, topic=self.topic)


class Suggestion(Record):
    """A likely next step and the pattern that says so."""

    label: str
    """`intent` or `intent/topic`."""

    confidence: float = Field(ge=0, le=1)
    """Calibrated probability that the next turn is this step."""

    pattern_id: str
    support: int = Field(ge=0)
    """Sessions that show the pattern (count)."""

    success_rate: float | None = Field(default=None, ge=0, le=1)
    """Share of solved among those with a known outcome; `None` when none is known."""

    why: str = ""
    """The steps that matched, oldest first, joined by ` > `."""


class Guidance(Record):
    """What the patterns suggest for this turn; no suggestion is a fine answer."""

    suggestions: list[Suggestion] = []
    """Best first, at most 3."""

    arm: Arm = "off"
    release: str | None = None
    duration_ms: float = 0.0
    over_budget: bool = False
    """The time budget ran out, so nothing was suggested."""

    led_by: Suggestion | None = None
    """The step that a follow-up was taken for and searched with; `None` when the message stood on its own."""


class Passage(Record):
    """A citable piece of knowledge."""

    passage_id: str
    title: str
    """Document and section, as a reader would cite it."""

    text: str
    source: str
    """Where it comes from: path or name of the document, `#` section."""

    sample: bool = False
    """Written for demonstration; never to be taken for a real manual."""


class PassageHit(Record):
    """A passage and how well it fits."""

    passage: Passage
    score: float
    """Fused score (0 to 1) within one search; not comparable between searches."""


class Citation(Record):
    """A passage that an answer rests on."""

    number: int = Field(ge=1)
    passage_id: str
    title: str
    source: str
    quote: str
    """The words of the passage that were used."""

    sample: bool = False


class Draft(Record):
    """What the generator wrote."""

    text: str
    citations: list[Citation] = []
    abstained: bool = False
    """The knowledge does not hold the answer, and the text says so."""

    skill: str = ""
    """Which skill wrote it, with its model: `local:extractive`, `model:anthropic.claude-…`."""


class Verdict(Record):
    """The judge's decision on a draft."""

    decision: Decision
    score: float = Field(ge=0, le=1)
    criteria: dict[str, float] = {}
    """Score (0 to 1) by criterion of the domain's rubric."""

    feedback: list[str] = []
    """What the generator should do better, as instructions."""

    skill: str = ""
    grade: Grade = "unknown"
    """What exact checks alone say: `pass`, every sentence is quoted and cited; `fail`, a rule is broken."""


class Case(Record):
    """A solved flow that resembles the present one."""

    steps: list[str]
    """Labels, in order."""

    sessions: int = Field(ge=1)
    pattern_id: str


class Profile(Record):
    """What is known of a user, from earlier sessions only."""

    user: str
    """Key of the user (`user_key`), never the name."""

    sessions: int = 0
    turns: int = 0
    intents: dict[str, int] = {}
    """Label to number of turns."""

    entities: dict[str, int] = {}
    """`kind:value` to number of turns, for example `turbine_model:SMT60`."""

    style: Literal["terse", "plain", "detailed"] = "plain"
    """From the usual length of the questions."""

    words_per_question: float = 0.0
    """Running mean (words)."""

    preferences: dict[str, str] = {}
    updated_at: AwareDatetime | None = None


class Pattern(Record):
    """A flow, or part of one, that many sessions share."""

    pattern_id: str
    """Digest of domain, type and sequence: the same in every release."""

    pattern_type: Literal["flow", "sequence", "gapped"]
    """`flow`: a whole session; `sequence`: neighbouring steps; `gapped`: steps with others between."""

    sequence: list[Step]
    frequency: int = Field(ge=1)
    """Sessions that show it (count)."""

    users: int = Field(ge=0)
    """Distinct users among them (count)."""

    success_rate: float | None = None
    """Share of solved among those with a known outcome, of few sessions drawn towards the usual share;
    `None` when none is known."""

    avg_completion_time: float | None = None
    """Mean time from first to last step of the pattern (seconds); `None` when unknown."""

    last_updated: AwareDatetime
    """When it was last seen."""

    success_low: float | None = None
    """Lower end of the 95 % interval of `success_rate`."""

    success_high: float | None = None
    first_seen: AwareDatetime | None = None
    decayed_frequency: float | None = None
    """Sessions that show it, each counting half as much every 90 days before the newest in the log; patterns
    are ranked by it. `None` when unknown."""

    lift: float | None = None
    """Times as many sessions show it as would if its steps came independently; `None` for whole flows."""


class Release(Record):
    """An immutable published set; what one domain of one tenant knows."""

    release_id: str
    """Digest of what it was made from, so the same lake gives the same id."""

    tenant: str
    domain: str
    created_at: AwareDatetime
    """Time of the newest event it has seen (UTC)."""

    sessions: int
    steps: int
    patterns: int
    embedder: str
    """Identity of the embedder whose vectors the index holds."""

    metrics: dict[str, float] = {}
    """Figures measured on held-out sessions: `hit_rate_at_3`, `ece`, …"""

    path: str
    """Where the index of this release lies, relative to the state folder."""


# --- what happened ---------------------------------------------------------------------------


class Event(Record):
    """What every session event carries."""

    event_id: str
    """The same whenever the same thing is written again; consumers drop repeats by it."""

    session_id: str
    tenant: str
    domain: str
    user: str
    """Key of the user (`user_key`), never the name."""

    turn: int = Field(ge=0)
    """Counts from 1 within the session; 0 for the session as a whole."""

    seq: int = Field(ge=0)
    """Order within the turn."""

    at: AwareDatetime
    """When it happened (UTC)."""

    release: str | None = None
    redactor: int = REDACTOR_VERSION
    """Version of the rules that removed secrets and personal data from this event."""


class TurnStarted(Event):
    """A request has come in."""

    kind: Literal["turn_started"] = "turn_started"
    query: str
    request_id: str


class Attempt(Record):
    """One try at a node run."""

    skill: str
    """What was tried: `primary`, `fallback` (another model) or `local`."""

    duration_ms: float = Field(ge=0)
    error: str | None = None
    """Kind of failure, never its text: `timeout`, `throttled`, `ValueError`, …"""


class NodeFinished(Event):
    """A node run is over."""

    kind: Literal["node_finished"] = "node_finished"
    node: str
    run: int = Field(ge=1)
    """Counts from 1 for each node within the turn."""

    start_ms: float = Field(ge=0)
    """Since the start of the turn (milliseconds)."""

    duration_ms: float = Field(ge=0)
    attempts: list[Attempt] = []
    changed: dict[str, object] = {}
    """Fields of the state that the run set, with their new values; long text is clipped."""


class ModelCalled(Event):
    """One request to a chat model has finished."""

    kind: Literal["model_called"] = "model_called"
    node: str
    model: str
    duration_ms: float = Field(ge=0)
    """Wall time until the last token (milliseconds)."""

    input_tokens: int | None = None
    """Prompt tokens (count), cached ones included; `None` when the model does not tell."""

    output_tokens: int | None = None
    cost_usd: float | None = None
    """US dollars; `None` when the price is unknown, never 0."""


class ToolCalled(Event):
    """A tool has answered or failed."""

    kind: Literal["tool_called"] = "tool_called"
    tool: str
    duration_ms: float = Field(ge=0)
    error: str | None = None


class GuidanceGiven(Event):
    """Suggestions were made, or withheld, for this turn."""

    kind: Literal["guidance_given"] = "guidance_given"
    guidance: Guidance


class VerdictGiven(Event):
    """The judge has decided on a draft."""

    kind: Literal["verdict_given"] = "verdict_given"
    verdict: Verdict
    attempt: int = Field(ge=1)
    """Which draft of the turn."""


class TurnFinished(Event):
    """The reply has left; `Query Processed` on the bus."""

    kind: Literal["turn_finished"] = "turn_finished"
    request_id: str = ""
    query: str
    response: str
    reply_kind: ReplyKind = "answer"
    degraded: list[str] = []
    """What had to be replaced, as `node: reason`; empty when all went as meant."""

    intent: str
    topic: str | None = None
    confidence: float = Field(ge=0, le=1)
    """Of the intent."""

    label_source: str = "none"
    """Who gave intent and topic: `recorded`, or the identity of a classifier."""

    guidance: Guidance = Guidance()
    withheld: list[Suggestion] = []
    """What the hold-out arm would have been shown; nobody saw it and nothing used it."""

    holdout_share: float | None = None
    """Chance (0 to 1) with which the session's arm was drawn as `holdout`; `None` when none was drawn."""

    hit: bool | None = None
    """Whether the last turn's guidance named this step; `None` when there was none."""

    verdict: Decision | None = None
    grade: Grade = "unknown"
    """What exact checks say of the answer; all that is learned from the judge."""

    cited: list[str] = []
    """Ids of the passages that the answer cites."""

    duration_ms: float = Field(ge=0)
    sample: bool = False
    """From a sample log; never to be taken for real use."""


class FeedbackGiven(Event):
    """A user has judged an answer."""

    kind: Literal["feedback_given"] = "feedback_given"
    rating: int | None = Field(default=None, ge=1, le=5)
    resolved: bool | None = None
    comment: str = ""


class EventsDropped(Event):
    """Some events of this turn were not kept, because too many waited to be delivered."""

    kind: Literal["gap"] = "gap"
    dropped: dict[str, int]
    """How many (count), by kind of event; never of a kind that is learned from."""


class SessionCompleted(Event):
    """A session is over; `Session Completed` on the bus. Once a session."""

    kind: Literal["session_completed"] = "session_completed"
    reason: Literal["client", "idle", "shutdown", "recorded"]
    outcome: Outcome = "unknown"
    turns: int = Field(ge=0)
    sample: bool = False


SessionEvent = Annotated[
    TurnStarted
    | NodeFinished
    | ModelCalled
    | ToolCalled
    | GuidanceGiven
    | VerdictGiven
    | TurnFinished
    | FeedbackGiven
    | EventsDropped
    | SessionCompleted,
    Field(discriminator="kind"),
]
"""Any record of what happened in a session; `kind` picks the class in one look-up."""


class Conversation(Record):
    """Whose session it is and how far it has come."""

    session_id: str
    tenant: str
    user: str
    domain: str
    turns: int = 0
    started_at: datetime
    last_at: datetime
    completed: bool = False
