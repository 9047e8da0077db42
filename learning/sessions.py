"""Sessions from events: the steps of each in order, with its outcome."""

from array import array
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
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
from memory.text import word_keys

STEPS_AT_MOST = 2_000
"""Steps of one session that are looked at; what is longer is a machine, and its tail adds nothing."""

SOLVED, UNSOLVED, ESCALATED, UNKNOWN = 1, 0, 2, -1
"""Codes of outcomes: known is what is not `UNKNOWN`, failed is what is known and not `SOLVED`."""

CODES: dict[Outcome, int] = {
    "solved": SOLVED,
    "unsolved": UNSOLVED,
    "escalated": ESCALATED,
    "unknown": UNKNOWN,
}


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
    """`SOLVED`, `UNSOLVED`, `ESCALATED` or `UNKNOWN`, one a session."""

    words: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    """`memory.text.word_keys` of what the user said at each step, one step after the other."""

    word_offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Step `n` has the words `word_offsets[n]` to `word_offsets[n + 1]`; left out, no step has any."""

    def __post_init__(self) -> None:
        if not len(self.word_offsets):
            object.__setattr__(self, "word_offsets", np.zeros(len(self.steps) + 1, np.int64))

    def __len__(self) -> int:
        return len(self.ids)


class SessionRow(NamedTuple):
    """One session, to make columns from."""

    session_id: str
    user: str
    """Key of the user (`user_key`)."""

    labels: Sequence[str]
    times: Sequence[float]
    """Unix time of each step (seconds)."""

    outcome: int = UNKNOWN
    texts: Sequence[str] | None = None
    """What the user said at each step."""


def make_sessions(rows: Iterable[SessionRow]) -> Sessions:
    """Return rows as columns, in the order given; labels are numbered in alphabetical order."""
    numbers: dict[str, int] = {}
    users: dict[str, int] = {}
    ids: list[str] = []
    steps, times, offsets = array("i"), array("d"), array("q", [0])
    owners, outcomes = array("i"), array("b")
    texts: list[str] = []
    for row in rows:
        ids.append(row.session_id)
        steps.extend([numbers.setdefault(label, len(numbers)) for label in row.labels])
        times.extend(row.times)
        texts.extend(row.texts if row.texts is not None else [""] * len(row.labels))
        offsets.append(len(steps))
        owners.append(users.setdefault(row.user, len(users)))
        outcomes.append(row.outcome)
    words, word_offsets = words_of(texts)
    return sort_labels(
        Sessions(
            ids,
            list(numbers),
            np.array(steps, np.int32),
            np.array(times, np.float64),
            np.array(offsets, np.int64),
            np.array(owners, np.int32),
            list(users),
            np.array(outcomes, np.int8),
            words,
            word_offsets,
        )
    )


def words_of(texts: Iterable[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the words of all texts as one column, and where each text begins in it."""
    words, offsets = array("I"), array("q", [0])
    for text in texts:
        if text:
            words.extend(word_keys(text))
        offsets.append(len(words))
    return np.array(words, np.uint32), np.array(offsets, np.int64)


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
        event.query,
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
    return make_sessions(
        _row(session_id, turns, found, named) for session_id, turns in sorted(by_session.items())
    )


def _row(session_id: str, turns: list[Turn], found: Gathered, named: Mapping[str, Step]) -> SessionRow:
    """Put the turns of one session in order; a turn that nobody could name is no step."""
    in_order = sorted(turns, key=_place)[:STEPS_AT_MOST]
    labels = [named.get(turn.event_id, turn.step).label for turn in in_order]
    kept = [(label, turn) for label, turn in zip(labels, in_order, strict=True) if label != "none"]
    return SessionRow(
        session_id,
        in_order[0].user,
        [label for label, _ in kept],
        [turn.at for _, turn in kept],
        _outcome(session_id, found),
        [turn.query for _, turn in kept],
    )


def _place(turn: Turn) -> tuple[int, float, str]:
    """Order turns whatever order they came in; the id decides between two at once."""
    return turn.turn, turn.at, turn.event_id


def _outcome(session_id: str, found: Gathered) -> int:
    """The user's own word counts first, then how the session was completed."""
    word = found.feedback.get(session_id) or found.completed.get(session_id)
    return UNKNOWN if word is None else CODES[word.outcome]


def sort_labels(sessions: Sessions) -> Sessions:
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
    numbers = np.fromiter(chosen, np.int64)
    places, offsets = spread(sessions.offsets, numbers)
    words, word_offsets = spread(sessions.word_offsets, places)
    return replace(
        sessions,
        ids=[sessions.ids[n] for n in numbers],
        steps=sessions.steps[places],
        times=sessions.times[places],
        offsets=offsets,
        users=sessions.users[numbers],
        outcomes=sessions.outcomes[numbers],
        words=sessions.words[words],
        word_offsets=word_offsets,
    )


def spread(
    offsets: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of all members of the `chosen` spans of `offsets`, and the offsets of these."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    after = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.arange(after[-1]) + np.repeat(offsets[chosen] - after[:-1], lengths), after


def moment(seconds: float) -> datetime:
    """Return a Unix time as an aware UTC datetime."""
    return datetime.fromtimestamp(seconds, UTC)
