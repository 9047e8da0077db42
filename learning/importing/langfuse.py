"""Langfuse: traces, observations and scores, as its API, its downloads and its blob export write them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from learning.importing.fragment import (
    DEEP,
    INNER,
    ROOT,
    Fragment,
    RowRefused,
    label_of,
    mapping_at,
    span_ms,
    text_at,
    time_at,
)
from learning.importing.messages import agent_text, unpacked, user_text
from learning.importing.scores import outcome_of, plain_name

EXPECTED = (
    'traces {"id", "timestamp", "sessionId", "userId", "input", "output"}, '
    'observations {"traceId", "type", "startTime", "input", "output"} or scores {"traceId", "name", "value"}'
)

NESTED = ("traces", "observations", "scores")
"""Fields of a trace or session that hold rows of their own."""


def fits(row: Mapping[str, Any]) -> bool:
    """Tell whether a row looks like this format."""
    if "run_type" in row or "resourceSpans" in row:
        return False
    return _is_score(row) or _is_observation(row) or _is_trace(row) or any(_rows(row, one) for one in NESTED)


def fragments(row: Mapping[str, Any], scores: Collection[str]) -> Iterator[Fragment]:
    """Yield what a trace, an observation, a score or a session says about its turns.

    Raises:
        RowRefused: it is none of these, or lacks what would tell its turn.
    """
    trace = mapping_at(row, "trace")
    if trace and not _is_observation(row):  # a trace as its page downloads it
        yield from fragments({**trace, **{name: row[name] for name in NESTED if name in row}}, scores)
        return
    if _is_score(row):
        yield from _score(row, scores)
    elif _is_observation(row):
        yield _observation(row)
    elif _is_trace(row):
        yield _trace(row)
    elif not any(_rows(row, name) for name in NESTED):
        raise RowRefused("id", "it is no trace, observation or score", f"Give {EXPECTED}.")
    for name in NESTED:
        for inner in _rows(row, name):
            context = {"sessionId": row.get("id")} if name == "traces" and not _is_trace(row) else {}
            context |= {"traceId": row.get("id")} if name != "traces" and _is_trace(row) else {}
            yield from fragments({**context, **inner}, scores)


def _rows(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list; a trace of a list page holds ids there, which say nothing."""
    value = row.get(name)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _is_score(row: Mapping[str, Any]) -> bool:
    has_value = any(name in row for name in ("value", "stringValue", "string_value"))
    named = any(name in row for name in ("traceId", "trace_id", "sessionId", "session_id"))
    return has_value and "name" in row and named and "type" not in row and "input" not in row


def _is_observation(row: Mapping[str, Any]) -> bool:
    return ("traceId" in row or "trace_id" in row) and any(
        name in row for name in ("startTime", "start_time", "type")
    )


def _is_trace(row: Mapping[str, Any]) -> bool:
    return "id" in row and "timestamp" in row and not _is_score(row)


def _trace(row: Mapping[str, Any]) -> Fragment:
    turn = text_at(row, "id")
    if turn is None:
        raise RowRefused("id", "a trace without id", f"Give {EXPECTED}.")
    metadata = unpacked(row.get("metadata"))
    return Fragment(
        turn,
        time_at(row, "timestamp"),
        ROOT,
        text_at(row, "sessionId", "session_id"),
        text_at(row, "userId", "user_id"),
        user_text(row.get("input")),
        agent_text(row.get("output")),
        _label(metadata),
        duration_ms=_seconds_ms(row.get("latency")),
    )


def _observation(row: Mapping[str, Any]) -> Fragment:
    turn = text_at(row, "traceId", "trace_id")
    if turn is None:
        raise RowRefused("traceId", "an observation without trace", f"Give {EXPECTED}.")
    is_root = not (row.get("parentObservationId") or row.get("parent_observation_id"))
    speaks = is_root or str(row.get("type")).upper() in ("GENERATION", "AGENT", "CHAIN")
    start, end = time_at(row, "startTime", "start_time"), time_at(row, "endTime", "end_time")
    return Fragment(
        turn,
        start,
        INNER if is_root else DEEP,
        text_at(row, "sessionId", "session_id"),
        text_at(row, "userId", "user_id"),
        user_text(row.get("input")) if speaks else None,
        agent_text(row.get("output")) if speaks else None,
        _label(unpacked(row.get("metadata"))),
        duration_ms=span_ms(start, end) if is_root else None,
    )


def _score(row: Mapping[str, Any], scores: Collection[str]) -> Iterator[Fragment]:
    """Yield what a score says: an outcome, the intent when it is called so, or nothing."""
    name = str(row.get("name"))
    word = row.get("stringValue", row.get("string_value"))
    is_word = isinstance(word, str) and str(row.get("dataType", row.get("data_type"))).upper() != "BOOLEAN"
    outcome = outcome_of(name, word if is_word else row.get("value"), scores)
    label = str(word) if is_word and plain_name(name) == "intent" else None
    if outcome is None and label is None:
        return
    yield Fragment(
        text_at(row, "traceId", "trace_id") or "",
        time_at(row, "timestamp", "createdAt", "created_at"),
        DEEP,
        text_at(row, "sessionId", "session_id"),
        label=label,
        outcome=outcome,
    )


def _label(metadata: object) -> str | None:
    if not isinstance(metadata, Mapping):
        return None
    return label_of(text_at(metadata, "intent"), text_at(metadata, "topic"))


def _seconds_ms(seconds: object) -> float | None:
    return seconds * 1000.0 if isinstance(seconds, int | float) and seconds >= 0 else None
