"""The sessions that show a pattern: how a figure is answered for."""

from collections.abc import Sequence
from typing import Literal

from learning.sessions import Sessions

EXAMPLES = 5
"""Sessions that are named for a pattern."""

Kind = Literal["flow", "sequence", "gapped"]


def sessions_with(
    sessions: Sessions, labels: Sequence[str], kind: Kind = "sequence", *, limit: int = EXAMPLES
) -> list[str]:
    """Return the ids of sessions that show these steps, the newest first, at most `limit`.

    `kind` as in `Pattern.pattern_type`. Sessions are looked at from the newest on until enough are found.
    """
    numbers = {label: number for number, label in enumerate(sessions.labels)}
    sought = [numbers.get(label, -1) for label in labels]
    if -1 in sought or not sought:
        return []
    found: list[str] = []
    begins = sessions.times[sessions.offsets[:-1]]
    for place in (-begins).argsort(kind="stable").tolist():
        steps = sessions.steps[sessions.offsets[place] : sessions.offsets[place + 1]].tolist()
        if _shows(steps, sought, kind):
            found.append(sessions.ids[place])
            if len(found) == limit:
                break
    return found


def _shows(steps: list[int], sought: list[int], kind: Kind) -> bool:
    if kind == "flow":
        return steps == sought
    if kind == "gapped":
        rest = iter(steps)
        return all(one in rest for one in sought)
    length = len(sought)
    return any(steps[at : at + length] == sought for at in range(len(steps) - length + 1))
