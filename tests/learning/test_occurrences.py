"""Occurrences counted along a trie are those that counting one by one finds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.occurrences import (
    NOWHERE,
    WEEKS,
    count_labels,
    count_runs,
    count_weeks,
    find_nodes,
    make_sought,
    weeks_ago,
)
from learning.sessions import Sessions
from tests.learning.logs import USERS, Visit, sessions_of

logs = st.lists(
    st.builds(Visit, st.sampled_from(USERS[:3]), st.lists(st.sampled_from("abc"), min_size=1, max_size=8)),
    min_size=1,
    max_size=20,
)
sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=12)


def columns(sought: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, sought)])
    return np.array([step for one in sought for step in one], np.int32), offsets


def flows(sessions: Sessions) -> list[list[int]]:
    return [part.tolist() for part in np.split(sessions.steps, sessions.offsets[1:-1])]


def shows(flow: list[int], wanted: Sequence[int], *, gapped: bool) -> bool:
    if not gapped:
        return any(flow[at : at + len(wanted)] == list(wanted) for at in range(len(flow)))
    return any(
        [flow[at] for at in places] == list(wanted) for places in combinations(range(len(flow)), len(wanted))
    )


@settings(deadline=None)
@given(logs, sequences, st.booleans())
def test_each_session_counts_once_in_its_week(
    log: list[Visit], wanted: list[list[int]], gapped: bool
) -> None:
    sessions = sessions_of([*log, Visit(USERS[0], "abc")])  # so that all labels are known

    counts = count_weeks(sessions, make_sought(*columns(wanted), 3), gapped=gapped)

    weeks = weeks_ago(sessions).tolist()
    for row, one in enumerate(wanted):
        found = Counter(
            week for flow, week in zip(flows(sessions), weeks, strict=True) if shows(flow, one, gapped=gapped)
        )
        assert dict(enumerate(counts[row].tolist())) == {week: found[week] for week in range(counts.shape[1])}


@settings(deadline=None)
@given(logs, sequences)
def test_runs_are_counted_by_what_stands_around_them(log: list[Visit], wanted: list[list[int]]) -> None:
    sessions = sessions_of([*log, Visit(USERS[0], "abc")])  # so that all labels are known
    sought = make_sought(*columns(wanted), 3)

    after, before = count_runs(sessions, sought)

    for one, node in zip(wanted, sought.nodes.tolist(), strict=True):
        places = [
            (at, len(flow))
            for flow in flows(sessions)
            for at in range(len(flow))
            if flow[at : at + len(one)] == one
        ]
        assert after[node] == sum(at + len(one) < length for at, length in places)
        assert before[node] == sum(at > 0 for at, _ in places)


def test_a_label_counts_once_a_session_and_with_its_weight() -> None:
    sessions = sessions_of([Visit(USERS[0], "aab"), Visit(USERS[1], "ca"), Visit(USERS[1], "bbb")])

    counts, weighted = count_labels(sessions, np.array([1, 10, 100]))

    assert (counts.tolist(), weighted.tolist()) == ([2, 2, 1], [11, 101, 10])


def test_a_sequence_is_found_again_and_another_one_is_nowhere() -> None:
    sought = make_sought(*columns([[0, 1], [0, 1, 2], [2]]), 3)

    nodes = find_nodes(sought, np.array([[0, 1], [1, 0], [2, 2]]))

    assert nodes.tolist() == [sought.nodes[0], NOWHERE, NOWHERE]
    assert find_nodes(sought, np.array([[0, 1, 2]])).tolist() == [sought.nodes[1]]
    assert find_nodes(make_sought(*columns([]), 3), np.array([[0, 1]])).tolist() == [NOWHERE]


def test_weeks_count_back_from_the_newest_sessions_and_end_somewhere() -> None:
    sessions = sessions_of([Visit(USERS[0], ["a"]) for _ in range(80)])
    long_log = sessions_of([Visit(USERS[0], ["a"]) for _ in range(7 * (WEEKS + 20))])

    weeks = weeks_ago(sessions)

    assert weeks[-1] == weeks[-7] == 0 and weeks[-8] == 1
    assert weeks_ago(long_log).max() == weeks_ago(long_log)[0] == WEEKS - 1


def test_a_clock_that_is_years_ahead_makes_nothing_else_look_old() -> None:
    sessions = sessions_of([Visit(USERS[0], ["a"]) for _ in range(200)])
    sessions.times[-2:] += 5e8

    assert weeks_ago(sessions)[-11:].tolist() == [1, 1, *[0] * 9]


def test_sessions_without_steps_are_of_no_week_and_do_no_harm() -> None:
    log = sessions_of([Visit(USERS[0], ["a", "b"])])
    empty = replace(log, ids=["x", "y"], offsets=np.array([0, 0, 2]), users=np.array([0, 0], np.int32))

    assert weeks_ago(empty).tolist() == [0, 0]
    assert len(weeks_ago(sessions_of([]))) == 0
