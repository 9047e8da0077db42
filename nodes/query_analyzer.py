"""Understands a message: intent, topic, things, dates, amounts, key phrases, mood, complexity, clarity."""

import re
from datetime import date
from typing import Literal

from domains.amounts import find_amounts
from domains.dates import find_dates
from domains.keyphrases import key_phrases
from domains.model import Domain
from domains.sentiment import mood_of
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
JOINED = re.compile(r"\b(?:and|or|but|if|when|while|unless|after)\b", re.IGNORECASE)
VAGUE = frozenset(
    terms(
        "thing stuff item part problem issue trouble matter case error fault something somehow everything "
        "anything nothing someone help assist support need want wish try check look fix solve answer explain "
        "tell know understand idea question info information detail advice more work happen fail break "
        "broken broke slow wrong bad odd weird strange confusing good okay fine normal usual same again new "
        "now today yesterday tomorrow morning side number value result hello hi hey thanks please urgent "
        "urgently asap quick quickly soon make"
    )
)
"""Words that name no subject: a message of these alone is unclear."""

QUESTION = re.compile(r"\b(?:how|why|when|where|which|who|reason|cause|what(?! about))\b", re.IGNORECASE)
"""What asks for something in particular; "what about" and "can you" do not."""

READINGS = (("1", "one", "first"), ("2", "two", "second"), ("3", "three", "third"))
"""How the readings are called that a clarifying question offers, in their order."""

PICK = re.compile(
    rf"\W*(?:(?:the|option|number|reading)\W+)*({'|'.join(name for names in READINGS for name in names)})"
    r"(?:\W+(?:one|option|please))*\W*",
    re.IGNORECASE,
)
"""An answer that picks a reading: `1`, `option 2`, `The second one, please`."""

OF_READINGS = frozenset(
    "the option number reading one two three first second third last please or and both either neither none "
    "no not yes any all of these those them it is".split()
)
"""A message of these words and numbers alone speaks of the readings, and of nothing else."""

CLEAR_WORDS = 4
"""Words of substance from which a message is as clear as can be."""

LITTLE = 2
"""With more words of substance a message has a subject, whatever the classifier makes of it."""

FOREIGN = 0.5
"""Probability of being none of the intents from which a message is taken for foreign."""

Doubt = Literal["nothing", "wish", "intent"]
"""Why a message is unclear: it names nothing; it names a thing and not what is wanted of it; two intents are
about as likely."""


async def query_analyzer(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Name the intent and what the message is about; say whether it is clear enough to go on."""
    domain = context.services.domain
    before = state.turns[-1]["query"] if state.turns else ""
    was_asked = bool(before and state.offered)
    update: GraphUpdate = {"classified_by": context.skills.classifier.identity}
    if was_asked and _is_of_readings(state.query):
        picked = _picked(state, domain)
        update["query"] = text = f"{before} ({domain.intents[picked].description})" if picked else before
        analysis = await _analyze(text, picked, state, context)
        return update | {"analysis": analysis, "is_unclear": picked is None}
    text = f"{before} {state.query}" if before and _is_follow_up(state.query) else state.query
    analysis = await _analyze(text, None, state, context)
    is_unclear = find_doubt(analysis, text, domain) is not None
    if is_unclear and was_asked and not analysis.asks_for_person:
        update["query"] = text = f"{before} {state.query}"
        analysis = await _analyze(text, None, state, context)
        is_unclear = find_doubt(analysis, text, domain) is not None
    return update | {"analysis": analysis, "is_unclear": is_unclear or analysis.asks_for_person}


async def _analyze(text: str, picked: str | None, state: GraphState, context: GraphContext) -> Analysis:
    [guess] = await context.skills.classifier.classify([text])
    today = context.now().date()
    return understand(_as_picked(guess, picked), state.query, text, context.services.domain, today)


def _is_of_readings(text: str) -> bool:
    words = WORD.findall(text.lower())
    return bool(words) and all(word.isdigit() or word in OF_READINGS for word in words)


def _picked(state: GraphState, domain: Domain) -> str | None:
    """Return the intent that the message picks from those that the last turn offered."""
    found = PICK.fullmatch(state.query)
    known = [intent for intent in state.offered if intent in domain.intents]
    names = {name: intent for intent, called in zip(known, READINGS, strict=False) for name in called}
    return names.get(found[1].lower()) if found else None


def _as_picked(guess: Analysis, picked: str | None) -> Analysis:
    """Let what the user picked stand, in place of what the classifier made of it."""
    if picked is None:
        return guess
    sure = {"intent": picked, "intent_confidence": 1.0, "runner_up": None, "margin": 1.0, "outside": 0.0}
    if guess.intent != picked:
        sure |= {"topic": None, "topic_confidence": 0.0}
    return guess.model_copy(update=sure)


def understand(guess: Analysis, query: str, text: str, domain: Domain, today: date) -> Analysis:
    """Complete what the classifier said of `text`, which is the `query` with what it follows."""
    dates, undated = find_dates(text, today)
    return guess.model_copy(
        update={
            "entities": _entities(domain, text),
            "dates": dates,
            "amounts": find_amounts(undated),
            "key_phrases": key_phrases(text, VAGUE),
            "sentiment": mood_of(query),
            "complexity": _complexity(query),
            "clarity": min(1.0, sum(_substance(text, domain)) / CLEAR_WORDS),
            "asks_for_person": PERSON.search(query) is not None,
        }
    )


def _is_follow_up(text: str) -> bool:
    words = len(WORD.findall(text))
    return words <= FOLLOW_UP_WORDS and FOLLOW_UP.match(text) is not None


def _entities(domain: Domain, text: str) -> dict[str, str]:
    found = {kind: spec.find(text) for kind, spec in domain.entities.items()}
    return {kind: value for kind, value in found.items() if value is not None}


def _complexity(text: str) -> float:
    """Grow with length, parts and conditions; 40 words with three parts are as complex as it gets."""
    words = len(WORD.findall(text))
    parts = text.count("?") + len(JOINED.findall(text))
    return min(1.0, words / 80 + parts / 6)


def _substance(text: str, domain: Domain) -> tuple[int, int]:
    """Return how many things a message names, and how many words say something about them (counts).

    What the title of the domain names is a thing too: all messages are about it, so alone it says nothing.
    """
    rest, things = text, 0
    for spec in domain.entities.values():
        rest, found = spec.blank(rest)
        things += found
    title = set(terms(domain.title))
    said = [term for term in terms(rest) if term not in VAGUE]
    return things + sum(term in title for term in said), sum(term not in title for term in said)


def find_doubt(analysis: Analysis, text: str, domain: Domain) -> Doubt | None:
    """Say why a message cannot be answered yet; `None` when it can.

    One can be answered that names a thing and says something about it, or that says enough without one; and
    one that the domain gives as an example.
    """
    if domain.is_example(text):
        return None
    things, words = _substance(text, domain)
    if things + words == 0:
        return "nothing"
    clarify = domain.clarify
    unsure = analysis.intent_confidence < clarify.min_confidence or analysis.margin < clarify.min_margin
    if things + words == 1 or words == 0:
        asks = things > 1 or QUESTION.search(text)
        return "wish" if unsure or not asks else None
    if things or words > LITTLE or analysis.outside > FOREIGN:  # what is foreign is refused, not asked about
        return None
    return "intent" if unsure else None
