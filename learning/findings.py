"""What flow analysis finds: each finding names its sessions and says what a person should do about it."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from learning.flowgraph import FlowGraph
from learning.sessions import Sessions
from learning.significance import Rate
from memory.records import Record

EVIDENCE = 10
"""Session ids that a finding names at most, the newest ones."""


class Share(Record):
    """A share (0 to 1) with the interval that holds it."""

    rate: float
    low: float
    high: float


class Finding(Record):
    """Something that enough users did or met."""

    steps: list[str]
    """Labels that it is about, in order."""

    sessions: int
    """Sessions that show it (count)."""

    users: int
    """Distinct users among them, at least `flowgraph.MIN_USERS`."""

    evidence: list[str] = Field(max_length=EVIDENCE)
    """Ids of the newest sessions that show it."""

    advice: str
    """What to do about it, in one sentence."""


class MoreOften(Finding):
    """Something happens after these steps more often than chance explains."""

    hits: int
    """Sessions in which it happened (count)."""

    cases: int
    """Sessions in which it could have (count): for outcomes, those whose outcome is known."""

    share: Share
    """`hits` of `cases`, with the 95 % interval."""

    usual_rate: float
    """What chance gives (0 to 1) in sessions of the same length."""

    p_value: float
    """Probability of so many hits by chance, at most."""


class Loop(MoreOften):
    """A step that sessions come back to."""

    failed_rate: float | None
    """Share of failed (0 to 1) among sessions that came back; `None` when hardly any outcome is known."""

    other_failed_rate: float | None
    """The same for sessions with this step that did not."""

    is_costly: bool
    """True when those that came back fail more often, beyond both intervals."""


class Shortcut(Finding):
    """A way to the solution that is shorter than the usual one and no worse."""

    median_s: float
    """Median time from first to last step of its solved sessions (seconds)."""

    success: Share
    others_rate: float
    """Share of solved (0 to 1) on all other ways from the same first step."""

    p_value: float
    """Probability of so many solved by chance if it were worse than the others by a margin, at most."""


class Start(Record):
    """How sessions that begin with one step usually get to a solution."""

    step: str
    sessions: int
    users: int
    solved: int
    """Sessions that were solved (count); the medians are theirs."""

    success: Share
    """Of the sessions with a known outcome."""

    median_steps: float
    median_s: float
    """Median time from first to last step (seconds)."""

    shortest: Shortcut | None = None
    """The shortest way that is no worse than the others, where there is one."""


class BestPath(Finding):
    """The way through a topic that is surest to end solved."""

    topic: str
    success: Share
    """The interval holds for all ways of the topic at once (95 %)."""

    usual_rate: float
    """Share of solved (0 to 1) among all sessions of the topic."""

    is_better: bool
    """True when even the low end lies above the usual rate."""


class Journey(Finding):
    """What users come back with, after what."""

    median_gap_s: float
    """Median time from the end of the one session to the start of the next (seconds)."""

    share: Share
    """Users who come back with it, of those who come back at all."""

    usual_rate: float
    """What chance gives (0 to 1)."""

    unsolved_rate: float | None
    """Share of the first sessions that were not solved, where known; `None` when hardly any is."""

    p_value: float


class Returns(Record):
    """How often users come back."""

    users: int
    returning: int
    """Users with two sessions or more (count)."""

    median_gap_s: float | None
    """Median time between a user's sessions (seconds); `None` when fewer than 5 users come back."""


class FlowReport(Record):
    """All that flow analysis has found in the sessions of a domain."""

    domain: str
    first_at: float
    """Unix time of the first step (seconds)."""

    last_at: float
    sessions: int
    steps: int
    labels: int
    """Different steps (count)."""

    users: int
    known: int
    """Sessions whose outcome is known (count)."""

    success: Share
    median_steps: float
    median_s: float
    """Median time from first to last step (seconds)."""

    dead_ends: list[MoreOften]
    hand_overs: list[MoreOften]
    loops: list[Loop]
    starts: list[Start]
    best_paths: list[BestPath]
    journeys: list[Journey]
    returns: Returns
    flow: FlowGraph
    false_discovery_rate: float
    """Share (0 to 1) of the findings of one kind that chance may have made, at most, on average."""


def told_share(rate: Rate) -> Share:
    """Return a rate as it is told."""
    return Share(rate=round(rate.mean, 4), low=round(rate.low, 4), high=round(rate.high, 4))


def newest(sessions: Sessions, shown: NDArray[np.int64]) -> list[str]:
    """Return the ids of the newest of the sessions `shown`, newest first; of two at once by id."""
    ends = sessions.times[sessions.offsets[shown + 1] - 1]
    limit = np.sort(ends)[-EVIDENCE] if len(ends) > EVIDENCE else -np.inf
    late = shown[ends >= limit].tolist()
    late.sort(key=lambda one: (-float(sessions.times[sessions.offsets[one + 1] - 1]), sessions.ids[one]))
    return [sessions.ids[one] for one in late[:EVIDENCE]]
