"""A turn with the session's memory, or without it while the checkpointer is down."""

from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from graph.noderun import NodeFailed, kind_of
from graph.signing import SignedSaver
from graph.state import Channels, GraphContext
from graph.turnlog import TurnLog
from memory.breaker import Breaker, ServiceUnavailable
from memory.records import NodeFinished

Graph = CompiledStateGraph[Channels, GraphContext, Channels, Channels]

LONGEST_TURN_S = 3600.0
"""Longer than any turn may take (seconds): deadlines are the turn's own, the breaker only counts failures."""


class SessionMemoryFailed(Exception):
    """The checkpointer could not read or write; the cause says why."""


def session_memory_breaker() -> Breaker:
    """Return what leaves the checkpointer alone for a while after failures in a row; one a process."""
    return Breaker("Session memory", budget_s=LONGEST_TURN_S, failures=(SessionMemoryFailed,))


async def remembering(
    run: Callable[[Graph], Awaitable[dict[str, Any]]], graph: Graph, log: TurnLog, breaker: Breaker
) -> dict[str, Any]:
    """Return the state in which `run` leaves the graph.

    A session that cannot be read, or was not written here, is answered as if it began; one that cannot be
    written gets its answer too.
    """
    if isinstance(graph.checkpointer, SignedSaver):
        watched = graph.checkpointer.telling(lambda: log.degraded.append("session memory: refused"))
        graph = graph.copy(update={"checkpointer": watched})

    async def attempt() -> dict[str, Any]:
        try:
            return await run(graph)
        except NodeFailed:
            raise
        except Exception as failure:
            # nodes keep their failures to themselves: what fails before or behind them is the checkpointer
            nodes = [event.node for event in log.events if isinstance(event, NodeFinished)]
            if not nodes or nodes[-1] == "memory_updater":
                raise SessionMemoryFailed from failure
            raise

    try:
        return await breaker.call(attempt)
    except ServiceUnavailable as refusal:
        cause = refusal.__cause__
        failure = cause.__cause__ if isinstance(cause, SessionMemoryFailed) else None
        reason = kind_of(failure) if isinstance(failure, Exception) else kind_of(refusal)
        log.degraded.append(f"session memory: {reason}")
    if log.reached:
        return log.reached  # the turn is over, only not remembered
    return await run(graph.copy(update={"checkpointer": None}))
