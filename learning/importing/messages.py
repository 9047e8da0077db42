"""Finds what the user said and what the agent answered in the many forms in which logs keep messages."""

from collections.abc import Mapping
from typing import Any

import orjson

DEPTH = 6
"""Levels of lists and objects that are looked into; what lies deeper is no conversation."""

USER_ROLES = frozenset({"user", "human", "humanmessage", "humanmessagechunk"})
AGENT_ROLES = frozenset({"assistant", "ai", "model", "aimessage", "aimessagechunk"})

ASKED = ("input", "question", "query", "user_input", "human_input", "user_message", "prompt", "message")
"""Fields in which a question is looked for, in this order."""

ANSWERED = ("output", "answer", "response", "reply", "result", "completion", "message", "generation")
PLAIN = ("text", "content")
LISTS = ("messages", "chat_history", "history", "choices", "generations", "contents")
"""Fields that hold messages."""


def user_text(payload: object) -> str | None:
    """Return what the user said last; `None` when nobody can tell.

    Understands a plain text, an object with a field such as `question`, and lists of messages as OpenAI,
    Anthropic, LangChain and OpenTelemetry write them, also as JSON inside a text.
    """
    return _find(payload, USER_ROLES, ASKED, 0)


def agent_text(payload: object) -> str | None:
    """Return what the agent said last; `None` when nobody can tell."""
    return _find(payload, AGENT_ROLES, ANSWERED, 0)


def unpacked(value: object) -> object:
    """Return what a text that is a JSON list or object holds; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _find(payload: object, roles: frozenset[str], fields: tuple[str, ...], depth: int) -> str | None:
    payload = unpacked(payload)
    if isinstance(payload, str):
        return payload.strip() or None
    if depth > DEPTH:
        return None
    if isinstance(payload, list):
        return _last_message(payload, roles, fields, depth)
    if not isinstance(payload, Mapping):
        return None
    if _role(payload):
        return _content(payload, depth) if _role(payload) in roles else None
    for names in (LISTS, fields, PLAIN):
        for name in names:
            if name in payload and (found := _find(payload[name], roles, fields, depth + 1)):
                return found
    return None


def _last_message(items: list[Any], roles: frozenset[str], fields: tuple[str, ...], depth: int) -> str | None:
    """Return the last text by one of the roles; in a list without roles, the last text."""
    for item in reversed(items):
        if isinstance(item, Mapping | list) and (found := _find(item, roles, fields, depth + 1)):
            return found
    last = items[-1] if items else None
    return last.strip() or None if isinstance(last, str) else None


def _role(message: Mapping[str, Any]) -> str:
    """Return who speaks, in lower case; "" for what is no message."""
    if message.get("type") == "constructor" and isinstance(message.get("id"), list):
        return str(message["id"][-1]).lower()  # how LangChain serialises a message
    role = message.get("role")
    if isinstance(role, str):
        return role.lower()
    kind = message.get("type")
    known = USER_ROLES | AGENT_ROLES | {"system", "tool", "function"}
    return kind.lower() if isinstance(kind, str) and kind.lower() in known else ""


def _content(message: Mapping[str, Any], depth: int) -> str | None:
    """Return the text of a message, whose parts may be several."""
    inner = message.get("kwargs") if message.get("type") == "constructor" else message
    if not isinstance(inner, Mapping):
        return None
    content = inner.get("content")
    if content is None:
        content = inner.get("parts", inner.get("data", inner.get("message")))
    return _joined(content, depth)


def _joined(content: object, depth: int) -> str | None:
    if isinstance(content, str):
        return content.strip() or None
    if isinstance(content, Mapping):
        content = content.get("content", content.get("text"))
        return _joined(content, depth + 1) if depth <= DEPTH else None
    if not isinstance(content, list):
        return None
    texts = [part if isinstance(part, str) else _part(part) for part in content]
    return "\n".join(text for text in texts if text).strip() or None


def _part(part: object) -> str | None:
    """Return the text of a part; calls of tools and pictures have none."""
    if not isinstance(part, Mapping) or part.get("type", "text") not in ("text", "input_text", "output_text"):
        return None
    text = part.get("text", part.get("content"))
    return text if isinstance(text, str) else None
