"""Reads the service models that botocore carries, without importing botocore.

A model is a JSON file for each service: its operations, their parameters and their errors.
"""

import gzip
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from domains.support.plain import paragraphs
from memory.errors import AgentError

MOST_NAMED = 12
"""Names that a list spells out; `InstanceType` alone has some 900 values."""


class ServiceModelMissing(AgentError):
    """The service models are not installed, or one of them is not there."""

    code = "domains.service_model_missing"
    kind = "not_found"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"There is no service model `{what}`.",
            fix="Install botocore (`pip install boto3`); it carries the models of all AWS services.",
        )


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One top-level parameter of an operation."""

    name: str
    facts: str
    """Whether it is required, its type, its limits: `required, text, 3 to 63 characters`."""

    required: bool
    about: tuple[str, ...]
    """What it means: paragraphs and list items."""

    values: tuple[str, ...]
    """Allowed values, all of them; empty when any is allowed."""


@dataclass(frozen=True, kw_only=True)
class ServiceError:
    """One error that a service can answer with."""

    name: str
    status: int | None
    """HTTP status; `None` when the model does not tell."""

    code: str
    """What the service calls it in its answers; often the name without its ending."""

    about: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name, the code where it differs, and the HTTP status."""
        sent = f"sent as {self.code}" if self.code != self.name else ""
        status = f"HTTP {self.status}" if self.status else ""
        notes = ", ".join(filter(None, [sent, status]))
        return f"{self.name} ({notes})" if notes else self.name


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a service."""

    name: str
    about: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    """Required ones first, otherwise in the order of the model."""

    errors: tuple[ServiceError, ...]


@lru_cache(maxsize=1)
def models_folder() -> Path:
    """Return botocore's data folder; finding a package does not import it.

    Raises:
        ServiceModelMissing: botocore is not installed.
    """
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ServiceModelMissing("botocore/data")
    return Path(spec.origin).parent / "data"


def model_text(service: str) -> bytes:
    """Return the newest model of a service as JSON text.

    Raises:
        ServiceModelMissing: botocore does not know the service.
    """
    files = sorted((models_folder() / service).glob("*/service-2.json*"))
    if not files:
        raise ServiceModelMissing(service)
    data = files[-1].read_bytes()
    return gzip.decompress(data) if files[-1].suffix == ".gz" else data


def load_model(service: str) -> dict[str, Any]:
    """Return the newest model of a service (raises as `model_text` does)."""
    model: dict[str, Any] = json.loads(model_text(service))
    return model


def some(names: Sequence[str], what: str = "") -> str:
    """Return the first names and how many more there are."""
    more = len(names) - MOST_NAMED
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {more} more{what and f' {what}'}" if more > 0 else shown


def read_overview(model: dict[str, Any]) -> list[str]:
    """Return what the service says of itself."""
    return paragraphs(model.get("documentation", ""))


def read_operation(model: dict[str, Any], name: str) -> Operation:
    """Return one operation in plain words."""
    operation = model["operations"][name]
    about = paragraphs(operation.get("documentation", ""))
    shape = model["shapes"].get(operation.get("input", {}).get("shape"), {})
    required = set(shape.get("required", ()))
    parameters = [
        _parameter(model["shapes"], parameter, member, required=parameter in required)
        for parameter, member in shape.get("members", {}).items()
        if not member.get("deprecated")
    ]
    return Operation(
        name=name,
        about=tuple(sorted(about, key=lambda text: text.startswith("End of support notice"))),
        parameters=tuple(sorted(parameters, key=lambda parameter: not parameter.required)),
        errors=tuple(read_error(model, error["shape"]) for error in operation.get("errors", ())),
    )


def read_error(model: dict[str, Any], shape: str) -> ServiceError:
    """Return one error in plain words, under its name in the model."""
    found = model["shapes"][shape]
    spec = found.get("error", {})
    return ServiceError(
        name=shape,
        status=spec.get("httpStatusCode"),
        code=spec.get("code", shape),
        about=tuple(paragraphs(found.get("documentation", ""))),
    )


def _parameter(shapes: dict[str, Any], name: str, member: dict[str, Any], *, required: bool) -> Parameter:
    shape = shapes[member["shape"]]
    about = paragraphs(member.get("documentation") or shape.get("documentation", ""))
    facts = ["required" if required else "optional", _kind(shapes, shape)]
    if limit := _limit(shape):
        facts.append(limit)
    if shape["type"] == "structure" and shape.get("members"):
        facts.append(f"with {some(list(shape['members']))}")
    return Parameter(
        name=name,
        facts=", ".join(facts),
        required=required,
        about=tuple(about),
        values=tuple(shape.get("enum", ())),
    )


_KINDS = {
    "string": "text",
    "integer": "whole number",
    "long": "whole number",
    "float": "number",
    "double": "number",
    "boolean": "true or false",
    "blob": "bytes",
    "timestamp": "time",
    "structure": "object",
    "map": "map",
}


def _kind(shapes: dict[str, Any], shape: dict[str, Any]) -> str:
    if shape["type"] == "list":
        return f"list of {_kind(shapes, shapes[shape['member']['shape']])}"
    return _KINDS[shape["type"]]


_COUNTED = {"string": "character", "blob": "byte", "list": "item", "map": "entry"}


def _limit(shape: dict[str, Any]) -> str:
    """Say the smallest and largest size or value in words; "" when the model sets neither."""
    low, high = shape.get("min"), shape.get("max")
    if high is None:
        return f"at least {_count(low, shape)}" if low and low > 1 else ""
    if low is None:
        return f"at most {_count(high, shape)}"
    return f"exactly {_count(low, shape)}" if low == high else f"{low} to {_count(high, shape)}"


def _count(number: int, shape: dict[str, Any]) -> str:
    counted = _COUNTED.get(shape["type"])
    if counted is None:
        return str(number)
    plural = f"{counted.removesuffix('y')}ies" if counted.endswith("y") else f"{counted}s"
    return f"{number} {counted if number == 1 else plural}"
