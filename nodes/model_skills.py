"""The three skills by a chat model; what comes from outside is fenced data, never an instruction."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from pydantic import BaseModel, Field, ValidationError

from domains.model import Domain
from graph.state import GraphState
from memory.checks import without_judgements
from memory.errors import AgentError
from memory.fence import fill
from memory.records import Analysis, Citation, Draft, Verdict
from memory.text import clip

EXAMPLES_PER_LABEL = 3
"""Few-shot examples of each intent and topic in the prompt."""

QUOTE_CHARACTERS = 300
UNUSABLE_STOPS = frozenset(
    "content_filter content_filtered guardrail_intervened length malformed_model_output malformed_tool_use "
    "max_tokens model_context_window_exceeded refusal".split()
)
"""Reasons, as Bedrock and other providers name them, for which a text is not the answer, or not all of it."""

CITATION = re.compile(r"\[(\d{1,3})\]")

Share = Annotated[float, Field(ge=0, le=1)]
Answer = TypeVar("Answer", bound=BaseModel)


class ModelAnswerUnusable(AgentError):
    """A chat model answered, but not in the form that was asked for."""

    code = "nodes.model_answer_unusable"
    kind = "unavailable"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The chat model gave an answer that cannot be used: {problem}.",
            fix="The local skill takes over by itself; choose another `--model` if this happens often.",
        )
        self.problem = problem


class NamedIntent(BaseModel):
    """The form in which a model names an intent."""

    intent: str
    topic: str | None = None
    confidence: Share


class Judgement(BaseModel):
    """The form in which a model judges an answer."""

    criteria: dict[str, Share]
    feedback: list[str] = []


class ModelClassifier:
    """Names the intent with a few-shot prompt."""

    def __init__(self, model: BaseChatModel, name: str, domain: Domain) -> None:
        self.identity = model_identity(name, domain)
        self._model = model
        self._domain = domain

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        """Ask once for each text; an intent that the domain does not know is an error."""
        return [await self._classify(text) for text in texts]

    async def _classify(self, text: str) -> Analysis:
        answer = await ask(self._model, classify_prompt(self._domain, fenced(text)))
        return make_analysis(_parse(answer, NamedIntent), self._domain)


def model_identity(name: str, domain: Domain) -> str:
    """Return the identity of a model that classifies: another set of intents or examples is another one."""
    shown = json.dumps([_intent_lines(domain), _example_lines(domain)], ensure_ascii=False)
    return f"model:{name}:{hashlib.sha256(shown.encode()).hexdigest()[:8]}"


def classify_prompt(domain: Domain, message: str) -> str:
    """Return the domain's prompt for classifying; `message` is fenced already."""
    return fill(
        domain.prompt("classify"),
        intents="\n".join(_intent_lines(domain)),
        examples="\n".join(_example_lines(domain)),
        message=message,
    )


def make_analysis(named: NamedIntent, domain: Domain) -> Analysis:
    """Return what a model named; a topic that its intent does not have is dropped.

    Raises:
        ModelAnswerUnusable: the domain has no such intent.
    """
    spec = domain.intents.get(named.intent)
    if spec is None:
        raise ModelAnswerUnusable(f"there is no intent `{clip(named.intent, 60)}`")
    topic = named.topic if named.topic in spec.topics else None
    return Analysis(
        intent=named.intent,
        intent_confidence=named.confidence,
        topic=topic,
        topic_confidence=named.confidence if topic else 0.0,
    )


class ModelWriter:
    """Writes the answer from the passages, with citations."""

    def __init__(self, model: BaseChatModel, name: str) -> None:
        self.name = f"model:{name}"
        self._model = model

    async def write(self, state: GraphState, domain: Domain) -> Draft:
        """Ask for an answer; citations of what was not given are taken out of it."""
        sources = _sources(state)
        passages = len(state.passages or [])
        profile = state.profile.preferences if state.profile else {}
        prompt = fill(
            domain.prompt("write"),
            voice=domain.voice,
            question=fenced(state.query),
            turns="\n".join(f"- {fenced(turn['query'])}" for turn in state.turns),
            profile=fenced(json.dumps(profile)),
            passages=_numbered(sources[:passages]),
            tools=_numbered(sources[passages:]),
            feedback="\n".join(map(fenced, state.verdict.feedback)) if state.verdict else "",
        )
        text = await ask(self._model, prompt)
        cited = {int(n) for n in CITATION.findall(text)}
        for number in cited - {source.number for source in sources}:
            text = text.replace(f"[{number}]", "")
        citations = [
            source.model_copy(update={"quote": clip(source.quote, QUOTE_CHARACTERS)})
            for source in sources
            if source.number in cited
        ]
        return Draft(text=text.strip(), citations=citations, abstained=not citations, skill=self.name)


