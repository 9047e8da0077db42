"""Brings together what is known: passages, similar solved cases, the user."""

from graph.state import GraphContext, GraphState, GraphUpdate

PASSAGES = 6
"""Passages handed to the writer; answers cite three at most, and more only add noise."""

CASES = 2


async def retriever(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Search the knowledge and look up solved flows that contain this step."""
    services = context.services
    label = state.analysis.step.label if state.analysis else ""
    found: GraphUpdate = {
        "passages": await services.knowledge.search(state.search_query, k=PASSAGES),
        "cases": services.cases.get(label, [])[:CASES],
        "has_tools": bool(services.tools),
    }
    if services.profiles is not None:
        found["profile"] = await services.profiles.get(context.user)
    return found
