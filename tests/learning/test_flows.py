"""Flow analysis: finds what was planted, hardly anything else, and never tells of single persons."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from learning.deadends import dead_ends, hand_overs, loops
from learning.findings import EVIDENCE, Finding, FlowReport
from learning.flows import NoSessionsThen, OneLabel, OutcomesUnknown, TooFewUsers, analyse, between
from learning.journeys import journeys, returns
from learning.sessions import ESCALATED, SOLVED, UNKNOWN, UNSOLVED, SessionRow, Sessions, make_sessions
from learning.shortcuts import starts

START = datetime(2026, 3, 2, tzinfo=UTC)
TRAP, QUICK = "trap/pump", "quick/pump"
SEEDS = 20


def simulated(seed: int, *, trap: float = 0.7, quick: bool = False, count: int = 1_500) -> Sessions:
    """Draw sessions whose end depends on nothing but what is planted.

    `trap` is the share of solved among sessions with the step `TRAP`; 0.7 is that of all others. With `quick`
    some users get from `ask0` straight to `QUICK` and are solved; others give up as early, and are not.
    """
    rng = np.random.default_rng(seed)
    steps = [f"step{number}/pump" for number in range(12)] + [TRAP]
    rows = []
    for number in range(count):
        first = f"ask{rng.integers(4)}/pump"
        way = rng.random()
        if quick and first == "ask0/pump" and way < 0.2:
            labels, solved = [first, QUICK], 0.95
        elif quick and way < 0.3:
            labels, solved = [first, steps[rng.integers(12)]], 0.3
        else:
            labels = [first, *rng.choice(steps, rng.integers(3, 7), replace=False)]
            solved = trap if TRAP in labels else 0.7
        rows.append(
            row(number, f"user-{rng.integers(100)}", labels, SOLVED if rng.random() < solved else UNSOLVED)
        )
    return make_sessions(rows)


def row(
    number: int, user: str, labels: Sequence[str], outcome: int = SOLVED, *, day: float = 0.1
) -> SessionRow:
    begin = START.timestamp() + number * day * 86_400
    return SessionRow(
        f"session-{number:05}", user, labels, [begin + 60 * place for place in range(len(labels))], outcome
    )


def crowd(
    labels: Sequence[str], outcomes: Sequence[int], *, users: int = 40, first: int = 0
) -> list[SessionRow]:
    """Sessions of the same steps, by different users in turn."""
    return [row(first + n, f"user-{n % users}", labels, outcome) for n, outcome in enumerate(outcomes)]


# --- what was planted, and nothing else ---------------------------------------------------------------


def test_a_planted_dead_end_is_found_and_hardly_anything_else() -> None:
    found = [dead_ends(simulated(seed, trap=0.35)) for seed in range(SEEDS)]

    assert all(["trap/pump"] in [one.steps for one in week] for week in found)
    false = sum(one.steps != [TRAP] for week in found for one in week)
    assert false / sum(map(len, found)) <= 0.05


def test_where_no_step_matters_hardly_a_week_has_a_finding() -> None:
    weeks = [simulated(seed) for seed in range(SEEDS)]

    assert sum(bool(dead_ends(week)) for week in weeks) <= 0.05 * SEEDS
    assert sum(bool(loops(week)) for week in weeks) <= 0.05 * SEEDS
    assert sum(bool(journeys(week)) for week in weeks) <= 0.05 * SEEDS


def test_a_planted_shortcut_is_found_and_those_who_give_up_early_are_none() -> None:
    found = [starts(simulated(seed, quick=True)) for seed in range(SEEDS)]

    shortest = [(start.step, start.shortest.steps) for week in found for start in week if start.shortest]
    assert shortest.count(("ask0/pump", ["ask0/pump", QUICK])) == SEEDS
    assert (len(shortest) - SEEDS) / len(shortest) <= 0.05


# --- what does not fool it ------------------------------------------------------------------------------


def test_one_user_who_always_fails_makes_no_dead_end() -> None:
    usual = crowd(["ask", "answer"], [SOLVED, SOLVED, UNSOLVED] * 40)
    loud = [row(500 + n, "loud", ["ask", "own/step"], UNSOLVED) for n in range(60)]
    few = [row(600 + n, f"user-{n}", ["ask", "own/step"], SOLVED) for n in range(6)]

    assert [
        one.steps for one in dead_ends(make_sessions(usual + loud + few)) if "own/step" in one.steps
    ] == []


def test_a_step_that_only_comes_along_with_a_dead_end_is_not_blamed() -> None:
    good = crowd(["ask", "innocent"], [SOLVED] * 140 + [UNSOLVED] * 60)
    bad = crowd(["innocent", "trap"], [UNSOLVED] * 90 + [SOLVED] * 10, first=300)
    worse = crowd(["ask", "trap"], [UNSOLVED] * 90 + [SOLVED] * 10, first=500)
    other = crowd(["ask", "else"], [SOLVED] * 420 + [UNSOLVED] * 180, first=700)

    found = dead_ends(make_sessions(good + bad + worse + other))

    assert [one.steps for one in found] == [["trap"]]


def test_a_pair_is_a_dead_end_where_neither_of_its_steps_is() -> None:
    apart = crowd(["a", "x"], [SOLVED] * 210 + [UNSOLVED] * 90) + crowd(
        ["y", "b"], [SOLVED] * 210 + [UNSOLVED] * 90, first=400
    )
    together = crowd(["a", "b"], [UNSOLVED] * 60 + [SOLVED] * 20, first=800)

    found = dead_ends(make_sessions(apart + together))

    assert ["a", "b"] in [one.steps for one in found]


def test_long_sessions_that_fail_more_do_not_make_each_of_their_steps_a_dead_end() -> None:
    rng = np.random.default_rng(1)
    rows = []
    for number in range(3_000):
        length = int(rng.choice([2, 10]))
        labels = rng.choice([f"step{n}" for n in range(12)], length, replace=False)
        solved = rng.random() < (0.9 if length == 2 else 0.4)
        rows.append(row(number, f"user-{number % 200}", list(labels), SOLVED if solved else UNSOLVED))

    assert dead_ends(make_sessions(rows)) == []


# --- every kind of finding --------------------------------------------------------------------------------


def test_a_dead_end_says_how_often_how_surely_and_in_which_sessions() -> None:
    bad = crowd(["ask", "trap"], [UNSOLVED] * 40 + [SOLVED] * 10, first=500)

    [found] = dead_ends(make_sessions(crowd(["ask", "answer"], [SOLVED] * 400 + [UNSOLVED] * 100) + bad))

    assert (found.steps, found.hits, found.cases, found.users) == (["trap"], 40, 50, 40)
    assert found.share.low < 0.8 < found.share.high < 1
    assert found.usual_rate == pytest.approx(140 / 550, abs=1e-4)
    assert found.p_value < 1e-6
    assert found.evidence == [f"session-{number:05}" for number in range(539, 529, -1)]
    assert "80% of these sessions fail, 25% would by chance" in found.advice


def test_the_step_before_a_person_takes_over_is_a_hand_over() -> None:
    usual = crowd(["ask", "answer"], [SOLVED] * 300 + [ESCALATED] * 10)
    stuck = crowd(["ask", "refund"], [ESCALATED] * 30 + [SOLVED] * 10, first=400)

    [found] = hand_overs(make_sessions(usual + stuck))

    assert (found.steps, found.hits, found.cases) == (["refund"], 30, 40)


def circling(failed_once: int, failed_twice: int) -> Sessions:
    """120 sessions with the step `look` among 300 others, half of them come back to it."""
    rows = [row(n, f"user-{n % 40}", ["ask", f"s{n % 12}", f"s{(n + 5) % 12}", "bye"]) for n in range(300)]
    for n in range(60):
        once = UNSOLVED if n < failed_once else SOLVED
        rows.append(row(400 + n, f"user-{n % 40}", ["ask", "look", f"s{n % 12}", "bye"], once))
        twice = UNSOLVED if n < failed_twice else SOLVED
        rows.append(row(500 + n, f"user-{n % 40}", ["look", f"s{n % 12}", "look", "bye"], twice))
    return make_sessions(rows)


def test_a_step_that_sessions_come_back_to_is_a_loop_and_says_what_it_costs() -> None:
    [found] = loops(circling(failed_once=6, failed_twice=45))

    assert (found.steps, found.hits, found.cases) == (["look"], 60, 120)
    assert (found.failed_rate, found.other_failed_rate) == (0.75, 0.1)
    assert found.advice.startswith("Answer `look` so that nobody has to come back to it")


def test_a_loop_that_does_no_harm_is_left_as_it_is() -> None:
    [found] = loops(circling(failed_once=45, failed_twice=6))

    assert found.advice.startswith("Leave `look` as it is")


def test_the_usual_way_from_a_step_has_the_medians_of_solved_sessions() -> None:
    rows = crowd(["ask", "a", "b", "c"], [SOLVED] * 30) + crowd(["ask", "d"], [UNSOLVED] * 60, first=100)

    [found] = starts(make_sessions(rows))

    assert (found.sessions, found.solved, found.median_steps, found.median_s) == (90, 30, 4, 180)
    assert found.shortest is None


def test_the_surest_way_through_a_topic_is_the_one_with_the_highest_low_end() -> None:
    good = crowd(["check/oil", "repair/oil"], [SOLVED] * 57 + [UNSOLVED] * 3)
    lucky = crowd(["check/oil", "wait/oil"], [SOLVED] * 6, first=100)
    bad = crowd(["check/oil", "ignore/oil"], [UNSOLVED] * 60, first=200)

    [found] = analyse(make_sessions(good + lucky + bad), "pumps").best_paths

    assert (found.topic, found.steps, found.is_better) == ("oil", ["check/oil", "repair/oil"], True)


def test_users_who_come_back_with_the_same_are_a_journey() -> None:
    again = [row(n, f"again-{n % 30}", ["ask/oil"], UNSOLVED) for n in range(60)]
    others = [row(n, f"user-{n % 100}", [f"ask/topic{n // 100 * 3 + n % 3}"]) for n in range(200)]

    found = journeys(make_sessions(again + others))

    assert ["oil", "oil"] in [one.steps for one in found]
    oil = next(one for one in found if one.steps == ["oil", "oil"])
    assert (oil.users, oil.sessions, oil.unsolved_rate) == (30, 30, 1.0)
    assert oil.median_gap_s == pytest.approx(3 * 86_400)


def test_nobody_is_told_of_who_comes_back_alone() -> None:
    again = [row(50, "user-1", ["ask"]), row(51, "user-2", ["ask"])]
    rows = [*crowd(["ask", "answer"], [SOLVED] * 40), *again]

    found = returns(make_sessions(rows))

    assert (found.users, found.returning, found.median_gap_s) == (40, 0, None)


# --- the whole report --------------------------------------------------------------------------------------


def findings(report: FlowReport) -> list[Finding]:
    found: list[Finding] = [*report.dead_ends, *report.hand_overs, *report.loops]
    found += [start.shortest for start in report.starts if start.shortest]
    return [*found, *report.best_paths, *report.journeys]


def test_no_finding_rests_on_fewer_than_five_users_and_each_names_sessions_of_the_log() -> None:
    sessions = simulated(3, trap=0.2, quick=True)

    report = analyse(sessions, "pumps")

    assert len(findings(report)) >= 3
    for one in findings(report):
        assert one.users >= 5
        assert 0 < len(one.evidence) <= EVIDENCE
        assert set(one.evidence) <= set(sessions.ids)
        assert one.advice.endswith(".")


def test_four_users_who_fail_are_no_finding() -> None:
    usual = crowd(["ask", "answer"], [SOLVED] * 400)
    few = crowd(["ask", "rare/step"], [UNSOLVED] * 40, users=4, first=500)

    report = analyse(make_sessions(usual + few), "pumps")

    assert [one.steps for one in findings(report) if "rare/step" in one.steps] == []
    assert [node.label for node in report.flow.nodes if node.label == "rare/step"] == []


def test_the_same_sessions_in_another_order_give_the_same_report() -> None:
    rows = crowd(["ask", "trap", "bye"], [UNSOLVED] * 40, first=500) + crowd(["ask", "bye"], [SOLVED] * 200)

    assert analyse(make_sessions(rows), "pumps") == analyse(make_sessions(rows[::-1]), "pumps")


def test_sessions_of_a_week_are_those_that_ended_in_it() -> None:
    rows = crowd(["ask", "answer"], [SOLVED] * 300)
    sessions = make_sessions(rows)

    week = between(sessions, "pumps", START + timedelta(days=7), START + timedelta(days=14))

    assert (week.ids[0], week.ids[-1], len(week)) == ("session-00070", "session-00139", 70)
    with pytest.raises(NoSessionsThen, match="ended from `2030-01-01` on before `2030-01-08`"):
        between(sessions, "pumps", datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 8, tzinfo=UTC))


def test_what_cannot_be_analysed_is_said_in_words() -> None:
    sessions = make_sessions(crowd(["ask", "answer"], [SOLVED] * 40))

    with pytest.raises(OneLabel):
        analyse(make_sessions(crowd(["ask", "ask"], [SOLVED] * 40)), "pumps")
    with pytest.raises(OutcomesUnknown, match="None of the 40 sessions of domain `pumps` says how it ended"):
        analyse(replace(sessions, outcomes=np.full(40, UNKNOWN, np.int8)), "pumps")
    with pytest.raises(TooFewUsers):
        analyse(make_sessions(crowd(["ask", "answer"], [SOLVED] * 40, users=4)), "pumps")


def test_ten_thousand_labels_an_endless_session_and_foreign_words_are_no_trouble() -> None:
    many = [
        row(n, f"user-{n % 50}", [f"label {n} ✓", "مرحبا"], SOLVED if n % 3 else UNSOLVED)
        for n in range(10_000)
    ]
    endless = row(20_000, "user-1", ["again", "מה"] * 25_000, UNSOLVED)

    report = analyse(make_sessions([*many, endless]), "pumps")

    assert (report.sessions, report.labels) == (10_001, 10_003)