class ModelJudge:
    """Scores the answer on the domain's rubric; the decision follows from the domain's thresholds."""

    def __init__(self, model: BaseChatModel, name: str) -> None:
        self.name = f"model:{name}"
        self._model = model

    async def judge(self, state: GraphState, domain: Domain) -> Verdict:
        """Ask for a score of each criterion; a criterion left out counts as not met."""
        draft = state.draft
        assert draft is not None, "generator runs first"
        rubric = domain.judge.rubric
        prompt = fill(
            domain.prompt("judge"),
            rubric="\n".join(f"- {name}" for name in rubric),
            question=fenced(state.query),
            passages=_numbered(_sources(state)),
            answer=fenced(without_judgements(draft.text)),
        )
        judgement = _parse(await ask(self._model, prompt), Judgement)
        criteria = {name: judgement.criteria.get(name, 0.0) for name in rubric}
        score = sum(criteria[name] * weight for name, weight in rubric.items()) / sum(rubric.values())
        accepted = score >= domain.judge.accept_at
        return Verdict(
            decision="accept" if accepted else "revise",
            score=round(score, 3),
            criteria=criteria,
            feedback=[] if accepted else [clip(line, QUOTE_CHARACTERS) for line in judgement.feedback[:5]],
            skill=self.name,
        )


async def ask(model: BaseChatModel, prompt: str) -> str:
    """Return what a model says to one message.

    Raises:
        ModelAnswerUnusable: it says nothing, declined to answer, or not all of it arrived.
    """
    try:
        message = await model.ainvoke([HumanMessage(prompt)])
    except (KeyError, TypeError, ValueError) as error:  # clients take half an answer for one without a text
        raise ModelAnswerUnusable("it cannot be read") from error
    told = message.response_metadata
    stop = str(told.get("stopReason") or told.get("stop_reason") or told.get("finish_reason") or "")
    if stop in UNUSABLE_STOPS:
        raise ModelAnswerUnusable(f"it stopped with `{stop}`")
    if not message.text.strip():
        raise ModelAnswerUnusable("it is empty")
    return message.text


def _parse(text: str, form: type[Answer]) -> Answer:
    """Read the first JSON object in the text, whatever stands around it."""
    found = first_object(text)
    if found is None:
        raise ModelAnswerUnusable("it holds no JSON object")
    try:
        return form.model_validate(found)
    except ValidationError as error:
        raise ModelAnswerUnusable(f"{error.error_count()} fields are missing or wrong") from None


def first_object(text: str) -> object:
    """Return the first JSON object in a text, whatever stands around it; `None` when it holds none."""
    start = text.find("{")
    while start >= 0:
        try:
            found: object = json.JSONDecoder().raw_decode(text, start)[0]
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
        else:
            return found
    return None


def fenced(text: str) -> str:
    """Keep outside text inside its fence: it cannot close the block it stands in."""
    return text.replace("```", "'''")


def _sources(state: GraphState) -> list[Citation]:
    """Number all that an answer may rest on, passages before results of tools; the quotes are whole."""
    found = [
        Citation(
            number=number,
            passage_id=hit.passage.passage_id,
            title=hit.passage.title,
            source=hit.passage.source,
            quote=hit.passage.text,
            sample=hit.passage.sample,
        )
        for number, hit in enumerate(state.passages or [], start=1)
    ]
    results = [result for result in state.tool_results or [] if result.error is None]
    for number, result in enumerate(results, start=len(found) + 1):
        name = f"tool:{result.tool}"
        title = f"Tool {result.tool}"
        found.append(Citation(number=number, passage_id=name, title=title, source=name, quote=result.text))
    return found


def _numbered(sources: Sequence[Citation]) -> str:
    return "\n\n".join(
        f"[{source.number}] {fenced(source.title)}\n{fenced(source.quote)}" for source in sources
    )


def _intent_lines(domain: Domain) -> list[str]:
    """Return each intent with what it means and its topics."""
    lines = []
    for name, spec in domain.intents.items():
        topics = f" (topics: {', '.join(spec.topics)})" if spec.topics else ""
        lines.append(f"- {name}: {spec.description}{topics}")
    return lines


def _example_lines(domain: Domain) -> list[str]:
    """Return the first examples of each label as question and JSON answer."""
    counts: dict[str, int] = {}
    lines: list[str] = []
    for text, step in domain.examples():
        counts[step.label] = counts.get(step.label, 0) + 1
        if counts[step.label] <= EXAMPLES_PER_LABEL:
            answer: dict[str, Any] = {"intent": step.intent, "topic": step.topic}
            lines.append(f"{text} -> {json.dumps(answer)}")
    return lines
