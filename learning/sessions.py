"""Sessions from events: the steps of each in order, with its outcome."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from memory.records import (
    FeedbackGiven,
    Outcome,
    SessionCompleted,
    SessionEvent,
    Step,
    TurnFinished,
)

STEPS_AT_MOST = 2_000
"""Steps of one session that are looked at; what is longer is a machine, and its tail adds nothing."""

SOLVED, UNSOLVED, UNKNOWN = 1, 0, -1
"""Codes of outcomes; an escalated session counts as unsolved."""


RECORDED = "recorded"
"""Label source of logs that bring their labels; those stand."""

Kept = TypeVar("Kept")


class Turn(NamedTuple):
    """A turn that may be a step, as small as millions of them need."""

    event_id: str
    session_id: str
    user: str
    turn: int
    at: float
    """Unix time (seconds)."""

    query: str
    """What to classify; "" where the label stands."""

    step: Step
    label_source: str


class Word(NamedTuple):
    """How a session ended, as somebody said; the later word counts, of two at once the larger id."""

    at: float
    """Unix time (seconds)."""

    event_id: str
    outcome: Outcome


@dataclass
class Gathered:
    """What was read from the lake, before it is put in order."""

    turns: dict[str, Turn] = field(default_factory=dict)
    """By event id."""

    feedback: dict[str, Word] = field(default_factory=dict)
    """Session to the last word of its user."""

    completed: dict[str, Word] = field(default_factory=dict)
    """Session to its last completion that knew how it ended."""


@dataclass(frozen=True)
class Sessions:
    """All sessions as columns; session `n` has the steps `offsets[n]` to `offsets[n + 1]`."""

    ids: list[str]
    labels: list[str]
    """The vocabulary, in order."""

    steps: NDArray[np.int32]
    """Numbers of labels, one a step."""

    times: NDArray[np.float64]
    """Unix time of each step (seconds)."""

    offsets: NDArray[np.int64]
    users: NDArray[np.int32]
    """Number of the user, one a session."""

    user_keys: list[str]
    outcomes: NDArray[np.int8]
    """`SOLVED`, `UNSOLVED` or `UNKNOWN`, one a session."""

    def __len__(self) -> int:
        return len(self.ids)


async def gather(events: AsyncIterator[SessionEvent]) -> Gathered:
    """Read events in any order; a repeat changes nothing."""
    found = Gathered()
    shared: dict[Any, Any] = {}
    async for event in events:
        if isinstance(event, TurnFinished):
            if event.reply_kind in ("answer", "refusal", "static"):
                found.turns[event.event_id] = _turn(event, shared)
        elif isinstance(event, FeedbackGiven):
            if event.resolved is not None:
                _heed(found.feedback, event, "solved" if event.resolved else "unsolved")
        elif isinstance(event, SessionCompleted) and event.outcome != "unknown":
            _heed(found.completed, event, event.outcome)
    return found


def _turn(event: TurnFinished, shared: dict[Any, Any]) -> Turn:
    """Keep what learning needs; what many turns have in common is held once, in `shared`."""

    def once(value: Kept) -> Kept:
        kept: Kept = shared.setdefault(value, value)
        return kept

    return Turn(
        event.event_id,
        once(event.session_id),
        once(event.user),
        event.turn,
        event.at.timestamp(),
        "" if event.label_source == RECORDED else event.query,
        once(Step(intent=event.intent, topic=event.topic)),
        once(event.label_source),
    )


def _heed(words: dict[str, Word], event: FeedbackGiven | SessionCompleted, outcome: Outcome) -> None:
    """Keep the last word on each session."""
    word = Word(event.at.timestamp(), event.event_id, outcome)
    words[event.session_id] = max(word, words.get(event.session_id, word))


def arrange(found: Gathered, named: Mapping[str, Step]) -> Sessions:
    """Put the turns in order; `named` gives steps by event id that classification found or changed."""
    by_session: dict[str, list[Turn]] = {}
    for turn in found.turns.values():
        by_session.setdefault(turn.session_id, []).append(turn)
    ids = sorted(by_session)
    numbers: dict[str, int] = {}
    users: dict[str, int] = {}
    steps: list[int] = []
    times: list[float] = []
    offsets, owners, outcomes = [0], [], []
    for session_id in ids:
        turns = sorted(by_session[session_id], key=_place)[:STEPS_AT_MOST]
        for turn in turns:
            label = named.get(turn.event_id, turn.step).label
            if label != "none":
                steps.append(numbers.setdefault(label, len(numbers)))
                times.append(turn.at)
        offsets.append(len(steps))
        owners.append(users.setdefault(turns[0].user, len(users)))
        outcomes.append(_outcome(session_id, found))
    return _sort_labels(
        Sessions(
            ids,
            list(numbers),
            np.array(steps, np.int32),
            np.array(times, np.float64),
            np.array(offsets, np.int64),
            np.array(owners, np.int32),
            list(users),
            np.array(outcomes, np.int8),
        )
    )


def _place(turn: Turn) -> tuple[int, float, str]:
    """Order turns whatever order they came in; the id decides between two at once."""
    return turn.turn, turn.at, turn.event_id


def _outcome(session_id: str, found: Gathered) -> int:
    """The user's own word counts first, then how the session was completed."""
    word = found.feedback.get(session_id) or found.completed.get(session_id)
    if word is None:
        return UNKNOWN
    return SOLVED if word.outcome == "solved" else UNSOLVED


def _sort_labels(sessions: Sessions) -> Sessions:
    """Number labels in alphabetical order, so that the same log gives the same numbers."""
    order = sorted(range(len(sessions.labels)), key=lambda number: sessions.labels[number])
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return replace(
        sessions,
        labels=[sessions.labels[number] for number in order],
        steps=rank[sessions.steps] if len(order) else sessions.steps,
    )


def choose(sessions: Sessions, chosen: Iterable[int]) -> Sessions:
    """Return some of the sessions, in the order given, with the same labels and users."""
    numbers = list(chosen)
    spans = [(int(sessions.offsets[n]), int(sessions.offsets[n + 1])) for n in numbers]
    places = np.concatenate([np.arange(a, b) for a, b in spans]) if spans else np.zeros(0, np.int64)
    return replace(
        sessions,
        ids=[sessions.ids[n] for n in numbers],
        steps=sessions.steps[places],
        times=sessions.times[places],
        offsets=np.concatenate([[0], np.cumsum([b - a for a, b in spans])]).astype(np.int64),
        users=sessions.users[numbers],
        outcomes=sessions.outcomes[numbers],
    )


def moment(seconds: float) -> datetime:
    """Return a Unix time as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)
