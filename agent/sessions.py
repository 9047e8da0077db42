"""What the runtime notes of a session beside its turns: whose it is, what was thought of it, its end."""

from datetime import datetime
from typing import Literal

from memory.errors import StorageFailed
from memory.ids import make_event_id
from memory.ports import ConversationStore
from memory.records import Conversation, FeedbackGiven, SessionCompleted
from memory.turns import TurnRequest

CompletionReason = Literal["client", "idle", "shutdown"]


async def open_session(
    conversations: ConversationStore, request: TurnRequest, *, user: str, at: datetime
) -> tuple[Conversation, list[str]]:
    """Return the session of a request, and what had to be replaced.

    While the store cannot say whose a session is, the user gets an answer all the same: its state is kept
    under tenant, user and session, so that nobody meets what is not theirs.

    Raises:
        SessionForeign: the session belongs to another user.
    """
    try:
        found = await conversations.open(request.session_id, user=user, domain=request.domain, at=at)
    except StorageFailed as failed:
        stand_in = Conversation(
            session_id=request.session_id,
            tenant=request.tenant,
            user=user,
            domain=request.domain,
            started_at=at,
            last_at=at,
        )
        return stand_in, [f"session: {failed.code}"]
    return found, []


def feedback_event(
    known: Conversation,
    *,
    request_id: str,
    at: datetime,
    rating: int | None,
    resolved: bool | None,
    comment: str,
) -> FeedbackGiven:
    """Return what a user thinks of the last answer; `comment` is redacted already."""
    return FeedbackGiven(
        event_id=make_event_id(
            known.session_id, f"feedback:{request_id}", known.turns, 0, tenant=known.tenant
        ),
        session_id=known.session_id,
        tenant=known.tenant,
        domain=known.domain,
        user=known.user,
        turn=known.turns,
        seq=0,
        at=at,
        rating=rating,
        resolved=resolved,
        comment=comment,
    )


def completion_event(known: Conversation, reason: CompletionReason, *, at: datetime) -> SessionCompleted:
    """Return the end of a session; its id holds the time of the last turn.

    A folder restored from yesterday counts the same turns again, and must not use an id twice.
    """
    return SessionCompleted(
        event_id=make_event_id(
            known.session_id, f"completed:{known.last_at}", known.turns, 0, tenant=known.tenant
        ),
        session_id=known.session_id,
        tenant=known.tenant,
        domain=known.domain,
        user=known.user,
        turn=0,
        seq=known.turns,
        at=at,
        reason=reason,
        turns=known.turns,
    )
