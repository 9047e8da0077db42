"""Mined patterns are what counting one by one finds, on small logs, odd logs and in any number of parts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import compiled, mining, trie
from learning.figures import Kind
from learning.meeting import LONG
from learning.mining import contiguous, gapped
from learning.sessions import ESCALATED, SOLVED, UNKNOWN, UNSOLVED, SessionRow, Sessions, make_sessions
from learning.trie import TooManyPatterns
from tests.learning.mined import drawn_log, mine_slowly, read

KINDS: list[Kind] = ["contiguous", "gapped"]

rows = st.builds(
    lambda number, user, labels, outcome: SessionRow(
        str(number), user, labels, [1e9 + 7.25 * place**2 + number for place in range(len(labels))], outcome
    ),
    st.integers(0, 1_000),
    st.sampled_from(["ann", "bob", "eve"]),
    st.lists(st.sampled_from("abcd"), max_size=8),
    st.sampled_from([SOLVED, UNSOLVED, ESCALATED, UNKNOWN]),
)


def rows_of(sessions: Sessions) -> list[SessionRow]:
    bounds = zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)
    return [
        SessionRow(
            sessions.ids[number],
            sessions.user_keys[sessions.users[number]],
            [sessions.labels[step] for step in sessions.steps[begin:end]],
            sessions.times[begin:end].tolist(),
            int(sessions.outcomes[number]),
        )
        for number, (begin, end) in enumerate(bounds)
    ]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=150)
@given(
    log=st.lists(rows, max_size=12),
    longest=st.integers(1, 5),
    min_sessions=st.integers(0, 4),
    min_users=st.integers(1, 3),
)
def test_mining_finds_what_counting_one_by_one_finds(
    kind: Kind, log: list[SessionRow], longest: int, min_sessions: int, min_users: int
) -> None:
    sessions = make_sessions(log)
    limits = {"longest": longest, "min_sessions": min_sessions, "min_users": min_users}

    found = getattr(mining, kind)(sessions, **limits)

    assert read(found, sessions.labels) == mine_slowly(log, with_gaps=kind == "gapped", **limits)


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_come_by_length_and_then_in_the_order_of_their_labels(kind: Kind) -> None:
    sessions = drawn_log(300, seed=2)

    patterns = list(read(getattr(mining, kind)(sessions, longest=4, min_sessions=3), sessions.labels))

    assert patterns == sorted(patterns, key=lambda pattern: (len(pattern), pattern))
    assert {len(pattern) for pattern in patterns} == {2, 3, 4}


@pytest.mark.parametrize("kind", KINDS)
def test_two_threads_find_what_one_finds(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = drawn_log(2_000, seed=3)
    one = getattr(mining, kind)(sessions, longest=4, min_sessions=9)

    monkeypatch.setattr(compiled, "WORTH_A_THREAD", 0)
    two = getattr(mining, kind)(sessions, longest=4, min_sessions=9)

    assert [column.tobytes() for column in one] == [column.tobytes() for column in two]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dense", "block"), [(0, 1 << 23), (1 << 22, 7), (0, 100), (500, 100)])
def test_too_many_candidates_for_a_table_are_counted_in_more_passes(
    kind: Kind, dense: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = drawn_log(200, seed=4)
    at_once = getattr(mining, kind)(sessions, longest=4, min_sessions=4)

    monkeypatch.setattr(trie, "DENSE", dense)
    monkeypatch.setattr(trie, "BLOCK", block)
    bit_by_bit = getattr(mining, kind)(sessions, longest=4, min_sessions=4)

    assert [column.tobytes() for column in at_once] == [column.tobytes() for column in bit_by_bit]
    assert len(at_once.sessions) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_of_nothing_holds_no_patterns(kind: Kind) -> None:
    for empty in ([], [SessionRow("a", "ann", [], [])]):
        assert len(getattr(mining, kind)(make_sessions(empty), longest=4, min_sessions=1).sessions) == 0


def test_a_step_without_a_label_is_in_no_pattern_and_parts_runs() -> None:
    sessions = make_sessions([SessionRow("a", "ann", list("abc"), [1.0, 2.0, 3.0])])
    marked = replace(sessions, labels=["a", "b"], steps=np.array([0, 2, 1], np.int32))

    assert read(gapped(marked, longest=3, min_sessions=1), ["a", "b"]).keys() == {("a", "b")}
    assert read(contiguous(marked, longest=3, min_sessions=1), ["a", "b"]) == {}


def test_one_session_shows_each_of_its_patterns_once() -> None:
    sessions = make_sessions([SessionRow("a", "ann", list("abab"), [10.0, 20.0, 50.0, 60.0], SOLVED)])

    runs = read(contiguous(sessions, longest=2, min_sessions=1), sessions.labels)
    spread = read(gapped(sessions, longest=2, min_sessions=1), sessions.labels)

    assert runs == {("a", "b"): (1, 1, 1, 1, 10.0, 10.0, 20.0), ("b", "a"): (1, 1, 1, 1, 30.0, 20.0, 50.0)}
    assert spread == runs | {
        ("a", "a"): (1, 1, 1, 1, 40.0, 10.0, 50.0),
        ("b", "b"): (1, 1, 1, 1, 40.0, 20.0, 60.0),
    }


@pytest.mark.parametrize("length", [199, 200, 201, 230])
def test_long_sessions_are_counted_like_short_ones(length: int) -> None:
    rng = np.random.default_rng(length)
    log = [
        SessionRow(
            str(number),
            f"user-{number}",
            rng.choice(list("abcdefgh"), size, p=[0.6, 0.2, 0.1, 0.06, 0.02, 0.01, 0.005, 0.005]).tolist(),
            np.sort(rng.uniform(0, 1e5, size)).round(3).tolist(),
        )
        for number, size in enumerate([length, length, 6, 9])
    ]
    limits = {"longest": 2, "min_sessions": 2, "min_users": 1}

    found = gapped(make_sessions(log), **limits)

    assert read(found, list("abcdefgh")) == mine_slowly(log, with_gaps=True, **limits)


def test_long_sessions_show_the_same_long_patterns() -> None:
    log = rows_of(drawn_log(60, seed=9, labels=6))

    def padded(steps: int) -> dict[tuple[str, ...], tuple[float, ...]]:
        more = [
            row._replace(labels=["x"] * steps + list(row.labels), times=[1e9] * (steps + len(row.labels)))
            for row in log
        ]
        sessions = make_sessions(more)
        return read(gapped(sessions, longest=4, min_sessions=5), sessions.labels)

    found = padded(LONG)

    assert found == padded(LONG // 2)
    assert len(found) > 500


def test_a_session_of_fifty_thousand_steps_costs_no_more_than_what_is_frequent() -> None:
    ordinary = drawn_log(500, seed=6)
    endless = drawn_log(1, seed=7, steps=50_000)
    together = make_sessions([*rows_of(ordinary), *rows_of(endless)])

    alone = read(gapped(ordinary, longest=4, min_sessions=5), ordinary.labels)
    found = read(gapped(together, longest=4, min_sessions=6), together.labels)

    assert {pattern: figures[0] - 1 for pattern, figures in found.items()} == {
        pattern: figures[0] for pattern, figures in alone.items()
    }


def test_one_endless_session_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie, "MOST_PATTERNS", 3_000)

    with pytest.raises(TooManyPatterns, match="patterns of `3` steps are in `1` sessions or more"):
        gapped(drawn_log(1, seed=7, steps=50_000), longest=4, min_sessions=1)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_labels_are_no_trouble(kind: Kind) -> None:
    sessions = drawn_log(3_000, seed=8, labels=10_000)
    limits = {"longest": 2, "min_sessions": 1, "min_users": 1}

    found = getattr(mining, kind)(sessions, **limits)

    assert len(sessions.labels) > 4_000
    assert len(sessions.labels) ** 2 > max(trie.DENSE, trie.BLOCK)
    assert read(found, sessions.labels) == mine_slowly(
        rows_of(sessions), with_gaps=kind == "gapped", **limits
    )
