"""Sessions whose arm was drawn, with what they were shown, or would have been, and how they ended."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from learning.sessions import UNKNOWN, Sessions
from memory.errors import LakeFileBroken
from memory.ports import Lake
from memory.records import Suggestion, TurnFinished


class Turn(NamedTuple):
    """One turn of a session that has an arm."""

    number: int
    label: str
    suggestions: Sequence[Suggestion]
    """Shown or withheld."""


@dataclass(frozen=True)
class Trial:
    """A session whose arm was drawn."""

    session_id: str
    user: str
    at: datetime
    is_guided: bool
    holdout_share: float
    turns: Sequence[Turn]
    outcome: int = UNKNOWN
    steps: int = 0

    @property
    def pattern_ids(self) -> set[str]:
        """The patterns that were shown, or would have been."""
        return {one.pattern_id for turn in self.turns for one in turn.suggestions}


def trials(turns: Iterable[TurnFinished], sessions: Sessions) -> list[Trial]:
    """Return the sessions that have an arm, in the order they began.

    A session is left out when its arm was certain, or drawn by an older version that did not note how, and
    when it is not in `sessions`.
    """
    by_session: dict[str, dict[int, TurnFinished]] = defaultdict(dict)
    for turn in turns:
        by_session[turn.session_id].setdefault(turn.turn, turn)
    ended = _ended(sessions)
    found = [
        _trial([of_turn[number] for number in sorted(of_turn)], *ended[session_id])
        for session_id, of_turn in by_session.items()
        if session_id in ended
    ]
    drawn = [one for one in found if 0 < one.holdout_share < 1]
    return sorted(drawn, key=lambda one: (one.at, one.session_id))


def _ended(sessions: Sessions) -> dict[str, tuple[int, int]]:
    """Return outcome and steps by session id; of the parts of one that fell silent, the last known word."""
    lengths = np.diff(sessions.offsets).tolist()
    ended: dict[str, tuple[int, int]] = {}
    for part, outcome, steps in zip(sessions.ids, sessions.outcomes.tolist(), lengths, strict=True):
        session_id = part.partition("#")[0]
        before, so_far = ended.get(session_id, (UNKNOWN, 0))
        ended[session_id] = (before if outcome == UNKNOWN else outcome, so_far + steps)
    return ended


def _trial(turns: Sequence[TurnFinished], outcome: int, steps: int) -> Trial:
    first = turns[0]
    is_guided = first.guidance.arm == "guided"
    return Trial(
        session_id=first.session_id,
        user=first.user,
        at=first.at,
        is_guided=is_guided,
        holdout_share=first.holdout_share or 0.0,
        turns=[
            Turn(
                one.turn,
                f"{one.intent}/{one.topic}" if one.topic else one.intent,
                one.guidance.suggestions if is_guided else one.withheld,
            )
            for one in turns
        ],
        outcome=outcome,
        steps=steps,
    )


async def read_turns(lake: Lake, *, tenant: str, domain: str) -> list[TurnFinished]:
    """Return all turns that have an arm; a file that cannot be read is passed over, as learning does."""
    found: list[TurnFinished] = []
    for file in await lake.files():
        try:
            found += await lake.guided_turns(file, tenant=tenant, domain=domain)
        except LakeFileBroken:
            continue
    return found
