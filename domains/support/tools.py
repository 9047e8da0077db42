"""Looks an operation up in the service models: every parameter, every error, word for word."""

import asyncio
import difflib
import re
from functools import lru_cache
from typing import Any

from domains.support.plain import first_sentence
from domains.support.service_models import (
    Operation,
    Parameter,
    load_model,
    model_text,
    read_operation,
    some,
)
from domains.support.services import SERVICES
from tools.catalog import Tool, ToolFailed

NAME = "lookup_operation"

MOST_PARAMETERS = 20
"""Parameters that are explained; of the rest, all optional, only the names are given."""

ASKS_ERRORS = re.compile(r"\b(?:errors?|exceptions?|raises?|fail(?:s|ed|ure)?)\b", re.IGNORECASE)
ASKS_PARAMETERS = re.compile(
    r"\b(?:parameters?|arguments?|options?|flags?|fields?|takes?|needs?|accepts?|expects?|required?)\b",
    re.IGNORECASE,
)

MOST_WORDS_OF_A_NAME = 6
"""Words in the longest operation name that people say in words: `put bucket lifecycle configuration`."""

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

OPERATION = re.compile(rb'"(\w+)":\s*\{\s*"name":\s*"\1(?:\d{4}_\d\d_\d\d)?"')
"""Where the text of a model starts an operation; far cheaper than reading the whole model."""

NAMES = {service.folder: service.name for service in SERVICES}
FOLDERS = {service.entity: service.folder for service in SERVICES}


def plan(question: str, entities: dict[str, str]) -> dict[str, Any] | None:
    """Return service and operation that a question names and what it asks of them, or `None`.

    `PutObject`, `put_object` and `put-object` are enough where only one service has it; said in
    words (`put object of s3`), or where several have it, the service must be named too.
    """
    spoken = [match.group() for match in WORD.finditer(question)]
    services = {word.lower() for word in spoken} | {FOLDERS.get(entities.get("service", ""), "")}
    for size in range(MOST_WORDS_OF_A_NAME, 0, -1):
        for start in range(len(spoken) - size + 1):
            words = spoken[start : start + size]
            if size == 1 and not _is_identifier(words[0]) and (start == 0 or not words[0][0].isupper()):
                continue  # "invoke" and a first word "Query" are plain English; "Invoke" later is a name
            if found := _pick(words, services):
                return {"service": found[0], "operation": found[1]} | _focus(question, spoken, *found)
    return None


def _focus(question: str, spoken: list[str], service: str, operation: str) -> dict[str, str]:
    """Tell what is asked of an operation: one of its parameters, all of them, its errors, or no more."""
    known = {parameter.name for parameter in _read(service, operation).parameters}
    if named := [word for word in spoken if word in known]:
        return {"focus": named[0]}
    if ASKS_ERRORS.search(question):
        return {"focus": "errors"}
    return {"focus": "parameters"} if ASKS_PARAMETERS.search(question) else {}


def _pick(words: list[str], services: set[str]) -> tuple[str, str] | None:
    """Return the operation that words name in one of `services`, or in the only service that has it."""
    found = _index().get(_key("".join(words)), [])
    named = [pair for pair in found if pair[0] in services]
    if named:
        return named[0]
    return found[0] if len(found) == 1 and len(words) == 1 and _is_identifier(words[0]) else None


async def run(arguments: dict[str, Any]) -> str:
    """Return what one operation does and takes and which errors it raises; `focus` asks for one of these.

    Raises:
        ToolFailed: the service or the operation is not known.
    """
    service, operation = str(arguments.get("service", "")), str(arguments.get("operation", ""))
    if service not in NAMES:
        raise ToolFailed(NAME, f"`{service[:40]}` is none of the services {', '.join(NAMES)}")
    return await asyncio.to_thread(_describe, service, operation, str(arguments.get("focus", "")))


lookup_operation = Tool(
    name=NAME,
    description="Parameters (with types and limits) and errors of one operation of an AWS service.",
    run=run,
    plan=plan,
    schema={
        "type": "object",
        "properties": {
            "service": {"type": "string", "enum": list(NAMES), "description": "Short name, such as s3."},
            "operation": {"type": "string", "description": "Name of the operation, such as PutObject."},
            "focus": {
                "type": "string",
                "description": "`parameters`, `errors`, or the name of one parameter; all in short without.",
            },
        },
        "required": ["service", "operation"],
        "additionalProperties": False,
    },
)


# --- finding ---------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _index() -> dict[str, list[tuple[str, str]]]:
    """Map each operation's key to services and names, in the order of `SERVICES`."""
    index: dict[str, list[tuple[str, str]]] = {}
    for service in NAMES:
        for found in OPERATION.findall(model_text(service)):
            index.setdefault(_key(found.decode()), []).append((service, found.decode()))
    return index


def _key(name: str) -> str:
    return re.sub(r"[_-]", "", name).lower()


def _is_identifier(word: str) -> bool:
    """Tell whether a word is written as code: `PutObject`, `put_object`, `put-object`."""
    return bool(re.search(r"[a-z0-9][A-Z]|[a-z][_-][a-z]", word))


# --- describing ------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _model(service: str) -> dict[str, Any]:
    return load_model(service)


def _read(service: str, name: str) -> Operation:
    model = _model(service)
    if name not in model["operations"]:
        near = difflib.get_close_matches(name, model["operations"], n=1)
        hint = f"; the nearest is `{near[0]}`" if near else ""
        raise ToolFailed(NAME, f"{NAMES[service]} has no operation `{name[:80]}`{hint}")
    return read_operation(model, name)


def _describe(service: str, name: str, focus: str) -> str:
    operation = _read(service, name)
    about = first_sentence(operation.about[0]) if operation.about else ""
    head = f"{name} ({NAMES[service]}): {about}".rstrip(": ")
    one = [parameter for parameter in operation.parameters if parameter.name == focus]
    if one:
        return "\n".join([head, _parameter_line(one[0], "\n".join(one[0].about))])
    if focus == "errors":
        return "\n".join([head, *_error_lines(operation)])
    if focus == "parameters":
        return "\n".join([head, *_parameter_lines(operation, most=MOST_PARAMETERS)])
    names = ", ".join(error.name for error in operation.errors)
    errors = [f"Errors: {names}."] if names else []
    return "\n".join([head, *_parameter_lines(operation, most=0), *errors])


def _parameter_lines(operation: Operation, *, most: int) -> list[str]:
    if not operation.parameters:
        return ["It takes no parameters."]
    required = sum(parameter.required for parameter in operation.parameters)
    shown = max(most, required)
    rest = [parameter.name for parameter in operation.parameters[shown:]]
    more = [f"- Also optional: {', '.join(rest)}."] if rest else []
    head = f"Parameters ({required} required, {len(operation.parameters) - required} optional):"
    lines = [
        _parameter_line(parameter, first_sentence(parameter.about[0]) if parameter.about else "")
        for parameter in operation.parameters[:shown]
    ]
    return [head, *lines, *more]


def _parameter_line(parameter: Parameter, about: str) -> str:
    values = f" Values: {some(parameter.values)}." if parameter.values else ""
    return f"- {parameter.name} ({parameter.facts}): {about}{values}"


def _error_lines(operation: Operation) -> list[str]:
    if not operation.errors:
        return ["The model names no errors of its own for it."]
    return [
        "Errors:",
        *(f"- {error.label}: {' '.join(error.about)}".rstrip(": ") for error in operation.errors),
    ]
