"""The tool of the solaris domain: readings against limits."""

from typing import Any

import pytest

from domains.solaris.tools import check_limit, plan, read_limits
from tools.catalog import ToolFailed

SMT60 = {"turbine_model": "SMT60"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def planned(quantity: str, value: float, unit: str, model: str = "SMT60") -> dict[str, Any]:
    return {"quantity": quantity, "turbine_model": model, "value": value, "unit": unit}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is 2.9 bar oil pressure ok?", planned("lube_oil_pressure", 2.9, "bar")),
        ("oil pressure 42 psi on unit 3", planned("lube_oil_pressure", 42, "psi")),
        ("SMT-60 oil temp is 71,5", planned("lube_oil_temperature", 71.5, "°C")),
        ("A-201 again, vibes at 65 microns", planned("shaft_vibration", 65, "microns")),
        ("vibration of 9.5 mm/s at the casing", planned("casing_vibration", 9.5, "mm/s")),
        ("exhaust temperature spread: 48 K", planned("exhaust_spread", 48, "k")),
        ("gas detector shows 12 % LEL", planned("enclosure_gas_level", 12, "% lel")),
        ("shaft vibration 62 \u03bcm", planned("shaft_vibration", 62, "µm")),
    ],
)
def test_a_reading_in_the_question_is_planned(question: str, expected: dict[str, Any]) -> None:
    assert plan(question, SMT60) == expected


@pytest.mark.parametrize(
    "question",
    [
        "How do I start the SMT60?",
        "Why is the oil pressure low?",
        "oil pressure has been low for 20 minutes on unit 4",
        "oil pressure is 20 minutes late",
        "A-101 oil pressure on the SMT60",
        "temperature 70 C",
        "oil pressure 70 °C",
    ],
)
def test_a_question_without_quantity_and_reading_needs_no_tool(question: str) -> None:
    assert plan(question, SMT60) is None


def test_a_reading_without_a_model_needs_no_tool() -> None:
    assert plan("Is 2.9 bar oil pressure ok?", {}) is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (planned("lube_oil_pressure", 3.6, "bar"), "3.6 bar is in the normal range."),
        (planned("lube_oil_pressure", 2.9, "bar"), "2.9 bar is outside the normal range, and no alarm"),
        (planned("lube_oil_pressure", 2.9, "bar", "SMT130"), "2.9 bar is in the alarm range (A-101)."),
        (planned("lube_oil_pressure", 2.2, "bar"), "2.2 bar is at or beyond the trip limit (T-101)."),
        (planned("shaft_vibration", 85, "µm"), "85 µm is at or beyond the trip limit (T-201)."),
        (planned("fuel_gas_pressure", 20, "bar"), "20 bar is in the alarm range (A-402)."),
        (planned("exhaust_temperature", 1000, "f"), "537.778 °C is outside the normal range"),
        (planned("exhaust_spread", 90, "f"), "50 K is in the alarm range (A-302)."),
        (planned("oil_water_content", 600, "ppm"), "600 ppm is in the alarm range."),
    ],
)
async def test_a_reading_is_compared_with_the_limits_of_its_model(
    arguments: dict[str, Any], expected: str
) -> None:
    text = await check_limit.run(arguments)

    assert text.startswith(expected)
    assert text.endswith(read_limits()[arguments["quantity"]].sentence(arguments["turbine_model"]))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (planned("mood", 3, "bar"), "there are no limits for `mood`"),
        (planned("lube_oil_pressure", 3, "bar", "SMT90"), "`SMT90` is not one of SMT60, SMT130"),
        (planned("lube_oil_pressure", 3, "°C"), "`°C` cannot be compared with limits in bar"),
        (planned("lube_oil_pressure", float("nan"), "bar"), "`nan` is not a finite number"),
        ({"quantity": "lube_oil_pressure", "turbine_model": "SMT60"}, "`None` is not a finite number"),
    ],
)
async def test_what_cannot_be_compared_is_refused_with_the_reason(
    arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ToolFailed) as failure:
        await check_limit.run(arguments)

    assert reason in str(failure.value)


def test_every_limit_is_in_order_and_has_a_sentence_for_each_model() -> None:
    for limit in read_limits().values():
        assert list(limit.models) == ["SMT60", "SMT130"]
        for model, band in limit.models.items():
            rising = [band.trip_low, band.alarm_low, *band.normal, band.alarm_high, band.trip_high]
            points = [point for point in rising if point is not None]
            assert points == sorted(set(points)), limit.title
            assert limit.title in limit.sentence(model)


def test_every_code_belongs_to_a_limit_of_both_models() -> None:
    for limit in read_limits().values():
        for side in limit.codes:
            assert all(getattr(band, side) is not None for band in limit.models.values()), limit.title
