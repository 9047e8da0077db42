"""What the network looks at: the same in the learner, for all steps at once, as when one session asks."""

import random

import numpy as np

from learning.clues import find_all
from learning.histories import earlier_steps, histories
from learning.sessions import UNKNOWN, SessionRow, Sessions, make_sessions
from learning.words import known_words, number_words
from memory.clues import HISTORY, NONE, find_clues, layout
from memory.histories import history_of
from tests.learning.logs import START, USERS

WORDS = [f"word{number}" for number in range(30)]
LABELS = [f"label-{number:02}" for number in range(40)]


def log(*, texts: bool, seed: int = 5) -> Sessions:
    """Sessions of a few users, some of one step, some long, with pauses from none to days."""
    rng = random.Random(seed)
    rows = []
    for number in range(60):
        size = rng.choice([1, 2, 3, 9, 45])
        times = [START.timestamp() + rng.randrange(10**6)]
        for _ in range(size - 1):
            times.append(times[-1] + rng.choice([0, 0, 1, 7, 600, 90_000]))
        said = [" ".join(rng.choices(WORDS, k=rng.randrange(40))) for _ in range(size)]
        rows.append(
            SessionRow(
                f"session-{number:03}",
                USERS[rng.randrange(6)],
                rng.choices(LABELS, k=size),
                times,
                UNKNOWN,
                said if texts else None,
            )
        )
    return make_sessions(rows)


def summed(features: list[int], weights: list[float]) -> dict[int, float]:
    found: dict[int, float] = {}
    for feature, weight in zip(features, weights, strict=True):
        found[feature] = found.get(feature, 0.0) + weight
    return found


def test_learner_and_index_see_the_same_clues() -> None:
    for texts in (True, False):
        sessions = log(texts=texts)
        words = known_words(sessions)
        numbers, number_offsets = number_words(sessions, words)
        where = layout(len(sessions.labels), len(words))
        earlier = earlier_steps(sessions)
        at = np.array([n for n in range(len(sessions.steps)) if n not in set(sessions.offsets.tolist())])

        found = find_all(sessions, at, numbers, number_offsets, earlier, where)

        assert texts is bool(len(words))
        for row, place in enumerate(at.tolist()):
            session = int(np.searchsorted(sessions.offsets, place, side="right")) - 1
            begin = int(sessions.offsets[session])
            said = [numbers[number_offsets[n] : number_offsets[n + 1]].tolist() for n in range(begin, place)]
            clues = find_clues(
                [step + 1 for step in sessions.steps[begin:place].tolist()],
                said if texts else [],
                sessions.times[begin:place].tolist(),
                earlier.steps[earlier.starts[session] : earlier.ends[session]].tolist(),
                where,
            )
            span = slice(int(found.starts[row]), int(found.starts[row + 1]))
            ours = summed(found.features[span].tolist(), found.weights[span].tolist())
            theirs = summed(clues.features, clues.weights)
            assert ours.keys() == theirs.keys()
            assert np.allclose([ours[key] for key in ours], [theirs[key] for key in ours], atol=1e-5)
            assert max(ours) < where.size


def test_a_session_sees_only_what_its_user_did_before_it() -> None:
    minute = 60.0
    rows = [
        SessionRow("later", USERS[0], ["b", "c"], [900.0, 960.0]),
        SessionRow("other", USERS[1], ["d"], [0.0]),
        SessionRow("first", USERS[0], ["a"], [minute]),
    ]
    sessions = make_sessions(rows)

    earlier = earlier_steps(sessions)
    seen = [earlier.steps[a:b].tolist() for a, b in zip(earlier.starts, earlier.ends, strict=True)]

    assert seen == [[NONE, 1], [], []]
    known = histories(sessions)
    assert history_of(known, USERS[0]) == [NONE, 1, NONE, 2, 3]
    assert history_of(known, USERS[1]) == [NONE, 4]
    assert history_of(known, USERS[2]) == history_of(known, None) == []


def test_of_a_long_past_only_the_end_counts() -> None:
    rows = [
        SessionRow(f"s{n}", USERS[0], ["a", "b", "c"], [n * 900.0 + i for i in range(3)]) for n in range(50)
    ]
    sessions = make_sessions(rows)

    past = history_of(histories(sessions), USERS[0])

    assert len(past) == HISTORY
    assert past[-4:] == [NONE, 1, 2, 3]


def test_a_word_is_known_from_the_fifth_user_on() -> None:
    def known(people: int) -> int:
        rows = [
            SessionRow(f"s{n}", user, ["a"], [0.0], UNKNOWN, ["xyzzy " * 9])
            for n, user in enumerate(USERS[:people])
        ]
        return len(known_words(make_sessions(rows)))

    assert (known(4), known(5)) == (0, 1)
