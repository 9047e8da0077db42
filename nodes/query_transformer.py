"""Predictive guidance: what is likely to be asked next, and what to look for now."""

import asyncio
import hashlib
import math
import re
import time
from collections.abc import Sequence

from domains.model import Domain
from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Analysis, Arm, Guidance, Suggestion, parse_step
from memory.text import terms

SUGGESTIONS = 3
SURE = 0.5
"""Topic confidence from which the topic's words go into the search."""

WORTH_SAYING = 0.05
"""Chance from which a second or third step is suggested beside the likeliest."""

POINTING = re.compile(
    r"\b(?:it|its|this|that|these|those|them|they|there|here|one|ones|else|more|so|"
    r"then|now|next|after|afterwards|again|still|done)\b",
    re.IGNORECASE,
)
"""Words that point at something said before."""

FEW_WORDS, POINTING_WORDS = 1, 3
"""Words of substance up to which a message leans on its session; with a pointing word it may have more."""

SURE_STEP = 0.4
"""Chance from which an expected step leads the search; 0.3 and 0.5 found as much in both domains."""

STEP_QUESTIONS = 5
"""Example questions that stand for a step in the search: 3 found less,
8 no more in twice the time."""

SUBJECT_TIMES = 2
"""How often the turn before is said beside those questions, so that they do not drown the subject."""


