"""Patterns that people read: shared by five users, above chance, told once, seen lately."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning import patterns as patterns_module
from learning.patterns import HALF_LIFE_DAYS, TOP_FLOWS, Found, find_patterns, survey_patterns
from learning.sessions import Sessions
from learning.trust import MIN_USERS, trusted
from memory.records import Pattern
from tests.learning.logs import ALARM, ORDER, START, USERS, Visit, sessions_of, usual_log

DAY_S = 86_400

visits = st.builds(
    Visit,
    st.sampled_from(USERS[:7]),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=8),
    st.sampled_from([True, False, None]),
)


def labels_of(pattern: Pattern) -> tuple[str, ...]:
    return tuple(step.label for step in pattern.sequence)


def survey(log: Sequence[Visit] | Sessions, *, advanced: bool = True) -> Found:
    sessions = log if isinstance(log, Sessions) else sessions_of(log)
    return survey_patterns(trusted(sessions).sessions, "pumps", advanced=advanced)


def shown(
    log: Sequence[Visit] | Sessions, *, advanced: bool = True
) -> dict[tuple[str, tuple[str, ...]], Pattern]:
    found = survey(log, advanced=advanced).patterns
    return {(pattern.pattern_type, labels_of(pattern)): pattern for pattern in found}


def noise(sessions: int, *, labels: str = "abcdefgh", seed: int = 5) -> list[Visit]:
    """Sessions whose steps come in no order at all, `a` more often than the others."""
    rng = random.Random(seed)
    often = "a" * len(labels) + labels
    return [Visit(USERS[n % 20], rng.choices(often, k=rng.randint(2, 10))) for n in range(sessions)]


# --- shared ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.lists(visits, max_size=40))
def test_whatever_the_log_five_users_share_what_is_shown(log: list[Visit]) -> None:
    found = survey(log)

    for pattern in found.patterns:
        labels = labels_of(pattern)
        members = {visit.user for visit in log if holds(visit.labels, labels, pattern.pattern_type)}
        assert pattern.users == len(members) >= MIN_USERS
    assert found.mined == len(found.patterns) + found.chance + found.sudden + found.stale + found.told


def holds(flow: Sequence[str], wanted: Sequence[str], kind: str) -> bool:
    if kind == "flow":
        return list(flow) == list(wanted)
    if kind == "sequence":
        return any(tuple(flow[at : at + len(wanted)]) == wanted for at in range(len(flow)))
    rest = iter(flow)
    return all(step in rest for step in wanted)


@pytest.mark.parametrize(("people", "is_shown"), [(4, False), (5, True)])
@pytest.mark.parametrize("kind", ["flow", "sequence"])
def test_four_users_are_no_pattern_and_five_are(people: int, is_shown: bool, kind: str) -> None:
    often = [Visit(user, ["buy", "sell", "merge"]) for user in USERS[:people] for _ in range(20)]

    found = shown([*usual_log(), *often])

    assert ((kind, ("buy", "sell", "merge")) in found) is is_shown


def test_a_phrase_that_one_user_planted_is_in_no_pattern() -> None:
    planted = [Visit("forger", ["alarm", "call-me-under-555", "restart"])] * 19

    patterns = survey([*usual_log(), *planted]).patterns

    assert patterns
    assert not any("555" in label for pattern in patterns for label in labels_of(pattern))


def test_ten_thousand_forged_sessions_change_nothing_at_all() -> None:
    forged = [Visit("forger", ["alarm", "order", "price"])] * 10_000

    assert survey([*usual_log(), *forged]) == survey(usual_log())


def test_what_rested_on_a_user_goes_with_the_user() -> None:
    five = [Visit(user, ["buy", "sell", "merge"]) for user in USERS[:5] for _ in range(4)]
    log = [*usual_log(), *five]

    before, after = shown(log), shown([visit for visit in log if visit.user != USERS[0]])

    assert ("flow", ("buy", "sell", "merge")) in before
    assert not any("sell" in labels for _, labels in after)
    assert after["flow", tuple(ALARM)].frequency == before["flow", tuple(ALARM)].frequency - 3


# --- above chance ----------------------------------------------------------------------------------


def test_steps_in_no_order_make_no_sequence() -> None:
    assert {kind for kind, _ in shown(noise(800))} <= {"flow"}


def test_an_order_planted_in_noise_is_found_and_little_else() -> None:
    planted = [Visit(visit.user, [*visit.labels, "x", "y", "z"]) for visit in noise(300, seed=6)]
    mixed = [item for pair in zip(noise(300), planted, strict=True) for item in pair]

    sequences = {labels for kind, labels in shown(mixed) if kind == "sequence"}

    assert ("x", "y", "z") in sequences
    assert len(sequences) <= 3


def test_a_popular_step_behind_a_habit_is_not_part_of_it() -> None:
    rng = random.Random(4)
    log = [
        Visit(USERS[n % 20], ["ask", "pay", rng.choice("aaaaab"), rng.choice("aaaaab")]) for n in range(300)
    ]

    sequences = {labels for kind, labels in shown(log) if kind == "sequence"}

    assert ("ask", "pay") in sequences or any(labels[:2] == ("ask", "pay") for labels in sequences)
    assert ("a", "a") not in sequences


def test_one_step_again_and_again_is_no_pattern() -> None:
    assert shown([Visit(user, ["again"] * 4) for user in USERS]) == {}


def test_lift_says_how_far_above_chance() -> None:
    alternatives = [Visit(USERS[n % 20], ["ab", "cd"][n % 2]) for n in range(200)]

    assert shown(alternatives)["sequence", ("a", "b")].lift == 2.0
    assert shown(alternatives)["flow", ("a", "b")].lift is None


# --- told once -------------------------------------------------------------------------------------


def test_what_a_longer_sequence_says_is_not_said_again() -> None:
    sequences = {labels for kind, labels in shown(usual_log()) if kind == "sequence"}

    assert sequences == {tuple(ALARM), tuple(ORDER)}


def test_a_part_that_often_comes_alone_is_said_too() -> None:
    alone = [Visit(user, ["hello", "alarm", "diagnose", "bye"]) for user in USERS for _ in range(2)]

    sequences = {labels for kind, labels in shown([*usual_log(), *alone]) if kind == "sequence"}

    assert {("alarm", "diagnose"), tuple(ALARM), ("hello", "alarm", "diagnose", "bye")} <= sequences


def test_steps_with_others_between_are_looked_for_only_when_advanced() -> None:
    rng = random.Random(2)
    log = [
        Visit(
            USERS[n % 20],
            ["pump" if n % 2 else "fan", *rng.choices("abcdef", k=3), "seal" if n % 2 else "belt"],
        )
        for n in range(200)
    ]

    plain, advanced = shown(log, advanced=False), shown(log)

    assert {kind for kind, _ in plain} <= {"flow", "sequence"}
    assert plain.items() <= advanced.items()
    gapped = {labels for kind, labels in advanced if kind == "gapped"}
    assert gapped == {("pump", "seal"), ("fan", "belt")}


def test_neighbours_are_not_told_again_as_a_gapped_pattern() -> None:
    assert not [labels for kind, labels in shown(usual_log()) if kind == "gapped"]


# --- seen lately -----------------------------------------------------------------------------------


def aged(log: Sequence[Visit], days: Sequence[float]) -> Sessions:
    """The same sessions, beginning so many days before now."""
    sessions = sessions_of(log)
    begin = START.timestamp() - np.array(days) * DAY_S
    place = np.arange(len(sessions.steps)) - np.repeat(sessions.offsets[:-1], np.diff(sessions.offsets))
    return replace(sessions, times=np.repeat(begin, np.diff(sessions.offsets)) + place * 60)


def test_old_sessions_count_less() -> None:
    log = [
        *[Visit(USERS[n % 20], ALARM) for n in range(60)],
        *[Visit(USERS[n % 20], ORDER) for n in range(50)],
    ]
    days = [*[2 * HALF_LIFE_DAYS + n % 20 for n in range(60)], *[n % 7 for n in range(50)]]

    [first, second] = [one for one in survey(aged(log, days)).patterns if one.pattern_type == "flow"]

    assert (labels_of(first), first.frequency, first.decayed_frequency) == (tuple(ORDER), 50, 50)
    assert (labels_of(second), second.frequency) == (tuple(ALARM), 60)
    assert 60 / 4 * 0.8 < second.decayed_frequency < 60 / 4


def test_what_is_hardly_seen_any_more_is_out() -> None:
    log = [
        *[Visit(USERS[n % 20], ALARM) for n in range(40)],
        *[Visit(USERS[n % 20], ORDER) for n in range(200)],
    ]
    days = [*[8 * HALF_LIFE_DAYS + n * 7 for n in range(40)], *[n % 100 for n in range(200)]]

    found = survey(aged(log, days))

    assert {labels_of(pattern) for pattern in found.patterns} == {tuple(ORDER)}
    assert found.stale >= 1


def test_what_few_users_did_all_at_once_is_withheld_and_counted() -> None:
    steady = [Visit(USERS[n % 20], ALARM if n % 3 else ORDER) for n in range(300)]
    planted = [Visit(USERS[n % 6], ["alarm", "pay", "gift"]) for n in range(18)]
    lasting = aged([*steady, *planted], [*range(300), *range(0, 288, 16)])
    at_once = aged([*steady, *planted], [*range(300), *[100 + n / 6 for n in range(18)]])

    assert ("flow", ("alarm", "pay", "gift")) in shown(lasting)
    assert not any("gift" in labels for _, labels in shown(at_once))
    assert survey(at_once).sudden >= 2 and survey(lasting).sudden == 0


# --- figures ---------------------------------------------------------------------------------------


def test_a_pattern_says_how_often_how_long_and_how_well() -> None:
    failed = [Visit(user, ORDER, solved=False) for user in USERS[:10]]
    unknown = [Visit(user, ORDER, solved=None) for user in USERS[:10]]

    order = shown([*usual_log(), *failed, *unknown])["flow", tuple(ORDER)]

    assert (order.frequency, order.users) == (30, 10)
    assert order.avg_completion_time == 120
    assert ((order.first_seen - START).days, (order.last_updated - START).days) == (60, 89)
    assert order.success_rate == pytest.approx((10 + 4 * 72 / 84) / 24, abs=1e-4)
    assert order.success_low < 0.5 < order.success_high


def test_a_rate_nobody_knows_is_not_made_up() -> None:
    [flow, *_] = survey([Visit(user, ORDER, solved=None) for user in USERS]).patterns

    assert (flow.success_rate, flow.success_low, flow.success_high) == (None, None, None)


def test_an_identity_follows_from_what_a_pattern_is_and_from_nothing_else() -> None:
    before = shown(usual_log())
    after = shown([*usual_log(), *[Visit(user, ["zero", *ALARM]) for user in USERS]])

    both = before.keys() & after.keys()
    assert both and all(after[key].pattern_id == before[key].pattern_id for key in both)
    assert len({pattern.pattern_id for pattern in after.values()}) == len(after)


def test_only_the_most_frequent_whole_flows_are_kept() -> None:
    log = [
        Visit(user, [f"step-{number}", "end"])
        for number in range(TOP_FLOWS + 9)
        for user in USERS[: 5 + number % 10]
    ]

    sessions = aged(log, [0] * len(log))

    flows = [p for (kind, _), p in shown(sessions).items() if kind == "flow"]
    three = survey_patterns(sessions, "pumps", advanced=False, top_flows=3).patterns

    assert len(flows) == TOP_FLOWS
    assert all(one.frequency >= other.frequency for one, other in pairwise(flows))
    assert min(flow.frequency for flow in flows) == 6
    assert [flow.frequency for flow in three if flow.pattern_type == "flow"] == [14, 14, 14]


def test_only_the_most_frequent_sequences_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns_module, "TOP_SEQUENCES", 1)

    assert [labels for kind, labels in shown(usual_log()) if kind == "sequence"] == [tuple(ALARM)]


def test_a_session_of_one_step_is_no_pattern() -> None:
    assert shown([Visit(user, ["alarm"]) for user in USERS]) == {}


def test_no_sessions_have_no_patterns() -> None:
    assert shown([]) == {}
    assert find_patterns(sessions_of([]), "pumps", advanced=True) == []
