"""The OpenAPI description of the edge, made from the models that check requests; `make docs` writes it."""

import json
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from agent.requests import (
    ID_PATTERN,
    REQUEST_ID_PATTERN,
    EndSessionReply,
    EndSessionRequest,
    ErrorReply,
    FeedbackReply,
    FeedbackRequest,
    InvocationReply,
    QueryRequest,
)
from memory.turns import StreamEvent

JSON = "application/json"
STREAM = "text/event-stream"
REFERENCE = "#/components/schemas/{model}"

REQUEST_MODELS: tuple[type[BaseModel], ...] = (QueryRequest, FeedbackRequest, EndSessionRequest)
REPLY_MODELS: tuple[type[BaseModel], ...] = (
    InvocationReply,
    FeedbackReply,
    EndSessionReply,
    StreamEvent,
    ErrorReply,
)

ERRORS = {
    "400": "The request cannot be understood.",
    "401": "The bearer token is absent or does not say who is asking (with `jwt_identity`).",
    "404": "There is no such domain, or no such session of this user.",
    "405": "The path takes another method.",
    "409": "The request id was used for another request.",
    "413": "The body is longer than 1 MB.",
    "500": "A bug. The message holds the id under which it is logged.",
    "503": "Busy, starting or stopping; `Retry-After` says when to try again.",
}

PING = {
    "type": "object",
    "required": ["status", "time_of_last_update"],
    "properties": {
        "status": {"enum": ["Healthy", "HealthyBusy"]},
        "time_of_last_update": {"type": "integer", "description": "Unix time of the last change (seconds)."},
    },
}
QUESTION = {"type": "string", "maxLength": 8000, "pattern": r"\S"}
READY = {"type": "object", "required": ["status"], "properties": {"status": {"const": "ready"}}}


@cache
def openapi_text() -> str:
    """Return the description as JSON text."""
    return json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"


def openapi() -> dict[str, Any]:
    """Return the description (OpenAPI 3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Slipstream",
            "version": "1",
            "description": "An agent on Amazon Bedrock AgentCore: its runtime contract and its bodies.",
        },
        "paths": {
            "/invocations": {"post": _invocations()},
            "/ping": {"get": _operation("ping", "Tell whether work goes on", PING)},
            "/warmup": {
                "post": _operation("warmUp", "Open all there is to open", READY, ["500", "503"]),
            },
            "/openapi.json": {"get": _operation("describe", "Return this description", {"type": "object"})},
        },
        "components": {"schemas": _schemas(), "responses": {code: _error(ERRORS[code]) for code in ERRORS}},
    }


def _invocations() -> dict[str, Any]:
    replies = {
        "anyOf": [_reference(model) for model in (InvocationReply, FeedbackReply, EndSessionReply)],
    }
    stream = {"type": "string", "description": "Events; the `data` of each is a StreamEvent."}
    return {
        "operationId": "invoke",
        "summary": "Ask a question, give feedback, or end a session",
        "description": "Under a session and request id seen before, it is answered again, not done again.",
        "parameters": [
            _header("Session-Id", ID_PATTERN, "Session to go on with; a new one when absent."),
            _header("Request-Id", REQUEST_ID_PATTERN, "Id of this request; a new one when absent."),
        ],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"oneOf": [_reference(model) for model in REQUEST_MODELS]}}},
        },
        "responses": {
            "200": {
                "description": "The answer; as events where `stream` or the `Accept` header asks for them.",
                "headers": {
                    f"X-Amzn-Bedrock-AgentCore-Runtime-{name}": {"schema": {"type": "string"}}
                    for name in ("Session-Id", "Request-Id")
                },
                "content": {JSON: {"schema": replies}, STREAM: {"schema": stream}},
            }
        }
        | _errors(list(ERRORS)),
    }


def _header(name: str, pattern: str, description: str) -> dict[str, Any]:
    return {
        "name": f"X-Amzn-Bedrock-AgentCore-Runtime-{name}",
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string", "pattern": pattern, "minLength": 1, "maxLength": 256},
    }


def _operation(
    name: str, summary: str, reply: dict[str, Any], errors: list[str] | None = None
) -> dict[str, Any]:
    found = {"description": summary + ".", "content": {JSON: {"schema": reply}}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": found} | _errors(["405", *(errors or [])]),
    }


def _errors(codes: list[str]) -> dict[str, Any]:
    return {code: {"$ref": f"#/components/responses/{code}"} for code in codes}


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": _reference(ErrorReply)}}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}


def _schemas() -> dict[str, Any]:
    """Return the schemas of all bodies; what `parse_request` asks beyond the models stands with them."""
    _, asked = models_json_schema([(model, "validation") for model in REQUEST_MODELS], ref_template=REFERENCE)
    _, told = models_json_schema([(model, "serialization") for model in REPLY_MODELS], ref_template=REFERENCE)
    schemas: dict[str, Any] = told["$defs"] | asked["$defs"]
    schemas["QueryRequest"]["oneOf"] = [_given("query", QUESTION), _given("prompt", QUESTION)]
    schemas["FeedbackRequest"]["anyOf"] = [
        _given("rating", {"type": "integer"}),
        _given("resolved", {"type": "boolean"}),
        _given("comment", {"pattern": r"\S"}),
    ]
    return schemas


def _given(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Demand that a key is there and not null."""
    return {"required": [name], "properties": {name: schema}}
