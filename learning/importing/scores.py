"""Scores and feedback of foreign logs as outcomes."""

import re
from collections.abc import Collection

from memory.records import Outcome

SCORES = frozenset(
    (
        "feedback,user_feedback,user_score,user_rating,rating,stars,csat,thumbs,thumb,thumbs_up,like,"
        "resolved,solved,success,task_success,goal_completion,goal_accuracy,outcome,resolution,escalated"
    ).split(",")
)
"""Names of scores that say how a session ended, spaces and dashes as `_`. What judges style, grounding or
safety is no outcome."""

SOLVED = frozenset(
    "solved,resolved,success,succeeded,yes,true,pass,passed,positive,good,like,up,thumbs_up".split(",")
)
UNSOLVED = frozenset(
    "unsolved,unresolved,failure,failed,no,false,fail,negative,bad,dislike,down,thumbs_down".split(",")
)
ESCALATED = frozenset("escalated,escalation,handoff,handover,transferred,human".split(","))

STARS = frozenset({"rating", "user_rating", "stars", "csat"})
"""Scores that count from 1 to 5, so that 1 is the worst."""

MIDDLE = 0.5
"""Of 0 to 1: above is solved, below is unsolved, and this itself says nothing."""

GOOD_STARS, BAD_STARS = 4, 2
"""Of 1 to 5: from the first on solved, up to the second unsolved; three says nothing."""


def outcome_of(name: str, value: object, also: Collection[str] = ()) -> Outcome | None:
    """Return what a score says about how the session ended; `None` when it says nothing about that.

    `also` are names that count besides the usual ones.
    """
    plain = plain_name(name)
    if plain not in SCORES and plain not in {plain_name(one) for one in also}:
        return None
    if isinstance(value, str):
        return _of_word(plain_name(value))
    if isinstance(value, bool):
        value = int(value)
    if not isinstance(value, int | float):
        return None
    if plain == "escalated":
        return "escalated" if value > MIDDLE else None
    return _of_number(value, in_stars=plain in STARS)


def plain_name(text: str) -> str:
    """Return a name in lower case, with `_` for whatever parts its words."""
    return re.sub(r"[^a-z0-9]+", "_", text.strip().lower()).strip("_")


def _of_word(word: str) -> Outcome | None:
    if word in SOLVED:
        return "solved"
    if word in UNSOLVED:
        return "unsolved"
    return "escalated" if word in ESCALATED else None


def _of_number(value: float, *, in_stars: bool) -> Outcome | None:
    if in_stars or value > 1:
        return "solved" if value >= GOOD_STARS else "unsolved" if value <= BAD_STARS else None
    return "solved" if value > MIDDLE else "unsolved" if value < MIDDLE else None
