"""One turn: invoke the graph, form the reply, write the events."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Durability

from graph.build import most_steps
from graph.modelcalls import ModelCallRecorder
from graph.noderun import NodeFailed
from graph.remembering import remembering, session_memory_breaker
from graph.retries import RetryBudget
from graph.state import Channels, GraphContext, GraphState, Services
from graph.turnlog import TurnLog
from memory.breaker import Breaker
from memory.errors import StorageFailed
from memory.ports import EventSink
from memory.records import Guidance, GuidanceGiven, TurnFinished, TurnStarted
from memory.turns import StreamEvent, TurnReply, TurnRequest

TurnGraph = CompiledStateGraph[Channels, GraphContext, Channels, Channels]

TOKEN_WORDS = 8
"""Words a `token` event carries; they are sent once the text has passed the last guard."""


async def run_turn(
    graph: TurnGraph,
    services: Services,
    request: TurnRequest,
    *,
    user: str,
    turn: int,
    sink: EventSink,
    now: Callable[[], datetime],
    emit: Callable[[StreamEvent], None] | None = None,
    memory: Breaker | None = None,
    degraded: Sequence[str] = (),
) -> TurnReply:
    """Answer one request; whatever fails, there is a reply, and its events are durable before it leaves.

    `user` is the key of the verified user, `turn` counts from 1 within the session; `degraded` is what had
    to be replaced before the turn began.
    """
    log = TurnLog(
        session_id=request.session_id,
        request_id=request.request_id,
        tenant=request.tenant,
        domain=request.domain,
        user=user,
        turn=turn,
        release=services.release,
        now=now,
        redact=services.redact,
        emit=emit,
    )
    log.degraded.extend(degraded)
    log.send("start", {"session_id": request.session_id, "request_id": request.request_id, "turn": turn})
    log.add(TurnStarted, query=services.redact(request.query), request_id=request.request_id)
    limits = services.domain.limits
    context = GraphContext(
        services=services,
        skills=services.primary,
        session_id=request.session_id,
        tenant=request.tenant,
        user=user,
        turn=turn,
        raw_query=request.query,
        request_id=request.request_id,
        now=now,
        log=log,
        budget=RetryBudget(turn_s=limits.turn_s, retries=limits.retries),
    )
    state = await _invoke(graph, context, request, memory or session_memory_breaker())
    if repeated := _repeated(state, request, log):
        if repeated.turn == turn:  # a process ended between its checkpoint and the journal
            _record_end(state, repeated, context, request)
            return await _store(repeated, log, sink)
        return repeated
    reply = _form_reply(state, context, request, turn)
    _record_turn(state, reply, context, request)
    reply = await _store(reply, log, sink)
    _stream_reply(reply, log)
    return reply


async def _invoke(
    graph: TurnGraph, context: GraphContext, request: TurnRequest, memory: Breaker
) -> dict[str, Any]:
    """Run the graph within the turn's deadline; return the state, or as much of it as was reached."""
    services, log = context.services, context.log
    domain = services.domain
    config: RunnableConfig = {
        "configurable": {
            "thread_id": thread_id(request.tenant, context.user, request.session_id),
            "actor_id": context.user,  # AgentCore Memory keeps sessions by actor
        },
        # LangGraph takes a run id seen before on this thread as a resumption, so nothing is applied twice
        "metadata": {"run_id": request.request_id},
        "recursion_limit": most_steps(domain.judge.revise_at_most),
    }
    if services.primary is not services.local:
        config["callbacks"] = [ModelCallRecorder(log)]
    given = {"turn": GraphState(flow=request.flow)} if request.flow and context.turn == 1 else {"turn": None}

    async def run(graph: TurnGraph) -> dict[str, Any]:
        once: Durability | None = "exit" if graph.checkpointer else None
        end = await graph.ainvoke(cast(Any, given), config, context=context, durability=once)
        return vars(end["turn"]) if end.get("turn") else dict(end["session"])

    try:
        async with asyncio.timeout(domain.limits.turn_s):
            return await remembering(run, graph, log, memory)
    except TimeoutError:
        log.degraded.append("turn: timeout")
    except NodeFailed:
        log.degraded.append("turn: static reply")
    except Exception as failure:  # noqa: BLE001  a broken checkpoint or bug must not leave the user without a reply
        log.degraded.append(f"turn: {type(failure).__name__}")
    return log.reached


