"""Runs the planned tools at once."""

import asyncio
import time
from typing import Any

from graph.state import GraphContext, GraphState, GraphUpdate, Quarantined
from memory.guard import QUARANTINE_AT, check_passage
from memory.records import ToolCalled
from memory.text import clip
from tools.catalog import ToolFailed, ToolResult

TOOL_S = 5.0
"""Longest run of one tool (seconds)."""

RESULT_CHARACTERS = 2000
"""Longest result that is handed on."""

QUARANTINED = "the result gave orders to the assistant and was left out"


async def tool_runner(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Call every planned tool; one that fails is noted and the turn goes on without it."""
    results = await asyncio.gather(*(_call(task, context) for task in state.tasks or []))
    checked = [_checked(result, context) for result in results]
    notes = [note for _, note in checked if note is not None]
    update: GraphUpdate = {"tool_results": [result for result, _ in checked]}
    return {**update, "quarantined": [*state.quarantined, *notes]} if notes else update


def _checked(result: ToolResult, context: GraphContext) -> tuple[ToolResult, Quarantined | None]:
    """Keep a result that gives orders out of the prompt, and note it."""
    doubt = check_passage(result.text)
    if doubt.score < QUARANTINE_AT or "prompt_injection" in context.services.domain.guards.off:
        return result, None
    kept_out = result.model_copy(update={"text": "", "error": QUARANTINED})
    source = f"tool:{result.tool}"
    return kept_out, Quarantined(source=source, signs=list(doubt.signs), score=round(doubt.score, 3))


async def _call(task: dict[str, Any], context: GraphContext) -> ToolResult:
    name, arguments = task["tool"], task["arguments"]
    start = time.perf_counter()
    text, error = "", None
    try:
        async with asyncio.timeout(TOOL_S):
            text = await context.services.tools[name].run(arguments)
    except ToolFailed as failure:
        error = str(failure)
    except TimeoutError:
        error = f"no answer within {TOOL_S:g} s"
    except Exception as failure:  # noqa: BLE001  whatever a tool does, the others' results are kept
        error = type(failure).__name__
    duration_ms = (time.perf_counter() - start) * 1000
    context.log.add(ToolCalled, tool=name, duration_ms=duration_ms, error=error)
    if error is not None:
        context.log.degraded.append(f"tool_runner: {name} failed")
    clean = clip(context.services.redact(text), RESULT_CHARACTERS)  # a cut could hide half a secret
    return ToolResult(tool=name, arguments=arguments, text=clean, error=error)
