"""Tells the mood of a message by its words."""

import re
from typing import Literal

NEGATIVE = frozenset(
    "angry annoyed annoying awful bad broken confused disappointed disappointing fail failed failing fails "
    "frustrated frustrating hate hopeless horrible nonsense poor ridiculous rubbish stuck terrible tired "
    "unacceptable unhappy upset useless waste worse worst wrong".split()
)
POSITIVE = frozenset(
    "amazing appreciate appreciated awesome brilliant excellent fantastic fixed glad good great happy helped "
    "helpful helps love lovely nice perfect pleased resolved solved thank thanks wonderful work worked "
    "working works".split()
)
NOT = frozenset(
    "not no never nothing nobody none neither nor hardly without cannot isnt arent wasnt doesnt dont didnt "
    "wont cant couldnt hasnt havent".split()
)
REACH = 3
"""Words after a negation that it turns round."""

PLAIN = frozenset("work working worked works good".split())
"""Good words that also ask ("how does it work?"): they count only where they are negated."""

CLAUSE = re.compile(r"[.,;:!?]+|\bbut\b", re.IGNORECASE)
WORDS = re.compile(r"[a-z]+(?:['’][a-z]+)?", re.IGNORECASE)

Mood = Literal["negative", "neutral", "positive"]


def mood_of(text: str) -> Mood:
    """Return the mood: each word of the lexicon counts once, turned round after a negation of its clause.

    Shouting (`!!`) counts as negative.
    """
    marks = {mark for clause in CLAUSE.split(text) for mark in _marks(clause)}
    score = sum(1 if is_good else -1 for _, is_good in marks) - text.count("!!")
    return "negative" if score < 0 else "positive" if score > 0 else "neutral"


def _marks(clause: str) -> list[tuple[str, bool]]:
    """Return the words of the lexicon in a clause, and whether they are meant well."""
    words = [re.sub("['’]", "", word.lower()) for word in WORDS.findall(clause)]
    marks = []
    for place, word in enumerate(words):
        is_turned = any(before in NOT for before in words[max(0, place - REACH) : place])
        if word in NEGATIVE or (word in POSITIVE and (is_turned or word not in PLAIN)):
            marks.append((word, (word in POSITIVE) != is_turned))
    return marks
