"""Small logs for tests of learning: visits of users, as sessions or as events."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa

from learning.gathering import digest, merge
from learning.sessions import SOLVED, UNKNOWN, UNSOLVED, SessionRow, Sessions, make_sessions
from memory.ids import make_event_id
from memory.parquet import open_lake
from memory.records import FeedbackGiven, SessionCompleted, SessionEvent, TurnFinished, parse_step
from memory.redact import user_key

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
USERS = [user_key("acme", f"user-{number}") for number in range(20)]
ALARM = ["alarm", "diagnose", "repair", "restart"]
ORDER = ["order", "price", "delivery"]


class Visit(NamedTuple):
    """One session: a minute a step, a day after the one before."""

    user: str
    labels: Sequence[str]
    solved: bool | None = True


def usual_log() -> list[Visit]:
    """Most users have alarms, half of them order something too."""
    return [Visit(user, ALARM) for user in USERS for _ in range(3)] + [Visit(u, ORDER) for u in USERS[:10]]


def sessions_of(log: Sequence[Visit]) -> Sessions:
    return make_sessions(
        SessionRow(
            f"session-{number:04}",
            visit.user,
            visit.labels,
            [START.timestamp() + number * 86_400 + place * 60 for place in range(len(visit.labels))],
            {True: SOLVED, False: UNSOLVED, None: UNKNOWN}[visit.solved],
        )
        for number, visit in enumerate(log)
    )


def common(session: str, *, turn: int, at_s: float, key: str, user: str = USERS[0]) -> dict[str, Any]:
    return {
        "event_id": make_event_id(session, key, turn, 0, tenant="acme"),
        "session_id": session,
        "tenant": "acme",
        "domain": "pumps",
        "user": user,
        "turn": turn,
        "seq": 0,
        "at": START + timedelta(seconds=at_s),
    }


def turn_event(
    session: str, turn: int, label: str, *, at_s: float | None = None, **more: Any
) -> TurnFinished:
    step = parse_step(label)
    user = more.pop("user", USERS[0])
    fields: dict[str, Any] = {
        **common(
            session, turn=turn, at_s=60.0 * turn if at_s is None else at_s, key=f"turn-{turn}", user=user
        ),
        "query": f"Tell me about {label}",
        "response": "",
        "intent": step.intent,
        "topic": step.topic,
        "confidence": 1.0,
        "label_source": "recorded",
        "duration_ms": 1.0,
    }
    return TurnFinished(**{**fields, **more})


def said(session: str, *, resolved: bool | None, at_s: float, key: str = "") -> FeedbackGiven:
    return FeedbackGiven(
        **common(session, turn=1, at_s=at_s, key=f"feedback-{at_s}{key}"), resolved=resolved, rating=3
    )


def over(session: str, outcome: Any, *, at_s: float = 900.0) -> SessionCompleted:
    return SessionCompleted(
        **common(session, turn=0, at_s=at_s, key=f"over-{at_s}"), reason="client", outcome=outcome, turns=1
    )


def gathered(*batches: Sequence[SessionEvent], classifier: str = "test:1") -> pa.Table:
    """What is gathered from the events, each batch a file of the lake that was read on its own."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_gathered(Path(folder), batches, classifier))


async def _gathered(folder: Path, batches: Sequence[Sequence[SessionEvent]], classifier: str) -> pa.Table:
    parts = []
    for number, batch in enumerate(batches):
        lake = open_lake(folder / str(number))
        await lake.write(batch)
        for file in await lake.files():
            raw = await lake.columns(file, tenant="acme", domain="pumps")
            parts.append(digest(raw, classifier).events)
    return merge(parts)
