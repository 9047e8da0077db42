"""Flow analysis: what a week of sessions shows that a person should act on."""

from datetime import datetime

import numpy as np

from learning.bestpaths import best_paths
from learning.deadends import dead_ends, hand_overs, loops
from learning.findings import FlowReport, told_share
from learning.flowgraph import flow_graph
from learning.journeys import journeys, returns
from learning.sessions import SOLVED, UNKNOWN, Sessions, choose
from learning.shortcuts import starts
from learning.significance import FALSE_DISCOVERIES, share
from learning.trust import MIN_USERS
from memory.errors import AgentError


class OutcomesUnknown(AgentError):
    """No session says how it ended, so nobody can tell good ways from bad ones."""

    code = "learning.outcomes_unknown"

    def __init__(self, domain: str, sessions: int) -> None:
        super().__init__(
            f"None of the {sessions:,} sessions of domain `{domain}` says how it ended.",
            fix="Give feedback (`slipstream feedback`), or import logs that tell it (`slipstream import`).",
        )


class OneLabel(AgentError):
    """All steps are the same, so there is no way to compare with another."""

    code = "learning.one_label"

    def __init__(self, domain: str, label: str) -> None:
        super().__init__(
            f"All steps of domain `{domain}` are `{label[:80]}`: there are no flows to compare.",
            fix=f"Give domain `{domain}` more intents or topics (`slipstream domain list` says where).",
        )


class TooFewUsers(AgentError):
    """So few users have sessions that every finding would tell of persons."""

    code = "learning.too_few_users"

    def __init__(self, domain: str, users: int) -> None:
        super().__init__(
            f"The sessions of domain `{domain}` are those of {users} users; findings need {MIN_USERS}.",
            fix="Look at a longer time (`--since`), or come back when more people have used it.",
        )


class NoSessionsThen(AgentError):
    """No session ended in the time asked for."""

    code = "learning.no_sessions_then"
    kind = "not_found"

    def __init__(self, domain: str, since: datetime | None, until: datetime | None) -> None:
        begin = f" from `{since:%Y-%m-%d}` on" if since else ""
        end = f" before `{until:%Y-%m-%d}`" if until else ""
        super().__init__(
            f"No session of domain `{domain}` ended{begin}{end}.",
            fix="Name another time with `--since` or `--week`, or leave both out to look at all.",
        )


def between(sessions: Sessions, domain: str, since: datetime | None, until: datetime | None) -> Sessions:
    """Return the sessions whose last step lies from `since` on and before `until`; `None` sets no limit.

    Raises:
        NoSessionsThen: there are none.
    """
    some = np.flatnonzero(np.diff(sessions.offsets) > 0)
    ends = sessions.times[sessions.offsets[some + 1] - 1]
    begin = -np.inf if since is None else since.timestamp()
    end = np.inf if until is None else until.timestamp()
    chosen = some[(ends >= begin) & (ends < end)]
    if not len(chosen):
        raise NoSessionsThen(domain, since, until)
    return choose(sessions, chosen)


def analyse(sessions: Sessions, domain: str) -> FlowReport:
    """Return what the sessions of a domain show; the same sessions give the same report.

    No finding rests on fewer than `flowgraph.MIN_USERS` users. Of each kind of finding, at most
    `false_discovery_rate` are there by chance, on average.

    Raises:
        OneLabel: all steps are the same.
        OutcomesUnknown: no session says how it ended.
        TooFewUsers: everything would tell of persons.
    """
    used = np.unique(sessions.steps)
    known = sessions.outcomes != UNKNOWN
    users = len(np.unique(sessions.users))
    if len(used) == 1:
        raise OneLabel(domain, sessions.labels[used[0]])
    if not known.any():
        raise OutcomesUnknown(domain, len(sessions))
    if users < MIN_USERS:
        raise TooFewUsers(domain, users)
    lengths = np.diff(sessions.offsets)
    some = lengths > 0
    spans = sessions.times[sessions.offsets[1:][some] - 1] - sessions.times[sessions.offsets[:-1][some]]
    solved = int((sessions.outcomes == SOLVED).sum())
    return FlowReport(
        domain=domain,
        first_at=float(sessions.times.min()),
        last_at=float(sessions.times.max()),
        sessions=len(sessions),
        steps=len(sessions.steps),
        labels=len(used),
        users=users,
        known=int(known.sum()),
        success=told_share(share(solved, int(known.sum()))),
        median_steps=float(np.median(lengths)),
        median_s=round(float(np.median(spans)), 1),
        dead_ends=dead_ends(sessions),
        hand_overs=hand_overs(sessions),
        loops=loops(sessions),
        starts=starts(sessions),
        best_paths=best_paths(sessions),
        journeys=journeys(sessions),
        returns=returns(sessions),
        flow=flow_graph(sessions),
        false_discovery_rate=FALSE_DISCOVERIES,
    )
