"""Planted good, harm and nothing: the report finds the first two and does not invent them."""

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.effect import watch
from benchmarks.simulate import START, World, simulate
from learning.demotion import Decisions, decide, harmful, load_decisions, put_back, review, store_decisions
from learning.effect import LONGEST, Comparison, measure
from learning.evidence import sessions_with
from learning.served import WithoutDemoted
from learning.sessions import SOLVED, UNSOLVED
from learning.trials import Trial, trials
from memory.errors import StorageFailed
from memory.parquet import open_lake
from memory.records import Guidance, SessionEvent, Suggestion, TurnFinished
from memory.sqlite import open_store
from tests.learning.logs import ALARM, Visit, over, sessions_of, turn_event
from tests.learning.places import NOW, Place
from tests.turns import Habits

HARM = World(effects={"p-3": -0.4})
LATER = NOW + timedelta(days=60)
GOOD = World(effects={"p-5": 0.3}, usual=0.5)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- what the report finds ---------------------------------------------------------------------------


def test_planted_harm_is_found_at_the_pattern_that_does_it_and_at_no_other() -> None:
    log = simulate(HARM, 1500, 1)
    report = measure(log, "pumps")

    assert harmful(log, report, {}) == ["p-3"]
    worst = report.patterns[0]
    assert (worst.pattern_id, worst.label) == ("p-3", "step-3")
    assert worst.solved.high is not None and worst.solved.high < 0
    failed = {one.session_id for one in log if one.is_guided and one.outcome == UNSOLVED}
    assert len(worst.failed_sessions) == 5
    assert set(worst.failed_sessions) <= failed


def test_planted_good_is_found_in_the_pattern_and_in_the_domain() -> None:
    report = measure(simulate(GOOD, 2500, 1), "pumps")

    best = next(one for one in report.patterns if one.pattern_id == "p-5")
    assert best.solved.low is not None and best.solved.low > 0
    assert report.solved.low is not None and report.solved.low > 0
    assert report.turns.high is not None and report.turns.high < 0  # fewer turns to a solution
    assert harmful(simulate(GOOD, 2500, 1), report, {}) == []


def test_where_nothing_is_planted_hardly_anything_is_found_however_often_one_looks() -> None:
    runs = [watch(World(), 800, seed, looks=8) for seed in range(20)]

    assert sum(bool(run.demoted) for run in runs) <= 1
    assert sum(run.above is not None or run.below is not None for run in runs) <= 1


def test_the_interval_of_the_lift_holds_the_truth() -> None:
    report = measure(simulate(World(), 1000, 4), "pumps")

    assert report.solved.low is not None and report.solved.high is not None
    assert report.solved.low < 0 < report.solved.high
    assert report.arms_as_drawn


def test_arms_that_are_not_as_drawn_are_told() -> None:
    log = [one for one in simulate(World(), 1000, 4) if one.is_guided or int(one.session_id[-1]) < 4]

    assert not measure(log, "pumps").arms_as_drawn


def test_suggestions_are_counted_as_followed_by_what_comes_next() -> None:
    report = measure(simulate(World(follow=0.9), 400, 2), "pumps")

    assert report.hit_rate is not None and report.unprompted_hit_rate is not None
    assert report.followed_rate is not None
    assert report.hit_rate > report.unprompted_hit_rate + 0.3
    assert report.followed_rate == pytest.approx(report.hit_rate * 2 / 3)  # two of three


def test_without_trials_there_is_nothing_to_compare() -> None:
    assert measure([], "pumps").solved == Comparison()


# --- from events -------------------------------------------------------------------------------------


def suggested(pattern_id: str = "p-1", label: str = "diagnose") -> Suggestion:
    return Suggestion(label=label, confidence=0.5, pattern_id=pattern_id, support=9)


def turn(session: str, number: int, label: str, arm: Any, **more: Any) -> TurnFinished:
    shown = [suggested()] if arm == "guided" else []
    return turn_event(
        session,
        number,
        label,
        guidance=Guidance(suggestions=shown, arm=arm),
        withheld=[suggested()] if arm == "holdout" else [],
        **{"holdout_share": 0.5, **more},
    )


def test_trials_hold_what_was_shown_or_withheld_and_how_it_ended() -> None:
    log = sessions_of(
        [Visit("ann", ALARM[:2], True), Visit("ben", ALARM[:2], False), Visit("cid", ALARM[:2])]
    )
    turns = [
        turn("session-0000", 1, "alarm", "guided"),
        turn("session-0000", 2, "diagnose", "guided"),
        turn("session-0001", 1, "alarm", "holdout"),
        turn("session-0002", 1, "alarm", "guided", holdout_share=None),
        turn("unheard-of", 1, "alarm", "guided"),
    ]

    guided, withheld = trials(reversed([*turns, turns[0]]), log)

    assert (guided.is_guided, withheld.is_guided) == (True, False)
    assert (guided.outcome, withheld.outcome, guided.steps) == (SOLVED, UNSOLVED, 2)
    assert [one.label for one in guided.turns] == ["alarm", "diagnose"]
    assert guided.pattern_ids == withheld.pattern_ids == {"p-1"}
    report = measure([guided, withheld], "pumps")
    assert (report.hit_rate, report.followed_rate, report.turns.holdout) == (1.0, 0.5, LONGEST)


