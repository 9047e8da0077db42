"""Sessions as columns: the steps of each in order, with its outcome."""

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory.records import Outcome
from memory.text import word_keys

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

    first_outcomes: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    """The outcomes before any was told anew, one a session; left out, the same."""

    first_told: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """When these were told (Unix seconds), one a session; left out, always known."""

    def __post_init__(self) -> None:
        if not len(self.first_told):
            object.__setattr__(self, "first_told", np.zeros(len(self.ids)))
            object.__setattr__(self, "first_outcomes", self.outcomes)
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
        first_outcomes=sessions.first_outcomes[numbers],
        first_told=sessions.first_told[numbers],
    )


def digest_of(sessions: Sessions, *more: str) -> str:
    """Return a digest (64 hex digits) of sessions and some texts: equal sessions have an equal one."""
    digest = hashlib.sha256()
    for part in (*more, "", *sessions.labels, "", *sessions.ids, "", *sessions.user_keys):
        digest.update(part.encode() + b"\x00")
    for column in (
        sessions.steps,
        sessions.times,
        sessions.offsets,
        sessions.users,
        sessions.outcomes,
        sessions.words,
        sessions.word_offsets,
        sessions.first_outcomes,
        sessions.first_told,
    ):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


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
