"""Brings together what is known: passages, similar solved cases, the user."""

from graph.state import GraphContext, GraphState, GraphUpdate, Quarantined
from memory.errors import StorageFailed
from memory.guard import QUARANTINE_AT, check_passage

PASSAGES = 6
"""Passages handed to the writer; answers cite three at most, and more only add noise."""

CASES = 2


async def retriever(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Search the knowledge and look up solved flows that contain this step.

    A passage that gives orders is left out and noted by its id; the turn goes on with the others.
    """
    services = context.services
    label = state.analysis.step.label if state.analysis else ""
    hits = await services.knowledge.search(state.search_query, k=PASSAGES)
    doubts = {
        hit.passage.passage_id: check_passage(f"{hit.passage.title}\n{hit.passage.text}") for hit in hits
    }
    bad = {name: doubt for name, doubt in doubts.items() if doubt.score >= QUARANTINE_AT}
    if "prompt_injection" in services.domain.guards.off:
        bad = {}
    found: GraphUpdate = {
        "passages": [hit for hit in hits if hit.passage.passage_id not in bad],
        "quarantined": [
            Quarantined(source=name, signs=list(doubt.signs), score=round(doubt.score, 3))
            for name, doubt in bad.items()
        ],
        "cases": services.cases.get(label, [])[:CASES],
        "has_tools": bool(services.tools),
    }
    if services.profiles is not None:
        try:
            found["profile"] = await services.profiles.get(context.user)
        except StorageFailed as failed:  # the passages are worth more than what is known of the user
            context.log.degraded.append(f"profile: {failed.code}")
    return found
