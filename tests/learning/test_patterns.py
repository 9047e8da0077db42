"""Patterns that people read: counted right, shared by five users or not shown."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import patterns as patterns_module
from learning.patterns import LONGEST, MIN_USERS, REACH, TOP_FLOWS, contiguous, count, find_patterns
from learning.sessions import SOLVED, UNKNOWN, Sessions
from memory.records import Pattern
from tests.learning.logs import ALARM, ORDER, START, USERS, Visit, sessions_of, usual_log

Figures = tuple[int, int, int, int, float]
"""Sessions, users, solved, known, and mean time from first to last step (seconds)."""

visits = st.builds(
    Visit,
    st.sampled_from(USERS[:7]),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=8),
    st.sampled_from([True, False, None]),
)


def labels_of(pattern: Pattern) -> tuple[str, ...]:
    return tuple(step.label for step in pattern.sequence)


def shown(log: Sequence[Visit], *, advanced: bool = False) -> dict[tuple[str, tuple[str, ...]], Pattern]:
    found = find_patterns(sessions_of(log), "pumps", advanced=advanced)
    return {(pattern.pattern_type, labels_of(pattern)): pattern for pattern in found}


def naive(sessions: Sessions, lengths: Sequence[int]) -> dict[tuple[str, ...], Figures]:
    """Count every run of neighbouring steps, one by one."""
    spans: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    members: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for number in range(len(sessions)):
        start, end = sessions.offsets[number], sessions.offsets[number + 1]
        for length in lengths:
            for place in range(start, end - length + 1):
                run = tuple(sessions.labels[step] for step in sessions.steps[place : place + length])
                spans[run].append(float(sessions.times[place + length - 1] - sessions.times[place]))
                members[run].add(number)
    return {
        run: (
            len(found),
            len({int(sessions.users[n]) for n in found}),
            sum(sessions.outcomes[n] == SOLVED for n in found),
            sum(sessions.outcomes[n] != UNKNOWN for n in found),
            pytest.approx(sum(spans[run]) / len(spans[run])),
        )
        for run, found in members.items()
    }


@settings(deadline=None)
@given(st.lists(visits, min_size=1, max_size=25))
def test_counting_level_by_level_finds_what_counting_one_by_one_finds(log: list[Visit]) -> None:
    sessions = sessions_of(log)
    found: dict[tuple[str, ...], Figures] = {}
    for windows in contiguous(sessions):
        counted = count(windows, sessions)
        for kind, run in enumerate(counted.example.tolist()):
            steps = sessions.steps[windows.first[run] : windows.last[run] + 1]
            found[tuple(sessions.labels[step] for step in steps)] = (
                int(counted.sessions[kind]),
                int(counted.users[kind]),
                int(counted.solved[kind]),
                int(counted.known[kind]),
                float(counted.seconds[kind]),
            )

    assert found == naive(sessions, range(1, LONGEST + 1))


@settings(deadline=None)
@given(st.lists(visits, max_size=40))
def test_shown_are_exactly_the_runs_that_five_users_share(log: list[Visit]) -> None:
    runs = naive(sessions_of(log), range(2, LONGEST + 1))

    sequences = {labels: p for (kind, labels), p in shown(log).items() if kind == "sequence"}

    assert sequences.keys() == {run for run, figures in runs.items() if figures[1] >= MIN_USERS}
    for labels, pattern in sequences.items():
        sessions, users, solved, known, seconds = runs[labels]
        assert (pattern.frequency, pattern.users) == (sessions, users)
        assert pattern.success_rate == (round(solved / known, 4) if known else None)
        assert pattern.avg_completion_time == pytest.approx(seconds, abs=1e-3)


@pytest.mark.parametrize(("people", "is_shown"), [(4, False), (5, True)])
@pytest.mark.parametrize("kind", ["flow", "sequence", "gapped"])
def test_four_users_are_no_pattern_and_five_are(people: int, is_shown: bool, kind: str) -> None:
    often = [Visit(user, ["buy", "sell", "merge"]) for user in USERS[:people] for _ in range(20)]

    found = shown([*usual_log(), *often], advanced=True)

    labels = {"flow": ("buy", "sell", "merge"), "sequence": ("buy", "sell"), "gapped": ("buy", "merge")}[kind]
    assert ((kind, labels) in found) is is_shown


def test_steps_with_others_between_are_looked_for_only_when_advanced() -> None:
    plain, advanced = shown(usual_log()), shown(usual_log(), advanced=True)

    assert {kind for kind, _ in plain} == {"flow", "sequence"}
    assert plain.items() <= advanced.items()
    gapped = {labels for kind, labels in advanced if kind == "gapped"}
    assert gapped == {
        ("alarm", "repair"),
        ("alarm", "restart"),
        ("diagnose", "restart"),
        ("order", "delivery"),
        ("alarm", "diagnose", "restart"),
        ("alarm", "repair", "restart"),
    }


@settings(deadline=None)
@given(st.lists(visits, max_size=30))
def test_gapped_are_exactly_the_spread_out_steps_that_five_users_share(log: list[Visit]) -> None:
    sharers: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    sessions = sessions_of(log)
    for number in range(len(sessions)):
        steps = sessions.steps[sessions.offsets[number] : sessions.offsets[number + 1]]
        labels = [sessions.labels[step] for step in steps]
        for length in (2, 3):
            for places in combinations(range(len(labels)), length):
                run = tuple(labels[place] for place in places)
                if length - 1 < places[-1] - places[0] <= REACH and len(set(run)) == length:
                    sharers[run].add(int(sessions.users[number]))

    gapped = {labels for kind, labels in shown(log, advanced=True) if kind == "gapped"}

    assert gapped == {run for run, users in sharers.items() if len(users) >= MIN_USERS}


def test_gapped_steps_are_at_most_four_apart_and_never_the_same() -> None:
    log = [Visit(user, ["a", "b", "c", "d", "e", "f", "a"]) for user in USERS]

    gapped = {labels for kind, labels in shown(log, advanced=True) if kind == "gapped"}

    assert {("a", "c"), ("a", "d"), ("a", "e")} <= gapped
    assert not {("a", "b"), ("a", "f"), ("a", "a")} & gapped


def test_a_pattern_says_how_often_how_long_and_how_well() -> None:
    failed = [Visit(user, ORDER, solved=False) for user in USERS[:10]]
    unknown = [Visit(user, ORDER, solved=None) for user in USERS[:10]]

    order = shown([*usual_log(), *failed, *unknown])["flow", tuple(ORDER)]

    assert (order.frequency, order.users, order.success_rate) == (30, 10, 0.5)
    assert order.avg_completion_time == 120
    assert (order.last_updated - START).days == 89


def test_an_identity_follows_from_what_a_pattern_is_and_from_nothing_else() -> None:
    before = shown(usual_log(), advanced=True)
    after = shown([*usual_log(), *[Visit(user, ["zero", *ALARM]) for user in USERS]], advanced=True)

    assert all(after[key].pattern_id == pattern.pattern_id for key, pattern in before.items())
    assert len({pattern.pattern_id for pattern in after.values()}) == len(after)


def test_only_the_most_frequent_whole_flows_are_kept() -> None:
    log = [
        Visit(user, [f"step-{number}", "end"])
        for number in range(TOP_FLOWS + 9)
        for user in USERS[: 5 + number % 10]
    ]

    flows = [p for (kind, _), p in shown(log).items() if kind == "flow"]

    assert len(flows) == TOP_FLOWS
    assert all(one.frequency >= other.frequency for one, other in pairwise(flows))
    assert min(flow.frequency for flow in flows) == 6


def test_only_the_most_frequent_sequences_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns_module, "TOP_SEQUENCES", 2)

    pairs = [labels for kind, labels in shown(usual_log()) if kind == "sequence" and len(labels) == 2]

    assert len(pairs) == 2
    assert all(label in ALARM for pair in pairs for label in pair)


def test_a_session_of_one_step_is_no_pattern() -> None:
    assert shown([Visit(user, ["alarm"]) for user in USERS], advanced=True) == {}


def test_no_sessions_have_no_patterns() -> None:
    assert shown([], advanced=True) == {}
