"""Writes the answer."""

from graph.state import GraphContext, GraphState, GraphUpdate


async def generator(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Let the writer draft from passages and tool results; a later try heeds the judge's feedback."""
    draft = await context.skills.writer.write(state, context.services.domain)
    return {"draft": draft, "tries": state.tries + 1}
