"""The amounts that a message names."""

import pytest

from domains.amounts import find_amounts


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Pressure is 12.5 bar, limit 12.5 Bar", ["12.5 bar"]),
        ("1,200 RPM at 85°C", ["1200 rpm", "85 °C"]),
        ("vibration of 7.1 mm/s for 30 minutes", ["7.1 mm/s", "30 min"]),
        ("a 10-minute wait, then 2 h", ["10 min", "2 h"]),
        ("it dropped by -5 K and 20%", ["20 %"]),
        ("512 MB of memory, 4 vCPUs, $12.50 a day", ["512 MB", "4 vCPU", "12.50 USD"]),
        ("150 mA or 150 MA?", ["150 mA"]),
        ("about €1,000 or 900 euros", ["1000 EUR", "900 EUR"]),
        ("between 5 and 7 days", ["7 days"]),
    ],
)
def test_a_number_with_a_unit_is_an_amount_spelled_one_way(text: str, amounts: list[str]) -> None:
    assert find_amounts(text) == amounts


@pytest.mark.parametrize("text", ["", "alarm VB-207", "P-101 m", "step 3", "version 1.2.3 s", "EC2 m5", "s3"])
def test_a_number_without_a_unit_or_in_a_code_is_none(text: str) -> None:
    assert find_amounts(text) == []
