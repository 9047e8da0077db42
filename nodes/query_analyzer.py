"""Understands a message: intent, topic, entities, sentiment, complexity, clarity."""

import re
from typing import Literal

from domains.model import Domain
from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Analysis
from memory.text import WORD, terms

FOLLOW_UP = re.compile(
    r"^(?:and|what about|how about|also|same|then|ok(?:ay)?,? (?:and|then))\b", re.IGNORECASE
)
FOLLOW_UP_WORDS = 8
"""A longer message stands on its own."""

PERSON = re.compile(
    r"\b(?:talk|speak|chat|connect|transfer|escalate|hand)\b.{0,30}"
    r"\b(?:human|person|agent|someone|engineer|expert|representative|supervisor)\b"
    r"|\b(?:real|actual|live) (?:human|person|agent)\b",
    re.IGNORECASE,
)
NEGATIVE = frozenset(
    "angry annoyed awful bad broken disappointed fail failing fails frustrated frustrating hate horrible "
    "ridiculous stuck terrible unacceptable useless worse worst wrong".split()
)
POSITIVE = frozenset(
    "appreciate awesome excellent fixed glad good great helpful love nice perfect thank thanks works".split()
)
JOINED = re.compile(r"\b(?:and|or|but|if|when|while|unless|after)\b", re.IGNORECASE)
VAGUE = frozenset(
    terms("thing stuff problem issue something somehow help weird again broken wrong work happen bad")
)
"""Words that name no subject: a message of these alone is unclear."""

CLEAR_WORDS = 4
"""Words of substance from which a message is as clear as can be."""

LITTLE = 2
"""With more words of substance a message has a subject, whatever the classifier makes of it."""


async def query_analyzer(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Name the intent and what the message is about; say whether it is clear enough to go on."""
    domain = context.services.domain
    text = state.query
    if state.turns and _is_follow_up(text):
        text = f"{state.turns[-1]['query']} {text}"
    [guess] = await context.skills.classifier.classify([text])
    subject = [term for term in terms(text) if term not in VAGUE]
    analysis = guess.model_copy(
        update={
            "entities": _entities(domain, text),
            "sentiment": _sentiment(state.query),
            "complexity": _complexity(state.query),
            "clarity": min(1.0, len(subject) / CLEAR_WORDS),
            "asks_for_person": PERSON.search(state.query) is not None,
        }
    )
    return {
        "analysis": analysis,
        "is_unclear": _is_unclear(analysis, len(subject), domain),
        "classified_by": context.skills.classifier.identity,
    }


def _is_follow_up(text: str) -> bool:
    words = len(WORD.findall(text))
    return words <= FOLLOW_UP_WORDS and FOLLOW_UP.match(text) is not None


def _entities(domain: Domain, text: str) -> dict[str, str]:
    found = {kind: spec.find(text) for kind, spec in domain.entities.items()}
    return {kind: value for kind, value in found.items() if value is not None}


def _sentiment(text: str) -> Literal["negative", "neutral", "positive"]:
    words = {word.lower() for word in WORD.findall(text)}
    score = len(words & POSITIVE) - len(words & NEGATIVE) - text.count("!!")
    return "negative" if score < 0 else "positive" if score > 0 else "neutral"


def _complexity(text: str) -> float:
    """Grow with length, parts and conditions; 40 words with three parts are as complex as it gets."""
    words = len(WORD.findall(text))
    parts = text.count("?") + len(JOINED.findall(text))
    return min(1.0, words / 80 + parts / 6)


def _is_unclear(analysis: Analysis, subject: int, domain: Domain) -> bool:
    """Unclear: nothing to go by, or little to go by and the intent in doubt."""
    if analysis.asks_for_person or subject == 0:
        return True
    if analysis.entities or subject > LITTLE:
        return False
    clarify = domain.clarify
    return analysis.intent_confidence < clarify.min_confidence or analysis.margin < clarify.min_margin
