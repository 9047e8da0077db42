"""A session of a foreign log, and the events it becomes."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from memory.ids import make_event_id
from memory.records import Guidance, Outcome, SessionCompleted, SessionEvent, Step, TurnFinished, parse_step
from memory.redact import redact

TEXT_CHARACTERS = 8000
"""Of a question or an answer that are kept: as much as a live turn takes."""

READ_CHARACTERS = 4 * TEXT_CHARACTERS
"""Of a text that are looked at; redacting costs time, and the rest would be cut off anyway."""


NONE: list[str] = []
UNGUIDED = Guidance()
"""Handed in because pydantic copies defaults deeply, which took a fifth of an import."""


UNNAMED = Step(intent="none")
"""Of a turn without a label; the intents stage of `learn` names it."""


class ImportedTurn(NamedTuple):
    """A turn of a foreign log."""

    at: datetime
    query: str = ""
    response: str = ""
    label: str | None = None
    key: str = ""
    """Id of the turn in its log; "" where its place in the session is its id."""

    duration_ms: float = 0.0


class ImportedSession(NamedTuple):
    """A session of a foreign log."""

    session_id: str
    user: str | None
    """Name of the user in the log; `None` when it names none."""

    turns: list[ImportedTurn]
    """In order."""

    outcome: Outcome = "unknown"


def clean(text: str) -> str:
    """Return a text without secrets and personal data, cut to what is kept.

    It is redacted before it is cut, so that no half of a secret stays that nobody would recognise.
    """
    return redact(text[:READ_CHARACTERS])[:TEXT_CHARACTERS] if text else text


@lru_cache(maxsize=65_536)
def _step(label: str) -> Step:
    """Return the step of a label; labels come again and again."""
    return parse_step(label)


def session_events(
    session: ImportedSession, *, tenant: str, domain: str, sample: bool = False
) -> Iterator[SessionEvent]:
    """Yield the events that a session would have left: one a turn, then its completion.

    `session` is clean, and its user a user key. Ids follow from the session and from the ids of its turns:
    the same log again gives the same events, whoever replays it (`recorded_events` gives them as well).
    """
    session_id, user, turns, outcome = session
    request = f"recorded:{domain}"
    common = {"session_id": session_id, "tenant": tenant, "domain": domain, "user": user, "sample": sample}
    for number, turn in enumerate(turns, start=1):
        step = _step(turn.label) if turn.label is not None else UNNAMED
        yield TurnFinished(
            event_id=_event_id(session_id, request, turn, number, tenant),
            turn=number,
            seq=0,
            at=turn.at,
            query=turn.query,
            response=turn.response,
            intent=step.intent,
            topic=step.topic,
            confidence=0.0 if step is UNNAMED else 1.0,
            label_source="none" if step is UNNAMED else "recorded",
            duration_ms=turn.duration_ms,
            degraded=NONE,
            guidance=UNGUIDED,
            **common,
        )
    yield SessionCompleted(
        event_id=make_event_id(session_id, _ending(request, session), 0, 0, tenant=tenant),
        turn=0,
        seq=0,
        at=max(turn.at for turn in turns),
        reason="recorded",
        outcome=outcome,
        turns=len(turns),
        **common,
    )


def _event_id(session_id: str, request: str, turn: ImportedTurn, number: int, tenant: str) -> str:
    """A turn with an id of its own keeps its event, even when a later export puts another turn before it."""
    if turn.key:
        return make_event_id(session_id, f"imported:{turn.key}", 0, 0, tenant=tenant)
    return make_event_id(session_id, request, number, 0, tenant=tenant)


def _ending(request: str, session: ImportedSession) -> str:
    """Name the completion; one that is known only in a later export stands beside the unknown one."""
    has_keys = any(turn.key for turn in session.turns)
    return f"{request}:{session.outcome}:{len(session.turns)}" if has_keys else request
