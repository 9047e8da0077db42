"""What comes next: calibrated, shy of single users, and fit for logs of any size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learning.next_step import CAUTIOUS, FEW_SESSIONS, Fitted, fit
from learning.sessions import Sessions
from memory.arrays import ArrayPatternIndex, Model
from tests.learning.logs import ALARM, ORDER, USERS, Visit, sessions_of, usual_log

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def learn(log: Sequence[Visit]) -> ArrayPatternIndex:
    return ArrayPatternIndex(Path("unused"), "pumps", fit(sessions_of(log), "pumps").model)


def same(one: Fitted, other: Fitted) -> bool:
    """True when all numbers are equal, those of the network too."""

    def columns(model: Model) -> list[NDArray[Any]]:
        tables = [*model.contexts, *model.histories, *(model.network or ()), model.network_labels]
        return [np.asarray(table) for table in tables]

    plain = [(fitted.model.labels, fitted.model.tuning, fitted.metrics) for fitted in (one, other)]
    both = [columns(fitted.model) for fitted in (one, other)]
    return (
        plain[0] == plain[1]
        and len(both[0]) == len(both[1])
        and all(np.array_equal(left, right) for left, right in zip(*both, strict=True))
    )


@pytest.mark.parametrize("flow", [[], ["alarm"], ["alarm", "diagnose"], ["never seen"], ["order"] * 9])
async def test_chances_add_up_to_one_and_confidences_fall(flow: list[str]) -> None:
    index = learn(usual_log())

    found = await index.match(flow, user=USERS[0])

    assert sum(index.chances(flow, user=USERS[0]).values()) == pytest.approx(1)
    confidences = [one.confidence for one in found.suggestions]
    assert confidences == sorted(confidences, reverse=True)
    assert 0 < sum(confidences) <= 1


def test_the_longer_the_known_past_the_surer_the_next_step() -> None:
    index = learn([*usual_log(), *[Visit(user, ["order", "diagnose", "price"]) for user in USERS]])

    after_one = index.chances(["diagnose"])["repair"]
    after_two = index.chances(["alarm", "diagnose"])["repair"]

    assert after_two > after_one > index.chances([])["repair"]


async def test_after_steps_that_nobody_knows_come_the_popular_ones() -> None:
    index = learn(usual_log())

    found = await index.match(["never", "seen"], user=None)

    assert found.suggestions[0].label in ALARM
    assert {one.why for one in found.suggestions} == {""}
    assert index.chances(["never", "seen"]) == index.chances(["other", "words"])


def creatures_of_habit() -> list[Visit]:
    """What anyone does after an alarm is what that user did before: half of them restart, half repair."""
    turns = range(8)
    return [
        Visit(user, ["alarm", "restart" if number % 2 else "repair"])
        for _ in turns
        for number, user in enumerate(USERS)
    ]


def test_a_habit_tilts_the_one_who_has_it_and_strangers_get_what_all_get() -> None:
    index = learn(creatures_of_habit())

    assert index.chances(["alarm"], user=USERS[1])["restart"] > 0.8
    assert index.chances(["alarm"], user=USERS[0])["restart"] < 0.2
    assert index.chances(["alarm"], user="f" * 16) == index.chances(["alarm"])
    assert 0.3 < index.chances(["alarm"])["restart"] < 0.7


@pytest.mark.parametrize(("people", "known"), [(4, False), (5, True)])
def test_a_step_is_known_from_the_fifth_user_on(people: int, known: bool) -> None:
    rare = [Visit(user, ["alarm", "merger"]) for user in USERS[:people] for _ in range(9)]
    fitted = fit(sessions_of([*usual_log(), *rare]), "pumps")

    assert ("merger" in fitted.model.labels) is known


async def test_a_way_that_four_users_took_is_suggested_to_nobody() -> None:
    """Each of both steps is common; only their order is the secret of four."""
    secret = [Visit(user, ["delivery", "alarm"]) for user in USERS[:4] for _ in range(20)]
    shared = [Visit(user, ["delivery", "repair"]) for user in USERS[:5]]
    index = learn([*usual_log(), *secret, *shared])

    found = await index.match(["delivery"], user=None)

    why = {one.label: one.why for one in found.suggestions}
    assert why["repair"].endswith("delivery")
    assert why.get("alarm", "") == ""


def test_a_log_is_measured_on_sessions_held_out() -> None:
    metrics = fit(sessions_of(usual_log()), "pumps").metrics

    assert metrics["prefixes"] > 0
    assert 0.9 < metrics["hit_rate_at_1"] <= metrics["hit_rate_at_3"] <= 1
    assert metrics["mrr_at_10"] >= metrics["hit_rate_at_1"]
    assert 0 <= metrics["ece_at_1"] < 0.3


def test_few_sessions_get_the_cautious_tuning_and_no_figures() -> None:
    log = usual_log()[: FEW_SESSIONS - 1]

    fitted = fit(sessions_of(log), "pumps")

    assert (fitted.model.tuning, fitted.metrics) == (CAUTIOUS, {})
    assert fitted.model.labels == sorted(ALARM)


@pytest.mark.parametrize("count", [3, FEW_SESSIONS + 20])
async def test_what_one_user_did_alone_suggests_nothing_and_breaks_nothing(count: int) -> None:
    index = learn([Visit(USERS[0], ALARM, solved=n % 2 == 0) for n in range(count)])

    found = await index.match(["alarm"], user=USERS[0])

    assert found.suggestions == []
    assert found.failure_risk is not None
    assert index.chances(["alarm"]) == {}


async def test_a_log_of_one_step_suggests_that_step() -> None:
    fitted = fit(sessions_of([Visit(user, ["alarm"]) for user in USERS for _ in range(4)]), "pumps")

    found = await ArrayPatternIndex(Path("unused"), "pumps", fitted.model).match([], user=None)

    assert [one.label for one in found.suggestions] == ["alarm"]
    assert (fitted.model.tuning, fitted.metrics) == (CAUTIOUS, {})


async def test_a_flow_that_fails_is_a_risk_and_success_lowers_it() -> None:
    failing = [Visit(user, ORDER, solved=False) for user in USERS]
    index = learn([*usual_log(), *failing])

    risky, safe = await index.match(["order"], user=None), await index.match(["alarm"], user=None)

    assert risky.failure_risk is not None and safe.failure_risk is not None
    assert risky.failure_risk > 0.5 > safe.failure_risk
    [suggested] = [one for one in risky.suggestions if one.label == "price"]
    assert suggested.success_rate == pytest.approx(1 / 3, abs=1e-3)


def test_the_same_sessions_give_the_same_model() -> None:
    def once() -> Sessions:
        return sessions_of(usual_log())

    assert same(fit(once(), "pumps"), fit(once(), "pumps"))
    assert not same(fit(once(), "pumps"), fit(sessions_of(usual_log()[:-10]), "pumps"))
