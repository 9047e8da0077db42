"""OpenTelemetry: spans with `gen_ai.*` attributes in OTLP JSON, as collectors and SDKs write it to files.

Semantic conventions of generative AI (status: development): today messages are attributes of the span or of
its event `gen_ai.client.inference.operation.details`; until version 1.36 each was an event of its own.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from learning.importing.fragment import (
    DEEP,
    INNER,
    ROOT,
    Fragment,
    RowRefused,
    label_of,
    span_ms,
    text_at,
    unix_time,
)
from learning.importing.messages import agent_text, unpacked, user_text
from learning.importing.scores import outcome_of
from memory.records import Outcome

EXPECTED = 'OTLP JSON: {"resourceSpans": [{"scopeSpans": [{"spans": [… with gen_ai.* attributes …]}]}]}'

SESSION = ("gen_ai.conversation.id", "session.id", "langfuse.session.id", "thread.id")
USER = ("user.id", "enduser.id", "enduser.pseudo.id", "langfuse.user.id")
INTENT, TOPIC = ("slipstream.intent", "intent"), ("slipstream.topic", "topic")
INPUT = ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.content.prompt", "input.value")
OUTPUT = ("gen_ai.output.messages", "gen_ai.completion", "gen_ai.content.completion", "output.value")

ASKED_BY = {"gen_ai.user.message": "user", "gen_ai.system.message": "system"}
ANSWERED_BY = {"gen_ai.assistant.message": "assistant", "gen_ai.choice": "assistant"}
"""Events of one message each, until version 1.36."""

WHOLE = ("invoke_agent", "invoke_workflow")
SILENT = ("embeddings", "execute_tool", "retrieval")
"""Operations that answer the user, and those whose texts are nobody's words."""


def fits(row: Mapping[str, Any]) -> bool:
    """Tell whether a row looks like this format."""
    return "resourceSpans" in row


def fragments(row: Mapping[str, Any], scores: Collection[str]) -> Iterator[Fragment]:
    """Yield what the spans of generative AI in an export say about their turns; a trace is a turn.

    Raises:
        RowRefused: it is no export of spans.
    """
    if not isinstance(row.get("resourceSpans"), list):
        raise RowRefused("resourceSpans", "it holds no spans", f"Give {EXPECTED}.")
    for resource in _objects(row, "resourceSpans"):
        for scope in [*_objects(resource, "scopeSpans"), *_objects(resource, "instrumentationLibrarySpans")]:
            for span in _objects(scope, "spans"):
                yield from _span(span, scores)


def _span(span: Mapping[str, Any], scores: Collection[str]) -> Iterator[Fragment]:
    facts = _attributes(span)
    events = [(str(event.get("name")), _attributes(event)) for event in _objects(span, "events")]
    speaks = any(name.startswith("gen_ai.") for name in [*facts, *(name for name, _ in events)])
    if not speaks and text_at(facts, *SESSION, *USER) is None:
        return
    turn = text_at(span, "traceId")
    if turn is None:
        raise RowRefused("traceId", "a span without trace", f"Give {EXPECTED}.")
    operation = facts.get("gen_ai.operation.name")
    is_root = not span.get("parentSpanId")
    start, end = unix_time(span, "startTimeUnixNano"), unix_time(span, "endTimeUnixNano")
    yield Fragment(
        turn,
        start,
        ROOT if is_root else INNER if operation in WHOLE else DEEP,
        text_at(facts, *SESSION),
        text_at(facts, *USER),
        None if operation in SILENT else _said(facts, events),
        None if operation in SILENT else _answered(facts, events),
        label_of(text_at(facts, *INTENT), text_at(facts, *TOPIC)),
        _judged(events, scores),
        span_ms(start, end) if is_root else None,
    )


def _said(facts: Mapping[str, Any], events: list[tuple[str, dict[str, Any]]]) -> str | None:
    """Return the last words of the user that a span carries, in whichever way."""
    carriers = [facts, *(inner for _, inner in events)]
    for carrier in carriers:
        for name in INPUT:
            if name in carrier and (found := user_text(carrier[name])):
                return found
    return user_text(_numbered(facts, "gen_ai.prompt.") or _messages(events, ASKED_BY | ANSWERED_BY))


def _answered(facts: Mapping[str, Any], events: list[tuple[str, dict[str, Any]]]) -> str | None:
    carriers = [facts, *(inner for _, inner in events)]
    for carrier in carriers:
        for name in OUTPUT:
            if name in carrier and (found := agent_text(carrier[name])):
                return found
    return agent_text(
        _numbered(facts, "gen_ai.completion.") or _messages(events, {"gen_ai.choice": "assistant"})
    )


def _messages(events: list[tuple[str, dict[str, Any]]], roles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the messages that are events of their own, oldest first."""
    return [
        {"content": unpacked(inner.get("message")), **inner, "role": roles[name]}
        for name, inner in events
        if name in roles
    ]


def _numbered(facts: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return messages whose parts are attributes of their own, as `gen_ai.prompt.0.content`."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in facts.items():
        number, _, part = name.removeprefix(prefix).partition(".")
        if name.startswith(prefix) and number.isdecimal():
            found.setdefault(int(number), {})[part] = value
    return [found[number] for number in sorted(found)]


def _judged(events: list[tuple[str, dict[str, Any]]], scores: Collection[str]) -> Outcome | None:
    """Return the outcome that an evaluation event of the span tells."""
    for name, inner in events:
        for part in ("label", "value") if name == "gen_ai.evaluation.result" else ():
            value = inner.get(f"gen_ai.evaluation.score.{part}")
            if outcome := outcome_of(str(inner.get("gen_ai.evaluation.name")), value, scores):
                return outcome
    return None


# --- OTLP ------------------------------------------------------------------------------------------


def _objects(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = row.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as plain values by name."""
    return {str(one.get("key")): _plain(one.get("value")) for one in _objects(row, "attributes")}


def _plain(value: object) -> Any:
    """Return the plain form of an OTLP `AnyValue`."""
    if not isinstance(value, Mapping):
        return value
    for kind, plain in value.items():
        if kind == "arrayValue":
            return [_plain(one) for one in _objects(plain, "values")] if isinstance(plain, Mapping) else []
        if kind == "kvlistValue":
            pairs = _objects(plain, "values") if isinstance(plain, Mapping) else []
            return {str(one.get("key")): _plain(one.get("value")) for one in pairs}
        if kind == "intValue":
            return int(plain) if str(plain).lstrip("-").isdecimal() else plain
        return plain
    return None
