"""One node run: deadline, retries, other models and the local skill as fallback, and the record of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.retries import behind, is_timeout, is_transient
from graph.state import KEPT, Channels, GraphContext, GraphState, GraphUpdate, NodeName, Skills
from memory.breaker import Breaker, ServiceUnavailable
from memory.records import Attempt, NodeFinished

Node = Callable[[GraphState, GraphContext], Awaitable[GraphUpdate]]
Route = Callable[[GraphState], str]

DISPENSABLE: frozenset[NodeName] = frozenset(
    {"query_transformer", "retriever", "task_planner", "tool_runner", "memory_updater"}
)
"""A turn goes on without these; the others stop or judge what may not pass unseen, or hold the answer."""


SKILLED: frozenset[NodeName] = frozenset({"query_analyzer", "generator", "judge"})
"""Nodes that use the skills; to try another set is of no use to the others."""


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
    """Try each set of skills in turn; notes each attempt and returns `None` when all failed."""
    budget, limits = context.budget, context.services.domain.limits
    limit_s = limits.nodes.get(name, limits.node_s)
    sets = _sets(name, context)
    for (role, skills), (_, follower) in zip(sets, [*sets[1:], ("", None)], strict=True):
        trying = context if skills is context.skills else replace(context, skills=skills)
        run, breaker = partial(node, state, trying), skills.breaker if name in SKILLED else None
        while True:
            within_s = budget.attempt_s(limit_s) if follower else limit_s
            update, failure = await _try(role, run, breaker, within_s, attempts)
            if failure is None:
                return update
            again = follower and is_transient(failure) and not is_timeout(failure)
            if not (again and await budget.retry()):
                break
        if follower is not None:
            context.log.degraded.append(f"{name}: {kind_of(failure)}, {follower.name}")
            if is_transient(failure) or isinstance(failure, ServiceUnavailable):
                budget.give_up(skills.name)
    return None


def _sets(name: NodeName, context: GraphContext) -> list[tuple[str, Skills]]:
    """Return the sets of skills to try, best first, each with its part; the last one is never left out."""
    services = context.services
    if services.local is services.primary or name not in SKILLED:
        return [("primary", services.primary)]
    models = [("primary", services.primary), *(("fallback", skills) for skills in services.fallbacks)]
    asked = [(role, skills) for role, skills in models if not context.budget.has_given_up(skills.name)]
    return [*asked, ("local", services.local)]


async def _try(
    role: str,
    run: Callable[[], Awaitable[GraphUpdate]],
    breaker: Breaker | None,
    within_s: float,
    attempts: list[Attempt],
) -> tuple[GraphUpdate, Exception | None]:
    """Run a node once and note the attempt; return what it changed, or why it failed."""
    start = time.perf_counter()
    error: str | None = "cancelled"
    try:
        async with asyncio.timeout(within_s):
            update = await behind(breaker, run)
        error = None
    except Exception as failure:  # noqa: BLE001  whatever a skill does, the turn must end in a reply
        error = kind_of(failure)
        return {}, failure
    else:
        return update, None
    finally:
        duration_ms = round((time.perf_counter() - start) * 1000, 3)
        attempts.append(Attempt(skill=role, duration_ms=duration_ms, error=error))


def kind_of(failure: Exception) -> str:
    """Name the failure without its text, which may hold what must not be stored."""
    if is_timeout(failure):
        return "timeout"
    if isinstance(failure, ServiceUnavailable):
        return "left alone after failures"
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
