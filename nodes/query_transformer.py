"""Predictive guidance: what is likely to be asked next, and what to look for now."""

import asyncio
import hashlib
import time

from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Arm, Guidance

SUGGESTIONS = 3
SURE = 0.5
"""Topic confidence from which the topic's words go into the search."""


async def query_transformer(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Match the flow so far with the patterns, within a time budget, and write the retrieval query."""
    arm = _arm(context)
    guidance = await _match(state, context) if arm == "guided" else Guidance(arm=arm)
    return {"guidance": guidance, "hit": _hit(state), "search_query": _search_query(state)}


def _arm(context: GraphContext) -> Arm:
    """Draw the session's arm from its id, so that it is the same in every turn."""
    services = context.services
    if services.patterns is None:
        return "off"
    digest = hashlib.sha256(f"holdout:{context.tenant}:{context.session_id}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return "holdout" if share < services.holdout_share else "guided"


async def _match(state: GraphState, context: GraphContext) -> Guidance:
    services = context.services
    assert services.patterns is not None and state.analysis is not None
    flow = [*state.flow, state.analysis.step.label]
    start = time.perf_counter()
    try:
        async with asyncio.timeout(services.domain.limits.guidance_ms / 1000):
            match = await services.patterns.match(flow, user=context.user, k=SUGGESTIONS)
    except TimeoutError:
        return Guidance(
            arm="guided", release=services.release, duration_ms=_since_ms(start), over_budget=True
        )
    return Guidance(
        suggestions=match.suggestions,
        arm="guided",
        release=services.release,
        duration_ms=_since_ms(start),
    )


def _hit(state: GraphState) -> bool | None:
    """Say whether the last turn's guidance named what is asked now."""
    if not state.suggested or state.analysis is None:
        return None
    return state.analysis.step.label in state.suggested


def _since_ms(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _search_query(state: GraphState) -> str:
    """Add to the question what it leaves unsaid: its topic, things named before, the turn it follows up."""
    analysis = state.analysis
    assert analysis is not None, "query_analyzer runs first"
    words = [state.query]
    if analysis.topic and analysis.topic_confidence >= SURE:
        words.append(analysis.topic.replace("_", " "))
    words.extend(value for value in analysis.entities.values() if value.lower() not in state.query.lower())
    if state.turns and len(state.query.split()) <= 6 and not analysis.entities:
        words.append(state.turns[-1]["query"])
    return " ".join(words)
