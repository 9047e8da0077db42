"""What users think of single answers: what they said, and what they did."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from learning.gathering import BAD_RATING, GOOD_RATING
from memory.records import FeedbackGiven, SessionCompleted, SessionEvent, TurnFinished
from memory.text import terms

Sign = Literal["rated_low", "unresolved", "rephrased", "repeated", "abandoned", "escalated"]
"""Why an answer counts as poor. The first two were said; the others were done, and
count where nothing was said:

- `rephrased`: the next question of the session asks much the same;
- `repeated`: the same user asks much the same in another session within a day;
- `abandoned`: the session fell silent after an answer that was none;
- `escalated`: a person was asked for, or brought in, after it.
"""

ALIKE = 0.5
"""Share of words (of those in either) from which two questions ask the same."""

FEWEST_TERMS = 2
"""Terms (count) of a question that can be compared."""

REPHRASED_S = 900.0
"""Time (seconds) within which another wording is still about the last answer."""

REPEATED_S = 86_400.0
LOOKED_BACK = 50
"""Questions (count) of a user that a new one is compared with, the last ones."""

TELLING = (TurnFinished, FeedbackGiven, SessionCompleted)
"""Events that say anything of an answer."""

NO_ANSWER = ("refusal", "static", "clarification")


@dataclass
class Judged:
    """A turn with what its user thinks of it."""

    turn: TurnFinished
    ratings: list[int] = field(default_factory=list)
    resolved: bool | None = None
    comments: list[str] = field(default_factory=list)
    done: set[Sign] = field(default_factory=set)
    """What the user did."""

    @property
    def rating(self) -> int | None:
        """The last rating."""
        return self.ratings[-1] if self.ratings else None

    @property
    def signs(self) -> set[Sign]:
        """What speaks against the answer: `resolved` before the rating, both before what was done."""
        if self.resolved is not None:
            return set() if self.resolved else {"unresolved"}
        if self.rating is not None and self.rating >= GOOD_RATING:
            return set()
        if self.rating is not None and self.rating <= BAD_RATING:
            return {"rated_low"}
        return self.done

    @property
    def is_liked(self) -> bool:
        """The user said that it helped."""
        return self.resolved is True or (
            self.resolved is None and self.rating is not None and self.rating >= GOOD_RATING
        )


def judge_turns(events: Iterable[SessionEvent]) -> list[Judged]:
    """Return all turns by time with what their users think of them.

    Feedback belongs to the turn that it names; without such a turn, to the last one before it.
    """
    turns: dict[str, dict[int, Judged]] = defaultdict(dict)
    words: list[FeedbackGiven] = []
    silent: set[str] = set()
    for event in events:
        if isinstance(event, TurnFinished):
            turns[event.session_id][event.turn] = Judged(event)
        elif isinstance(event, FeedbackGiven):
            words.append(event)
        elif isinstance(event, SessionCompleted) and event.reason == "idle":
            silent.add(event.session_id)
    for word in sorted(words, key=lambda word: (word.at, word.event_id)):
        _take(word, turns.get(word.session_id, {}))
    sessions = {name: [of[number] for number in sorted(of)] for name, of in turns.items()}
    for name, session in sessions.items():
        _within(session, is_silent=name in silent)
    found = [judged for session in sessions.values() for judged in session]
    found.sort(key=lambda judged: (judged.turn.at, judged.turn.event_id))
    _across(found)
    return found


def _take(word: FeedbackGiven, turns: dict[int, Judged]) -> None:
    meant = [number for number in turns if number <= word.turn] or list(turns)
    if not meant:
        return
    judged = turns[max(meant)] if word.turn else turns[max(turns)]
    if word.rating is not None:
        judged.ratings.append(word.rating)
    if word.resolved is not None:
        judged.resolved = word.resolved
    if word.comment.strip():
        judged.comments.append(word.comment.strip())


def _within(session: Sequence[Judged], *, is_silent: bool) -> None:
    """Note what the turns of one session say of each other."""
    for before, after in pairwise(session):
        if after.turn.reply_kind == "escalation":
            before.done.add("escalated")
        elif (after.turn.at - before.turn.at).total_seconds() <= REPHRASED_S and _same(before, after):
            before.done.add("rephrased")
    last = session[-1]
    if last.turn.reply_kind == "escalation":
        last.done.add("escalated")
    elif is_silent and last.turn.reply_kind in NO_ANSWER:
        last.done.add("abandoned")


def _across(turns: Sequence[Judged]) -> None:
    """Note questions that a user brings again in another session within a day."""
    asked: dict[str, list[Judged]] = defaultdict(list)
    for judged in turns:
        earlier = asked[judged.turn.user]
        for before in _recent(earlier, judged):
            if before.turn.session_id != judged.turn.session_id and _same(before, judged):
                before.done.add("repeated")
        earlier.append(judged)


def _recent(earlier: Sequence[Judged], judged: Judged) -> Iterator[Judged]:
    for before in earlier[-LOOKED_BACK:]:
        if (judged.turn.at - before.turn.at).total_seconds() <= REPEATED_S:
            yield before


def _same(one: Judged, other: Judged) -> bool:
    """True for questions that share most of their words."""
    first, second = set(terms(one.turn.query)), set(terms(other.turn.query))
    if min(len(first), len(second)) < FEWEST_TERMS:
        return False
    return len(first & second) / len(first | second) >= ALIKE
