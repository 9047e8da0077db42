"""Tools of the domain: a reading against the limits of `limits.yaml`."""

import math
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter

from domains.model import Name, Written
from tools.catalog import Tool, ToolFailed

Side = Literal["alarm_low", "alarm_high", "trip_low", "trip_high"]
State = Literal["normal", "outside", "alarm", "trip"]

UNITS: dict[str, dict[str, tuple[float, float]]] = {
    "bar": {"bar": (1, 0), "barg": (1, 0), "kpa": (0.01, 0), "psi": (0.0689476, 0), "psig": (0.0689476, 0)},
    "mbar": {"mbar": (1, 0), "pa": (0.01, 0), "kpa": (10, 0), "inh2o": (2.49089, 0), "mmh2o": (0.0980665, 0)},
    "Pa": {"pa": (1, 0), "mbar": (100, 0)},
    "°C": {
        **dict.fromkeys(("°c", "deg c", "degc", "c", "degrees c", "degrees", "deg"), (1, 0)),
        **dict.fromkeys(("°f", "deg f", "degf", "f", "degrees f"), (5 / 9, 32)),
    },
    "K": {
        **dict.fromkeys(("k", "°c", "deg c", "degc", "c", "degrees c", "degrees", "deg"), (1, 0)),
        **dict.fromkeys(("°f", "deg f", "degf", "f", "degrees f"), (5 / 9, 0)),
    },
    "µm": {**dict.fromkeys(("µm", "um", "micron", "microns", "micrometers"), (1, 0)), "mil": (25.4, 0)},
    "mm/s": {"mm/s": (1, 0), "in/s": (25.4, 0), "ips": (25.4, 0)},
    "g": {"g": (1, 0), "gs": (1, 0)},
    "%": {"%": (1, 0), "percent": (1, 0), "pct": (1, 0)},
    "% LEL": {"% lel": (1, 0), "%lel": (1, 0), "lel": (1, 0), "%": (1, 0), "percent": (1, 0)},
    "V": {"v": (1, 0), "vdc": (1, 0), "v dc": (1, 0), "volt": (1, 0), "volts": (1, 0)},
    "ppm": {"ppm": (1, 0)},
}
"""Unit of a limit to the spellings of a reading, each with `(scale, zero)`: (reading - zero) * scale."""

NUMBER = r"(?<![\w.,-])(-?\d+(?:[.,]\d+)?)"
NOT_READINGS = re.compile(
    r"\bsmt[-\s]?\d+\b|\b[at]-?\d{3}\b|\b(?:unit|gt|machine)[\s#-]*\d+\b", re.IGNORECASE
)
"""Models, alarm codes and unit numbers: digits that measure nothing."""

OTHER = "sec|seconds|min|minutes|h|hour|hours|hr|hrs|s|day|days|week|weeks|month|months|times|rpm|kw|mw"
"""What is counted rather than measured."""

ADVICE: dict[State, str] = {
    "normal": "is in the normal range",
    "outside": "is outside the normal range, and no alarm limit is reached",
    "alarm": "is in the alarm range",
    "trip": "is at or beyond the trip limit",
}


class Band(Written):
    """Limits of one quantity on one turbine model, in the unit of the quantity."""

    normal: tuple[float, float]
    alarm_low: float | None = None
    alarm_high: float | None = None
    trip_low: float | None = None
    trip_high: float | None = None

    def crossed(self, value: float) -> Side | None:
        """Return the gravest limit that `value` has reached; a limit itself counts as reached."""
        for kind in ("trip", "alarm"):
            low: float | None = getattr(self, f"{kind}_low")
            high: float | None = getattr(self, f"{kind}_high")
            if low is not None and value <= low:
                return "trip_low" if kind == "trip" else "alarm_low"
            if high is not None and value >= high:
                return "trip_high" if kind == "trip" else "alarm_high"
        return None


class Limit(Written):
    """Something that is measured, with its limits."""

    title: str
    unit: str
    names: list[str]
    """What operators call it, in lower case."""

    codes: dict[Side, str] = {}
    """Alarm and trip codes."""

    models: dict[str, Band]

    def sentence(self, model: str) -> str:
        """Return the limits on one model as one sentence; the knowledge quotes it word for word."""
        band = self.models[model]
        parts = [
            f"a {side} {kind} at {point:g} {self.unit}"
            for kind in ("alarm", "trip")
            for side in ("low", "high")
            if (point := getattr(band, f"{kind}_{side}")) is not None
        ]
        listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
        low, high = band.normal
        return f"{self.title} on the {model} is normal from {low:g} to {high:g} {self.unit}, with {listed}."


