"""Finds the amounts that a message names: a number and its unit."""

import re

SPELLINGS = {
    "%": "% percent",
    "bar": "bar bars",
    "mbar": "mbar",
    "psi": "psi psig psia",
    "Pa": "Pa",
    "kPa": "kPa",
    "MPa": "MPa",
    "°C": "°C ℃ degC celsius",
    "°F": "°F ℉ degF fahrenheit",
    "rpm": "rpm r/min",
    "Hz": "Hz",
    "kHz": "kHz",
    "W": "W watt watts",
    "kW": "kW",
    "MW": "MW",
    "kWh": "kWh",
    "MWh": "MWh",
    "V": "V volt volts",
    "kV": "kV",
    "A": "A amp amps ampere amperes",
    "mA": "mA",
    "mm/s": "mm/s",
    "m/s": "m/s",
    "µm": "µm μm micron microns",
    "mm": "mm",
    "cm": "cm",
    "m": "m metre metres meter meters",
    "km": "km",
    "in": "inch inches",
    "g": "g gram grams",
    "kg": "kg",
    "t": "t tonne tonnes tons",
    "l": "l litre litres liter liters",
    "l/min": "l/min lpm",
    "m³": "m³ m3",
    "m³/h": "m³/h m3/h",
    "kg/h": "kg/h",
    "kg/s": "kg/s",
    "Nm": "Nm",
    "dB": "dB",
    "ppm": "ppm",
    "ms": "ms millisecond milliseconds",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "days": "day days",
    "weeks": "week weeks",
    "months": "month months",
    "years": "year years",
    "KB": "KB kB",
    "MB": "MB",
    "GB": "GB",
    "TB": "TB",
    "KiB": "KiB",
    "MiB": "MiB",
    "GiB": "GiB",
    "TiB": "TiB",
    "vCPU": "vCPU vCPUs",
    "USD": "USD dollar dollars",
    "EUR": "EUR euro euros",
    "GBP": "GBP pounds",
}
"""Unit to the spellings that mean it; what is longer than two letters is compared without case."""

CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}

_UNITS = {spelling: unit for unit, listed in SPELLINGS.items() for spelling in listed.split()}
_WITHOUT_CASE = {spelling.lower(): unit for spelling, unit in _UNITS.items() if len(spelling) > 2}
_NUMBER = r"(?<![\w.,-])[-−+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.,-])[-−+]?\d+(?:\.\d+)?"
AMOUNT = re.compile(
    rf"(?P<sign>[$€£])\s?(?P<price>\d[\d,]*(?:\.\d+)?)|(?P<number>{_NUMBER})[\s-]?(?P<unit>[%°℃℉µμ]?[A-Za-z/³3]*)"
)


def find_amounts(text: str) -> list[str]:
    """Return the amounts in order, each once, with one spelling for a unit: `1,200 RPM` is `1200 rpm`.

    A number without a unit is none, nor is one inside a code.
    """
    return list(dict.fromkeys(name for match in AMOUNT.finditer(text) if (name := _name(match))))


def _name(match: re.Match[str]) -> str | None:
    if match["sign"]:
        return f"{match['price'].replace(',', '').rstrip('.')} {CURRENCIES[match['sign']]}"
    written = match["unit"]
    unit = _UNITS.get(written) or _WITHOUT_CASE.get(written.lower())
    return f"{match['number'].replace(',', '').replace('−', '-')} {unit}" if unit else None
