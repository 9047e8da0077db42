"""What a domain is: the contents of `domain.yaml`, checked."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from memory.records import Step
from memory.text import WORD

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""Lower case, digits and underscores; it becomes part of labels, paths and ids."""

Intent = Annotated[str, Field(pattern=r"^[^/\s][^/\n]{0,119}$")]
"""First part of a label; freer than a name, because recorded logs bring their own."""

Topic = Annotated[str, Field(pattern=r"^\S[^\n]{0,119}$")]
"""Second part of a label."""

Share = Annotated[float, Field(ge=0, le=1)]

GuardRule = Literal[
    "private_key",
    "aws_key",
    "password",
    "token",
    "prompt_injection",
    "credential_request",
    "future_feature",
    "sensitive_data",
    "future_commitment",
    "competitor_disparagement",
]
"""What `memory.guard` looks for: the last three in answers, the others in messages."""


class Written(BaseModel):
    """Base of what people write by hand: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _checked_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


class IntentSpec(Written):
    """Something users come for."""

    description: str
    examples: list[str] = []
    """Questions that belong to no topic."""

    topics: dict[Topic, list[str]] = {}
    """Sub-intent to example questions."""


class EntitySpec(Written):
    """Something to find in a question."""

    values: dict[str, list[str]] = {}
    """Canonical value to the spellings that mean it (compared without case, whole words)."""

    pattern: str | None = None
    """Regular expression instead of values; the match, in upper case, is the value."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return pattern if pattern is None else _checked_pattern(pattern)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.values) == (self.pattern is not None):
            raise ValueError("give either `values` or `pattern`")
        return self

    @cached_property
    def _finder(self) -> re.Pattern[str]:
        if self.pattern is not None:
            return re.compile(self.pattern)
        spellings = [text for value, others in self.values.items() for text in (value, *others)]
        longest_first = sorted(map(re.escape, spellings), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", re.IGNORECASE)

    @cached_property
    def _values_by_spelling(self) -> dict[str, str]:
        return {text.lower(): value for value, others in self.values.items() for text in (value, *others)}

    def find(self, text: str) -> str | None:
        """Return the first value that `text` names; `None` when it names none."""
        match = self._finder.search(text)
        if match is None:
            return None
        found = match.group()
        if self.pattern is not None:
            return found.upper()
        return self._values_by_spelling.get(found.lower()) or self._value_without_case(found)

    def blank(self, text: str) -> tuple[str, int]:
        """Return `text` without the things that it names, and how many these are (count)."""
        return self._finder.subn(" ", text)

    def _value_without_case(self, found: str) -> str | None:
        """Look up letters that match without case and yet differ in lower case, such as the dotless i."""
        spellings = self._values_by_spelling.items()
        same = (v for text, v in spellings if re.fullmatch(re.escape(text), found, re.IGNORECASE))
        return next(same, None)


class Prompts(Written):
    """Files below the domain folder, used when a chat model is set; docs/domains.md names the `{slots}`."""

    classify: str = "prompts/classify.md"
    write: str = "prompts/write.md"
    judge: str = "prompts/judge.md"


class KnowledgeSpec(Written):
    """Where passages come from."""

    folder: str = "knowledge"
    """Folder of Markdown, HTML, PDF and text files."""

    source: str | None = None
    """`file.py:function` in the domain folder that yields `Passage`s besides."""

    sample: bool = False
    """The text was written for demonstration; every citation says so."""


class ForbiddenTopic(Written):
    """Something this domain does not talk about."""

    pattern: str
    """Regular expression, compared without case."""

    reply: str
    """The sentence the user gets; it names the next step."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        return _checked_pattern(pattern)

    @cached_property
    def _finder(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.IGNORECASE)

    def matches(self, text: str) -> bool:
        """True when `text` touches the topic."""
        return self._finder.search(text) is not None


class Guards(Written):
    """Which of the built-in guard rules hold, and what they know of this domain."""

    off: list[GuardRule] = []
    """Rules that do not hold here, such as `future_feature` where plans are public."""

    competitors: list[str] = []
    """Names that answers must not run down, besides the usual ones."""

    replies: dict[Name, str] = {}
    """Sentences of this domain in place of a rule's own; each names the next step."""


class Clarify(Written):
    """When to ask back."""

    min_confidence: Share = 0.35
    """Intent confidence below which the question counts as unclear."""

    min_margin: Share = 0.05
    """Two intents nearer than this are asked about."""

    unclear_at_most: int = Field(default=2, ge=1, le=5)
    """Clarifying questions in a row before a person is brought in."""


class JudgeSpec(Written):
    """How good an answer must be."""

    accept_at: Share = 0.6
    refuse_below: Share = 0.15
    """An answer scored below this after the last try is not sent."""

    revise_at_most: int = Field(default=2, ge=0, le=2)
    rubric: dict[Name, Annotated[float, Field(gt=0)]] = {
        "grounded": 3,
        "cited": 2,
        "complete": 2,
        "on_topic": 1,
    }
    """Criterion to weight."""


class Limits(Written):
    """Deadlines and budgets."""

    turn_s: float = Field(default=30, gt=0, le=900)
    """Longest turn (seconds); then the static reply goes out."""

    node_s: float = Field(default=12, gt=0, le=900)
    """Longest attempt at one node (seconds)."""

    nodes: dict[Name, Annotated[float, Field(gt=0)]] = {}
    """Other limits for single nodes (seconds)."""

    retries: int = Field(default=2, ge=0, le=10)
    """Times a turn may ask a chat model again that failed in passing (throttled, cut off); after these
    the next model of `model_fallbacks` is asked, then the local skill."""

    guidance_ms: float = Field(default=25, gt=0)
    """Time budget of the pattern look-up (milliseconds); no guidance is a fine answer."""


class Replies(Written):
    """Sentences that need no model."""

    static: str
    """Sent, marked degraded, when all else fails."""

    escalation: str
    """Sent when a person should take over."""

    off_topic: str
    """Sent when the knowledge does not hold the answer."""


def _words_alone(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


class Domain(Written):
    """One domain; everything specific to it is in its folder."""

    format: Literal[1] = 1
    name: Name
    title: str
    description: str
    voice: str = "plain and precise"
    """How answers sound; goes into the prompts."""

    intents: dict[Intent, IntentSpec] = Field(min_length=2)
    entities: dict[Name, EntitySpec] = {}
    prompts: Prompts = Prompts()
    knowledge: KnowledgeSpec = KnowledgeSpec()
    forbidden: dict[Name, ForbiddenTopic] = {}
    guards: Guards = Guards()
    clarify: Clarify = Clarify()
    judge: JudgeSpec = JudgeSpec()
    limits: Limits = Limits()
    replies: Replies
    tools: list[str] = []
    """Names of `Tool` objects in `tools.py` of the domain folder."""

    event_source: str = "slipstream.agentcore"
    """`source` of its events on the bus."""

    folder: Path = Field(default=Path(), exclude=True)
    """Where it was loaded from."""

    @cached_property
    def _asked_by_examples(self) -> frozenset[str]:
        return frozenset(_words_alone(text) for text, _ in self.examples())

    def is_example(self, text: str) -> bool:
        """True when `text` is one of the example questions, whatever its case and punctuation."""
        return _words_alone(text) in self._asked_by_examples

    def examples(self) -> list[tuple[str, Step]]:
        """Return every example question with the step it stands for."""
        return [
            (text, Step(intent=intent, topic=topic))
            for intent, spec in self.intents.items()
            for topic, texts in [(None, spec.examples), *spec.topics.items()]
            for text in texts
        ]

    def prompt(self, skill: Literal["classify", "write", "judge"]) -> str:
        """Return the text of a prompt file."""
        path: str = getattr(self.prompts, skill)
        return (self.folder / path).read_text(encoding="utf-8")


class Scenario(Written):
    """A question with what a good turn must show; `scenarios.yaml` is a list of these."""

    id: str
    question: str
    after: list[str] = []
    """Labels of the steps before it in the session."""

    intent: Intent
    topic: Topic | None = None
    entities: dict[str, str] = {}
    facts: list[str] = []
    """Words or figures that the answer must contain (compared without case)."""

    sources: list[str] = []
    """Start of the `source` of passages of which one must be cited."""

    kind: Literal["answer", "clarification", "blocked", "refusal", "escalation"] = "answer"


class FollowUp(Written):
    """A session that ends in a follow-up, with what should be found for it (`follow_ups.yaml` is a list)."""

    id: str
    asked: list[str] = Field(min_length=1)
    """What the user asked before, oldest first."""

    question: str
    """The follow-up."""

    clarity: Literal["vague", "clear"]
    """Whether the follow-up means anything without the session."""

    part: Literal["tuned", "held_out"]
    """Settings are chosen on the tuned part; the held-out part only measures."""

    sources: list[str] = Field(min_length=1)
    """Start of the `source` of passages that answer it."""


class SampleStep(Written):
    """One step of a sample flow."""

    step: str
    """`intent/topic`."""

    asks: list[str] = Field(min_length=1)
    """Ways to ask it; one is drawn."""


class SampleFlow(Written):
    """A hand-written way through a problem, from which sample sessions are drawn (`sample_flows.yaml`)."""

    name: str
    weight: float = Field(default=1, gt=0)
    """How often it is drawn, against the others."""

    solved_rate: Share
    step_s: float = Field(default=90, gt=0)
    """Mean time between steps (seconds)."""

    steps: list[SampleStep] = Field(min_length=2)