@cache
def read_limits() -> dict[str, Limit]:
    """Return the table of limits, by name of the quantity."""
    text = (Path(__file__).parent / "limits.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[Name, Limit]).validate_python(yaml.safe_load(text))


def plan(question: str, entities: dict[str, str]) -> dict[str, Any] | None:
    """Find quantity, reading and turbine model; `None` when one of them is missing."""
    model = entities.get("turbine_model")
    text = NOT_READINGS.sub(" ", question).lower().replace("μ", "µ")
    named = _quantities(text)
    if model is None or not named:
        return None
    for quantity, _ in named:
        reading = _reading(text, read_limits()[quantity].unit)
        if reading:
            return {"quantity": quantity, "turbine_model": model, "value": reading[0], "unit": reading[1]}
    quantity, name = named[0]
    value = _bare_reading(text, name)
    if value is None:
        return None
    unit = read_limits()[quantity].unit
    return {"quantity": quantity, "turbine_model": model, "value": value, "unit": unit}


async def run(arguments: dict[str, Any]) -> str:
    """Say whether a reading is normal, and name the limits.

    Raises:
        ToolFailed: quantity, model or unit is unknown, or the value is no finite number.
    """
    limit = read_limits().get(str(arguments.get("quantity")))
    if limit is None:
        raise ToolFailed("check_limit", f"there are no limits for `{arguments.get('quantity')}`")
    model = str(arguments.get("turbine_model"))
    band = limit.models.get(model)
    if band is None:
        raise ToolFailed("check_limit", f"`{model}` is not one of {', '.join(limit.models)}")
    value = _converted(arguments.get("value"), str(arguments.get("unit") or limit.unit), limit.unit)
    side = band.crossed(value)
    state = _state(band, value, side)
    code = f" ({limit.codes[side]})" if side in limit.codes else ""
    return f"{value:g} {limit.unit} {ADVICE[state]}{code}. {limit.sentence(model)}"


def _state(band: Band, value: float, side: Side | None) -> State:
    if side is not None:
        return "trip" if side.startswith("trip") else "alarm"
    return "normal" if band.normal[0] <= value <= band.normal[1] else "outside"


def _quantities(text: str) -> list[tuple[str, str]]:
    """Return the quantities named in `text`, each with the name it goes by; the longest name first."""
    found = [
        (quantity, name)
        for quantity, limit in read_limits().items()
        for name in limit.names
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    ]
    return sorted(found, key=lambda hit: -len(hit[1]))


def _reading(text: str, unit: str) -> tuple[float, str] | None:
    """Return the first number in a unit that can be compared with `unit`."""
    match = re.search(rf"{NUMBER}\s*({_any_of(UNITS[unit])})(?!\w)", text)
    return (_number(match[1]), match[2]) if match else None


def _bare_reading(text: str, name: str) -> float | None:
    """Return the number without any unit that stands where a reading would."""
    before = rf"(?:\b(?:is|at|of|to|reads|reading|shows|showing|now)|=|(?<!\w){re.escape(name)})"
    units = _any_of(spelling for spellings in UNITS.values() for spelling in spellings)
    match = re.search(rf"{before}\s*{NUMBER}(?![\w.,]*\d)(?!\s*(?:{units}|{OTHER})(?!\w))", text)
    return _number(match[1]) if match else None


def _any_of(spellings: Iterable[str]) -> str:
    return "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _converted(value: Any, unit: str, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ToolFailed("check_limit", f"`{value}` is not a finite number")
    factors = UNITS[wanted].get(unit.lower())
    if factors is None:
        raise ToolFailed("check_limit", f"`{unit}` cannot be compared with limits in {wanted}")
    scale, zero = factors
    return round((value - zero) * scale, 3)


check_limit = Tool(
    name="check_limit",
    description="Compares a reading with the normal, alarm and trip limits of a turbine model.",
    run=run,
    plan=plan,
    schema={
        "type": "object",
        "properties": {
            "quantity": {"type": "string", "enum": list(read_limits())},
            "turbine_model": {"type": "string", "enum": ["SMT60", "SMT130"]},
            "value": {"type": "number"},
            "unit": {"type": "string"},
        },
        "required": ["quantity", "turbine_model", "value"],
        "additionalProperties": False,
    },
)