# --- demotion ----------------------------------------------------------------------------------------


def decided(log: list[Trial], before: Decisions | None = None) -> Decisions:
    before = before or Decisions()
    return decide(log, measure(log, "pumps", since=before.promoted), before, at=START)


def test_a_demoted_pattern_keeps_the_evidence_that_took_it_out() -> None:
    first = decided(simulate(HARM, 1500, 1))
    later = decided(simulate(World(), 50, 1), first)

    assert first.demoted["p-3"].sessions
    assert (first.demoted["p-3"].high or 0) < 0
    assert later.demoted == first.demoted


def test_what_a_person_puts_back_is_judged_by_later_sessions_only() -> None:
    log = simulate(HARM, 1500, 1)
    after = put_back(decided(log), "p-3", at=log[-1].at + timedelta(hours=1))

    assert "p-3" not in decided(log, after).demoted
    again = [
        Trial(**{**vars(one), "at": one.at + timedelta(days=100), "session_id": f"later-{one.session_id}"})
        for one in simulate(HARM, 1500, 2)
    ]
    assert "p-3" in decided([*log, *again], after).demoted


def test_decisions_are_read_back_and_a_damaged_file_is_not_taken_for_none(tmp_path: Path) -> None:
    whose = {"tenant": "acme", "domain": "pumps"}
    known = decided(simulate(HARM, 1500, 1))
    store_decisions(tmp_path, known, **whose)

    assert load_decisions(tmp_path, **whose) == known
    assert load_decisions(tmp_path, tenant="acme", domain="other") == Decisions()
    [file] = (tmp_path / "guidance/demoted").iterdir()
    file.write_text("{")
    with pytest.raises(StorageFailed, match="damaged"):
        load_decisions(tmp_path, **whose)


def harmful_log(sessions: int = 240) -> list[SessionEvent]:
    """Every session is shown the pattern, or would be; most guided ones fail."""
    events: list[SessionEvent] = []
    rng = Random(3)
    for number in range(sessions):
        session, arm = f"s-{number:04}", "guided" if rng.random() < 0.5 else "holdout"
        at_s, user = number * 3600.0, f"user-{number % 12}"
        is_solved = rng.random() < (0.1 if arm == "guided" else 0.9)
        for place, label in enumerate(ALARM[:2], start=1):
            events.append(turn(session, place, label, arm, at_s=at_s + place, user=user))
        events.append(over(session, "solved" if is_solved else "unsolved", at_s=at_s + 60))
    return events


@pytest.mark.anyio
async def test_learning_takes_what_does_harm_out_of_service(tmp_path: Path) -> None:
    with open_store(tmp_path / "store.sqlite") as store:
        place = Place(tmp_path, open_lake(tmp_path / "lake"), store.registry("acme"))
        await place.lake.write(harmful_log())
        await place.learn(now=LATER)

        found = load_decisions(tmp_path, tenant="acme", domain="pumps")

    assert list(found.demoted) == ["p-1"]
    assert found.demoted["p-1"].at == LATER


@pytest.mark.anyio
async def test_a_lake_without_arms_decides_nothing(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake")
    await lake.write([turn_event("s-1", 1, "alarm")])

    found = await review(lake, sessions_of([]), tmp_path, tenant="acme", domain="pumps", now=NOW)

    assert found == Decisions()
    assert not (tmp_path / "guidance").exists()


# --- what is served, and why -------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_demoted_pattern_is_neither_suggested_nor_listed() -> None:
    served = WithoutDemoted(Habits(), {"p-1"})

    assert (await served.match(["alarm"], user=None)).suggestions == []
    kept = await WithoutDemoted(Habits(), {"p-2"}).match(["alarm"], user=None)
    assert [one.pattern_id for one in kept.suggestions] == ["p-1"]


def test_a_pattern_is_answered_for_by_the_sessions_that_show_it_newest_first() -> None:
    log = sessions_of([Visit("ann", ALARM), Visit("ben", ["order", *ALARM[:2]]), Visit("cid", ALARM)])

    assert sessions_with(log, ALARM[:2]) == ["session-0002", "session-0001", "session-0000"]
    assert sessions_with(log, ALARM[:2], limit=1) == ["session-0002"]
    assert sessions_with(log, ["alarm", "repair"]) == []
    assert sessions_with(log, ["alarm", "repair"], "gapped") == ["session-0002", "session-0000"]
    assert sessions_with(log, ALARM[:2], "flow") == []
    assert sessions_with(log, ["never"]) == []
