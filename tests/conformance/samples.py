"""Records for the suites: complete, small and made from their arguments alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

from memory.ids import make_event_id
from memory.records import (
    Attempt,
    FeedbackGiven,
    NodeFinished,
    Release,
    SessionCompleted,
    SessionEvent,
    TurnFinished,
    TurnStarted,
)

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def turn_events(
    session: str = "session-1",
    turn: int = 1,
    *,
    tenant: str = "acme",
    domain: str = "pumps",
    query: str = "Why?",
) -> list[SessionEvent]:
    """A short turn: started, one node run, finished."""
    request = f"{session}-{turn}"

    def common(seq: int) -> dict[str, Any]:
        return {
            "event_id": make_event_id(session, request, turn, seq, tenant=tenant),
            "session_id": session,
            "tenant": tenant,
            "domain": domain,
            "user": "0011223344556677",
            "turn": turn,
            "seq": seq,
            "at": at(60 * turn + seq),
        }

    return [
        TurnStarted(**common(0), query=query, request_id=request),
        NodeFinished(
            **common(1),
            node="retriever",
            run=1,
            start_ms=1.5,
            duration_ms=2.5,
            attempts=[Attempt(skill="primary", duration_ms=2.5)],
            changed={"passages": 3},
        ),
        TurnFinished(
            **common(2),
            request_id=request,
            query=query,
            response="Because the seal leaks.",
            intent="troubleshooting",
            topic="seal",
            confidence=0.9,
            duration_ms=40.0,
        ),
    ]


def completed(session: str = "session-1", *, tenant: str = "acme", domain: str = "pumps") -> SessionEvent:
    return SessionCompleted(
        event_id=make_event_id(session, "completed", 0, 0, tenant=tenant),
        session_id=session,
        tenant=tenant,
        domain=domain,
        user="0011223344556677",
        turn=0,
        seq=0,
        at=at(600),
        reason="client",
        outcome="solved",
        turns=1,
    )


def feedback(session: str = "session-1", *, tenant: str = "acme", domain: str = "pumps") -> SessionEvent:
    return FeedbackGiven(
        event_id=make_event_id(session, "feedback", 1, 0, tenant=tenant),
        session_id=session,
        tenant=tenant,
        domain=domain,
        user="0011223344556677",
        turn=1,
        seq=0,
        at=at(500),
        rating=5,
        resolved=True,
    )


def release(release_id: str, *, domain: str = "pumps", tenant: str = "acme") -> Release:
    return Release(
        release_id=release_id,
        tenant=tenant,
        domain=domain,
        created_at=START,
        sessions=10,
        steps=40,
        patterns=5,
        embedder="words",
        path=f"releases/{release_id}",
    )
