"""Asks back once, or brings in a person."""

from domains.model import Domain
from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Analysis
from memory.text import clip


async def clarifier(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Offer the likely readings as one question; after too many of these, or on request, escalate."""
    domain = context.services.domain
    analysis = state.analysis
    assert analysis is not None, "query_analyzer runs first"
    if analysis.asks_for_person or state.unclear_turns >= domain.clarify.unclear_at_most:
        return {"reply": f"{domain.replies.escalation}\n\n{_summary(state)}", "reply_kind": "escalation"}
    readings = _readings(analysis, domain)
    return {"reply": _question(readings, domain), "reply_kind": "clarification", "offered": readings}


def _readings(analysis: Analysis, domain: Domain) -> list[str]:
    """Return the intents that the message most likely means, best first."""
    likely = [name for name in (analysis.intent, analysis.runner_up) if name in domain.intents]
    return likely or list(domain.intents)[:2]


def _question(readings: list[str], domain: Domain) -> str:
    offered = "\n".join(
        f"{n}. {domain.intents[name].description}" for n, name in enumerate(readings, start=1)
    )
    subject = ", ".join(domain.entities) or "product, part or error message"
    return (
        f"I am not sure what you need. Which of these is it?\n{offered}\n"
        f"Answer with its number, or name the {subject.replace('_', ' ')}, and what you see."
    )


def _summary(state: GraphState) -> str:
    asked = [turn["query"] for turn in state.turns[-3:]] + [state.query]
    return "So far you asked: " + "; ".join(f"“{clip(text, 160)}”" for text in dict.fromkeys(asked))