def thread_id(tenant: str, user: str, session_id: str) -> str:
    """Return the checkpointer's thread of a session: a digest, so that no one can name another's."""
    return hashlib.sha256(f"{tenant}\x00{user}\x00{session_id}".encode()).hexdigest()[:40]


def _repeated(state: dict[str, Any], request: TurnRequest, log: TurnLog) -> TurnReply | None:
    """Return the reply given before when no node ran: the request was answered, maybe by another process."""
    last = state.get("last_reply") or {}
    if len(log.events) > 1 or last.get("request_id") != request.request_id:
        return None
    return TurnReply.model_validate(
        {**last, "session_id": request.session_id, "domain": request.domain, "turn": last["turn"]}
    )


def _form_reply(state: dict[str, Any], context: GraphContext, request: TurnRequest, turn: int) -> TurnReply:
    """Put together what the client gets; without a reply in the state it is the domain's static one."""
    services, log = context.services, context.log
    analysis, draft, verdict = state.get("analysis"), state.get("draft"), state.get("verdict")
    text, kind = state.get("reply", ""), state.get("reply_kind", "answer")
    if not text:
        text, kind = services.domain.replies.static, "static"
    return TurnReply(
        session_id=request.session_id,
        request_id=request.request_id,
        domain=request.domain,
        turn=turn,
        reply=text,
        kind=kind,
        degraded=list(log.degraded),
        citations=draft.citations if draft and kind == "answer" else [],
        intent=analysis.intent if analysis else None,
        topic=analysis.topic if analysis else None,
        intent_confidence=analysis.intent_confidence if analysis else None,
        entities=analysis.entities if analysis else {},
        guidance=state.get("guidance") or Guidance(),
        hit=state.get("hit"),
        verdict=verdict.decision if verdict else None,
        score=verdict.score if verdict else None,
        skills=_skills(state),
        release=services.release,
        duration_ms=round(log.elapsed_ms(), 3),
    )


def _skills(state: dict[str, Any]) -> dict[str, str]:
    """Name the implementation of each skill that worked in this turn."""
    worked = {"classify": state.get("classified_by", "")}
    worked |= {"write": state["draft"].skill} if state.get("draft") else {}
    worked |= {"judge": state["verdict"].skill} if state.get("verdict") else {}
    return {skill: name for skill, name in worked.items() if name}


def _record_turn(
    state: dict[str, Any], reply: TurnReply, context: GraphContext, request: TurnRequest
) -> None:
    if reply.guidance.arm != "off":
        context.log.add(GuidanceGiven, guidance=reply.guidance)
    _record_end(state, reply, context, request)


def _record_end(state: dict[str, Any], reply: TurnReply, context: GraphContext, request: TurnRequest) -> None:
    redact = context.services.redact
    context.log.add(
        TurnFinished,
        request_id=request.request_id,
        query=state.get("query") or redact(request.query),
        response=redact(reply.reply),
        reply_kind=reply.kind,
        degraded=reply.degraded,
        intent=reply.intent or "none",
        topic=reply.topic,
        confidence=reply.intent_confidence or 0.0,
        label_source=reply.skills.get("classify", "none"),
        guidance=reply.guidance,
        withheld=state.get("withheld") or [],
        holdout_share=None if reply.guidance.arm == "off" else context.services.holdout_share,
        hit=reply.hit,
        verdict=reply.verdict,
        grade=state["verdict"].grade if state.get("verdict") else "unknown",
        cited=[citation.passage_id for citation in reply.citations],
        duration_ms=reply.duration_ms,
    )


async def _store(reply: TurnReply, log: TurnLog, sink: EventSink) -> TurnReply:
    """Journal the turn before the reply leaves; a full disk must not keep the answer from the user."""
    try:
        await sink.append(log.events)
    except StorageFailed as failure:
        degraded = [*reply.degraded, f"events: {failure.code}"]
        return reply.model_copy(update={"recorded": False, "degraded": degraded})
    return reply


def _stream_reply(reply: TurnReply, log: TurnLog) -> None:
    """Stream the text, the citations and the whole reply; nothing of it leaves before the last guard."""
    if not log.is_heard:
        return
    words = reply.reply.split(" ")
    for start in range(0, len(words), TOKEN_WORDS):
        piece = " ".join(words[start : start + TOKEN_WORDS])
        log.send("token", {"text": piece if start == 0 else f" {piece}"})
    for citation in reply.citations:
        log.send("citation", citation.model_dump(mode="json"))
    log.send("final", reply.model_dump(mode="json"))
