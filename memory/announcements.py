"""Events as others see them on the bus: a detail of plain JSON that says all an event does, and back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from memory.events import dump_event, parse_event
from memory.records import SessionEvent

DETAIL_TYPES = {"turn_finished": "Query Processed", "session_completed": "Session Completed"}
"""Kinds of event that are announced, and what they are called on the bus."""

TOP = ("event_id", "session_id", "query", "response")
"""Fields that stand at the top of a detail; the others are its metadata."""

RENAMED = {"at": "timestamp", "confidence": "confidence_score"}
CLAIM = "claim_check"


def to_detail(event: SessionEvent) -> dict[str, Any]:
    """Return `{event_id, action, session_id, query, response, metadata}`; what does not apply is absent."""
    fields = json.loads(dump_event(event))
    detail = {name: fields.pop(name) for name in TOP if name in fields}
    action = fields.pop("kind")
    return {
        **detail,
        "action": action,
        "metadata": {RENAMED.get(name, name): value for name, value in fields.items()},
    }


def from_detail(detail: Mapping[str, Any]) -> SessionEvent:
    """Return the event that a detail was made from.

    Raises:
        ValueError: it is none; that of a claim check must be fetched first.
    """
    metadata = detail.get("metadata")
    if not isinstance(metadata, Mapping):
        raise ValueError("the detail has no metadata")  # noqa: TRY004 - as any other malformed one
    names = {new: old for old, new in RENAMED.items()}
    fields = {names.get(name, name): value for name, value in metadata.items()}
    top = {name: detail[name] for name in TOP if name in detail}
    return parse_event(json.dumps({**fields, **top, "kind": detail.get("action")}))


def claim_check(event: SessionEvent, *, bucket: str, key: str, size_bytes: int) -> dict[str, Any]:
    """Return the detail of an event that is too large for the bus: where the whole detail lies."""
    return {
        "event_id": event.event_id,
        "action": event.kind,
        "session_id": event.session_id,
        CLAIM: {"bucket": bucket, "key": key, "size_bytes": size_bytes},
        "metadata": {"timestamp": event.at.isoformat(), "tenant": event.tenant, "domain": event.domain},
    }


def rule_pattern(
    sources: Sequence[str], *, detail_types: Sequence[str] = tuple(DETAIL_TYPES.values())
) -> dict[str, Any]:
    """Return the EventBridge pattern that these events fire; it asks for no field that some of them lack."""
    kinds = [kind for kind, name in DETAIL_TYPES.items() if name in detail_types]
    return {
        "source": list(sources),
        "detail-type": list(detail_types),
        "detail": {"event_id": [{"exists": True}], "action": kinds},
    }
