"""Who may teach others: forgers, machines and wrong clocks leave no trace."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from learning.sessions import Sessions
from learning.trust import AHEAD_S, BURST_WEEKS, CAP_SESSIONS, FEW_USERS, MACHINE_SESSIONS, sudden, trusted
from tests.learning.logs import ALARM, ORDER, START, USERS, Visit, sessions_of, usual_log


def columns(sessions: Sessions) -> dict[str, Any]:
    found = {one.name: getattr(sessions, one.name) for one in fields(sessions)}
    return {name: one.tolist() if isinstance(one, np.ndarray) else one for name, one in found.items()}


def flow(sessions: Sessions, number: int) -> list[str]:
    return [
        sessions.labels[step]
        for step in sessions.steps[sessions.offsets[number] : sessions.offsets[number + 1]]
    ]


def test_a_log_of_people_is_taken_as_it_is() -> None:
    log = sessions_of(usual_log())

    found = trusted(log)

    assert found.sessions is log
    assert found.left_out[:4] == (0, 0, 0, 0)


def test_no_sessions_are_trusted_too() -> None:
    assert len(trusted(sessions_of([]), now=START.timestamp()).sessions) == 0


def test_ten_thousand_forged_sessions_leave_no_trace() -> None:
    forged = [Visit("forger", ["alarm", "poison", "a-new-label"])] * 10_000

    found = trusted(sessions_of([*usual_log(), *forged]))

    assert columns(found.sessions) == columns(trusted(sessions_of(usual_log())).sessions)
    assert (found.left_out.machines, found.left_out.machine_sessions) == (1, 10_000)


def test_one_forger_does_not_make_another_one_look_small() -> None:
    forged = [Visit(name, ALARM) for name, times in (("a", 1_200), ("b", 30_000)) for _ in range(times)]
    log = sessions_of([*[Visit(user, ORDER) for user in USERS[:2]], *forged])

    found = trusted(log)

    assert set(found.sessions.user_keys) == set(USERS[:2])


def test_where_everybody_has_many_sessions_nobody_is_a_machine() -> None:
    busy = [Visit(user, ["alarm"]) for user in USERS[:5] for _ in range(MACHINE_SESSIONS + 1)]

    assert trusted(sessions_of(busy)).left_out.machines == 0


def test_only_the_newest_sessions_of_a_loud_user_count() -> None:
    loud = [Visit("loud", ["old"] if number < 60 else ["new"]) for number in range(60 + 40)]
    log = sessions_of([*usual_log(), *loud])

    found = trusted(log)

    cap = found.left_out.cap
    user = found.sessions.user_keys.index("loud")
    theirs = np.flatnonzero(found.sessions.users == user).tolist()
    assert cap == 40 and found.left_out.capped == 60
    assert [flow(found.sessions, number) for number in theirs] == [["new"]] * cap
    assert "old" not in found.sessions.labels


def test_newest_is_what_ended_last_whatever_its_name() -> None:
    loud = [Visit("loud", ["x"])] * CAP_SESSIONS * 5
    log = sessions_of([*loud, *[Visit(f"user-{number}", ["x"]) for number in range(30)]])
    backwards = replace(log, times=log.times[::-1].copy())

    kept = trusted(backwards).sessions

    assert kept.ids[:CAP_SESSIONS] == log.ids[:CAP_SESSIONS]
    assert len(kept) == CAP_SESSIONS + 30


def test_a_log_without_users_is_never_capped() -> None:
    log = sessions_of([Visit(f"session-{number}", ORDER) for number in range(500)])

    assert trusted(log).sessions is log


def test_sessions_from_the_future_are_left_out_and_counted() -> None:
    log = sessions_of(usual_log())
    now = float(log.times[log.offsets[40]]) - AHEAD_S - 1

    found = trusted(log, now=now)

    assert found.left_out.future == len(log) - 40
    assert found.sessions.ids == log.ids[:40]
    assert trusted(log).left_out.future == 0


def test_a_clock_in_the_wrong_time_zone_is_no_clock_from_the_future() -> None:
    log = sessions_of(usual_log())

    assert trusted(log, now=float(log.times.max()) - 14 * 3600).left_out.future == 0


# --- sudden patterns -------------------------------------------------------------------------------

STEADY = np.full(50, 40)


def marked(weeks: list[int], users: int, *, log: Any = STEADY) -> bool:
    return bool(sudden(np.array([weeks]), log, np.array([users]))[0])


def burst(start: int, length: int, each: int, *, weeks: int = 50) -> list[int]:
    return [each if start <= week < start + length else 0 for week in range(weeks)]


@pytest.mark.parametrize("start", [0, 25, 40])
def test_what_few_users_did_within_two_weeks_of_a_long_log_is_sudden(start: int) -> None:
    assert marked(burst(start, BURST_WEEKS, 9), users=6)


def test_what_enough_users_share_is_a_fashion_and_not_sudden() -> None:
    assert not marked(burst(25, BURST_WEEKS, 9), users=FEW_USERS)


def test_what_lasts_is_not_sudden() -> None:
    assert not marked(burst(25, 2 * BURST_WEEKS, 9), users=6)


def test_a_session_long_before_does_not_hide_a_burst() -> None:
    weeks = burst(25, BURST_WEEKS, 9)
    weeks[0] = 1

    assert marked(weeks, users=6)


def test_nothing_is_sudden_in_a_young_log() -> None:
    assert not marked(burst(2, 2, 9, weeks=6), users=6, log=np.full(6, 40))
    assert not marked([9], users=6, log=np.full(1, 40))


def test_nothing_is_sudden_in_a_log_that_only_just_grew() -> None:
    log = np.array(burst(45, 5, 1000)) + 1

    assert not marked(burst(46, 2, 9), users=6, log=log)


def test_five_sessions_that_happen_to_be_near_are_an_accident_in_a_short_log() -> None:
    assert not marked(burst(3, 2, 3, weeks=9), users=6, log=np.full(9, 40))
    assert marked(burst(3, 2, 30, weeks=9), users=6, log=np.full(9, 40))


def test_what_a_log_begins_with_may_be_older_than_it() -> None:
    assert not marked(burst(50 - BURST_WEEKS, BURST_WEEKS, 9), users=6)