async def query_transformer(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Match the flow so far with the patterns, within a time budget, and write the retrieval query.

    A follow-up that leans on its session is searched with the step that the patterns expect; one that was
    unclear is understood by it, or stays unclear.
    """
    arm, leans = _arm(context), _leans_on_session(state, context.services.domain)
    guidance = Guidance() if arm == "off" else await _guide(state, context, leans)
    if arm == "holdout":
        return _withhold(state, context, guidance, leans)
    if not state.is_unclear:
        query = _search_query(state, context.services.domain, guidance.led_by, leans)
        return {"guidance": guidance, "hit": _hit(state), "search_query": query}
    if guidance.led_by is None:
        return {"guidance": guidance}
    return {
        "guidance": guidance,
        "hit": None,  # the step is named by the patterns: to count it as their hit would prove nothing
        "is_unclear": False,
        "analysis": _understood(state, guidance.led_by),
        "classified_by": f"guidance:{guidance.led_by.pattern_id}",
        "search_query": _search_query(state, context.services.domain, guidance.led_by, leans),
    }


def _withhold(state: GraphState, context: GraphContext, guidance: Guidance, leans: bool) -> GraphUpdate:
    """Go on as if there were no patterns, and note what they would have said, to compare like with like."""
    found: GraphUpdate = {
        "guidance": guidance.model_copy(update={"arm": "holdout", "suggestions": [], "led_by": None}),
        "withheld": guidance.suggestions,
    }
    if not state.is_unclear:
        found["hit"] = _hit(state)
        found["search_query"] = _search_query(state, context.services.domain, None, leans)
    return found


def _arm(context: GraphContext) -> Arm:
    """Draw the session's arm from its id, so that it is the same in every turn."""
    services = context.services
    if services.patterns is None:
        return "off"
    digest = hashlib.sha256(f"holdout:{context.tenant}:{context.session_id}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return "holdout" if share < services.holdout_share else "guided"


async def _guide(state: GraphState, context: GraphContext, leans: bool) -> Guidance:
    """Say what is likely next and, for a message that leans on its session, which step it is itself."""
    services = context.services
    release, start = services.release, time.perf_counter()
    try:
        async with asyncio.timeout(services.domain.limits.guidance_ms / 1000):
            led_by = await _expected(state, context) if leans else None
            suggestions = await _match(state, context, led_by)
    except TimeoutError:
        return Guidance(arm="guided", release=release, duration_ms=_since_ms(start), over_budget=True)
    return Guidance(
        suggestions=suggestions, arm="guided", release=release, duration_ms=_since_ms(start), led_by=led_by
    )


async def _match(state: GraphState, context: GraphContext, led_by: Suggestion | None) -> list[Suggestion]:
    """Match the flow with this turn's step at its end: as named, or as expected when it was unclear."""
    patterns, analysis = context.services.patterns, state.analysis
    assert patterns is not None and analysis is not None
    if state.is_unclear and led_by is None:
        return []
    step = led_by.label if state.is_unclear and led_by else analysis.step.label
    past = [turn for turn in state.turns if turn["label"]]
    match = await patterns.match(
        [*state.flow, step],
        user=context.user,
        texts=[*(turn["query"] for turn in past), state.query],
        times=[*(turn["at"] for turn in past), context.now().timestamp()],
        k=SUGGESTIONS,
    )
    first, others = match.suggestions[:1], match.suggestions[1:]
    return [*first, *(one for one in others if one.confidence >= WORTH_SAYING)]


# --- messages that lean on their session -----------------------------------------------------------


def _leans_on_session(state: GraphState, domain: Domain) -> bool:
    """True when the message names nothing itself and something was asked before."""
    if not state.turns or not state.flow or any(spec.find(state.query) for spec in domain.entities.values()):
        return False
    words = len(set(terms(state.query)))
    return words <= FEW_WORDS or (words <= POINTING_WORDS and POINTING.search(state.query) is not None)


async def _expected(state: GraphState, context: GraphContext) -> Suggestion | None:
    """Return the step that this turn most likely is, by the flow before it and the words; `None` in doubt."""
    patterns, analysis = context.services.patterns, state.analysis
    assert patterns is not None and analysis is not None
    if analysis.asks_for_person:
        return None
    past = [turn for turn in state.turns if turn["label"]]
    match = await patterns.match(
        state.flow,
        user=context.user,
        texts=[turn["query"] for turn in past],
        times=[turn["at"] for turn in past],
        k=SUGGESTIONS,
    )
    weighed = _weighed(match.suggestions, analysis, len(context.services.domain.intents))
    best = max(weighed, key=lambda step: step.confidence, default=None)
    return best if best is not None and best.confidence >= SURE_STEP else None


def _weighed(expected: Sequence[Suggestion], analysis: Analysis, intents: int) -> list[Suggestion]:
    """Weigh each expected step by how well its intent goes with the words (Bayes' rule).

    What the words say is spread evenly over the other intents as far as they are in doubt; the chance that
    none of the steps comes is weighed as a step of a middling intent.
    """
    said = max(analysis.intent_confidence, 1 / intents)
    other = (1 - said) / max(intents - 1, 1)
    chances = [
        step.confidence * (said if parse_step(step.label).intent == analysis.intent else other)
        for step in expected
    ]
    none = max(0.0, 1 - sum(step.confidence for step in expected)) / intents
    total = sum(chances) + none
    return [
        step.model_copy(update={"confidence": round(chance / total, 4) if total else 0.0})
        for step, chance in zip(expected, chances, strict=True)
    ]


def _understood(state: GraphState, led_by: Suggestion) -> Analysis:
    """Return the analysis with the expected step in the place of the one that was in doubt."""
    assert state.analysis is not None
    step = parse_step(led_by.label)
    named = {"intent": step.intent, "topic": step.topic, "intent_confidence": led_by.confidence}
    return state.analysis.model_copy(update=named)


# --- what to look for ------------------------------------------------------------------------------


def _search_query(state: GraphState, domain: Domain, led_by: Suggestion | None, leans: bool) -> str:
    """Add to the question what it leaves unsaid: its topic, things named before, the turn it follows up.

    A message that leans on its session says nothing of its topic: the turn before it does, and the questions
    that the domain knows for the expected step.
    """
    analysis = state.analysis
    assert analysis is not None, "query_analyzer runs first"
    if leans:
        before = state.turns[-1]["query"]
        if led_by is None:
            return f"{state.query} {before}"
        asked = _questions(led_by.label, f"{state.query} {before}", domain)
        return " ".join([state.query, *[before] * SUBJECT_TIMES, *asked])
    words = [state.query]
    if analysis.topic and analysis.topic_confidence >= SURE:
        words.append(analysis.topic.replace("_", " "))
    words.extend(value for value in analysis.entities.values() if value.lower() not in state.query.lower())
    if state.turns and len(state.query.split()) <= 6 and not analysis.entities:
        words.append(state.turns[-1]["query"])
    return " ".join(words)


def _questions(label: str, said: str, domain: Domain) -> list[str]:
    """Return the example questions of a step that share most with what was said, best first."""
    step, words = parse_step(label), set(terms(said))
    spec = domain.intents.get(step.intent)
    if spec is None:
        return []
    questions = spec.topics.get(step.topic, []) if step.topic else spec.examples
    return sorted(questions, key=lambda question: -_share(set(terms(question)), words))[:STEP_QUESTIONS]


def _share(words: set[str], of: set[str]) -> float:
    return len(words & of) / math.sqrt(1 + len(words))


# --- small things ----------------------------------------------------------------------------------


def _hit(state: GraphState) -> bool | None:
    """Say whether the last turn's guidance named what is asked now."""
    if not state.suggested or state.analysis is None:
        return None
    return state.analysis.step.label in state.suggested


def _since_ms(start: float) -> float:
    return (time.perf_counter() - start) * 1000
