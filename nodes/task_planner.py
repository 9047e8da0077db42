"""Decides which tools a question needs."""

from typing import Any

from graph.state import GraphContext, GraphState, GraphUpdate

TASKS = 4
"""Tool calls a turn may make."""


async def task_planner(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Ask each tool whether the question is for it; none is a fine answer."""
    entities = state.analysis.entities if state.analysis else {}
    tasks: list[dict[str, Any]] = []
    for tool in context.services.tools.values():
        arguments = tool.plan(state.query, entities) if tool.plan else None
        if arguments is not None:
            tasks.append({"tool": tool.name, "arguments": arguments})
    return {"tasks": tasks[:TASKS]}
