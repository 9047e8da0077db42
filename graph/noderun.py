"""One node run: deadline, attempts, the local skill as fallback, and the record of it all."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.state import KEPT, Channels, GraphContext, GraphState, GraphUpdate, NodeName
from memory.records import Attempt, NodeFinished

Node = Callable[[GraphState, GraphContext], Awaitable[GraphUpdate]]
Route = Callable[[GraphState], str]

DISPENSABLE: frozenset[NodeName] = frozenset(
    {"query_transformer", "retriever", "task_planner", "tool_runner", "memory_updater"}
)
"""A turn goes on without these; the others stop or judge what may not pass unseen, or hold the answer."""


class NodeFailed(Exception):
    """Every attempt at a node failed; the turn ends with the static reply."""

    def __init__(self, node: NodeName, reason: str) -> None:
        super().__init__(f"{node}: {reason}")


def as_run(name: NodeName, node: Node, route: Route) -> Callable[..., Awaitable[Command[str]]]:
    """Return `node` in the form that LangGraph calls, with attempts and record around it."""

    async def run(channels: Channels, runtime: Runtime[GraphContext]) -> Command[str]:
        context = runtime.context
        state = channels.turn or GraphState(**channels.session)
        update = await _recorded(name, node, state, context)
        state = replace(state, **update)
        changed: dict[str, Any] = {"turn": state}
        if not update.keys().isdisjoint(KEPT):
            changed["session"] = {field: getattr(state, field) for field in KEPT}
        return Command(update=changed, goto=route(state))

    return run


async def _recorded(name: NodeName, node: Node, state: GraphState, context: GraphContext) -> GraphUpdate:
    """Run a node and note the run; a dispensable node that failed changes nothing."""
    log = context.log
    number, start_ms = log.next_run(name), log.elapsed_ms()
    attempts: list[Attempt] = []
    update = await _attempt(name, node, state, context, attempts)
    duration_ms = log.elapsed_ms() - start_ms
    log.add(
        NodeFinished,
        node=name,
        run=number,
        start_ms=round(start_ms, 3),
        duration_ms=round(duration_ms, 3),
        attempts=attempts,
        changed=log.summarize(update or {}),
    )
    _tell(name, number, duration_ms, attempts, update or {}, context)
    if update is not None:
        log.reached.update(update)
        return update
    reason = attempts[-1].error or "failed"
    log.degraded.append(f"{name}: {reason}")
    if name in DISPENSABLE:
        return {}
    raise NodeFailed(name, reason)


async def _attempt(
    name: NodeName, node: Node, state: GraphState, context: GraphContext, attempts: list[Attempt]
) -> GraphUpdate | None:
    """Try the primary skills, then the local ones; notes each attempt and returns `None` when all failed."""
    services = context.services
    limit_s = services.domain.limits.nodes.get(name, services.domain.limits.node_s)
    tries = [("primary", services.primary)]
    if services.local is not services.primary:
        tries.append(("local", services.local))
    for skill, skills in tries:
        if skills is not context.skills:
            context = replace(context, skills=skills)
        start = time.perf_counter()
        error: str | None = None
        try:
            async with asyncio.timeout(limit_s):
                return await node(state, context)
        except TimeoutError:
            error = "timeout"
        except Exception as failure:  # noqa: BLE001  whatever a skill does, the turn must end in a reply
            error = _kind(failure)
        finally:
            duration_ms = round((time.perf_counter() - start) * 1000, 3)
            attempts.append(Attempt(skill=skill, duration_ms=duration_ms, error=error))
        if skill == "primary" and len(tries) > 1:
            context.log.degraded.append(f"{name}: {error}, local skill")
    return None


def _kind(failure: Exception) -> str:
    """Name the failure without its text, which may hold what must not be stored."""
    response: Any = getattr(failure, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", type(failure).__name__))[:60]
    return getattr(failure, "code", None) or type(failure).__name__


def _tell(
    name: NodeName,
    run: int,
    duration_ms: float,
    attempts: list[Attempt],
    update: GraphUpdate,
    context: GraphContext,
) -> None:
    """Stream what a client may see of this run."""
    log = context.log
    if not log.is_heard:
        return
    log.send(
        "node",
        {"node": name, "run": run, "duration_ms": round(duration_ms, 3), "attempts": len(attempts)},
    )
    if "guidance" in update:
        log.send("guidance", update["guidance"].model_dump(mode="json"))
    if "verdict" in update:
        verdict = update["verdict"]
        log.send("verdict", {"decision": verdict.decision, "score": verdict.score})
