"""Sessions as columns: made from rows, chosen from, with their words."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from learning.sessions import SOLVED, UNKNOWN, SessionRow, Sessions, choose, make_sessions, spread
from memory.text import word_keys
from tests.learning.logs import USERS


def flow(found: Sessions, number: int = 0) -> list[str]:
    return [found.labels[step] for step in found.steps[found.offsets[number] : found.offsets[number + 1]]]


def words(found: Sessions, step: int) -> list[int]:
    return found.words[found.word_offsets[step] : found.word_offsets[step + 1]].tolist()


def test_labels_are_numbered_in_alphabetical_order() -> None:
    found = make_sessions([SessionRow("s", USERS[0], "zebra", range(5))])

    assert found.labels == ["a", "b", "e", "r", "z"]
    assert flow(found) == list("zebra")


def test_sessions_stand_in_the_order_of_their_rows_with_their_owners() -> None:
    rows = [SessionRow(name, user, ["a"], [0]) for name, user in (("b", "y"), ("c", "x"), ("a", "y"))]

    found = make_sessions(rows)

    assert found.ids == ["b", "c", "a"]
    assert [found.user_keys[user] for user in found.users] == ["y", "x", "y"]


def test_chosen_sessions_keep_their_steps_labels_and_owners() -> None:
    found = make_sessions(
        [
            SessionRow("a", USERS[0], ["alarm", "repair"], [0, 1]),
            SessionRow("b", USERS[1], ["order"], [2], SOLVED),
        ]
    )

    chosen, nothing = choose(found, [1, 0]), choose(found, [])

    assert chosen.ids == ["b", "a"]
    assert [flow(chosen, 0), flow(chosen, 1)] == [["order"], ["alarm", "repair"]]
    assert chosen.outcomes.tolist() == [SOLVED, UNKNOWN]
    assert [chosen.user_keys[user] for user in chosen.users] == [USERS[1], USERS[0]]
    assert (len(nothing), len(nothing.steps), nothing.labels) == (0, 0, found.labels)


def test_chosen_sessions_keep_their_words() -> None:
    rows = [
        SessionRow(f"s-{n}", USERS[0], ["a", "b"], [0, 1], texts=[f"one {n}", f"two {n}"]) for n in range(3)
    ]

    chosen = choose(make_sessions(rows), [2, 0])

    said_words = [words(chosen, step) for step in range(4)]
    assert said_words == [word_keys(text) for text in ("one 2", "two 2", "one 0", "two 0")]


def test_sessions_without_texts_have_no_words() -> None:
    found = make_sessions([SessionRow("s", USERS[0], ["b", "a"], [0, 1])])

    assert found.word_offsets.tolist() == [0, 0, 0]
    assert [words(found, step) for step in range(2)] == [[], []]


def test_no_rows_make_no_sessions() -> None:
    found = make_sessions([])

    assert (len(found), found.labels) == (0, [])
    assert np.array_equal(found.offsets, [0])


@given(lengths=st.lists(st.integers(0, 4), max_size=8), data=st.data())
def test_spread_names_all_places_of_the_chosen_spans(lengths: list[int], data: st.DataObject) -> None:
    offsets = np.cumsum([0, *lengths])
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=9)) if lengths else []

    places, after = spread(offsets, np.array(chosen, np.int64))

    assert places.tolist() == [p for n in chosen for p in range(offsets[n], offsets[n + 1])]
    assert np.diff(after).tolist() == [lengths[n] for n in chosen]
