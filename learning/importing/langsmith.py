"""LangSmith: runs and feedback, one a row."""

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
from memory.records import Outcome

EXPECTED = (
    'runs {"id", "trace_id", "run_type", "start_time", "inputs", "outputs", "extra": {"metadata": '
    '{"session_id"}}} or feedback {"run_id", "key", "score"}'
)

THREAD = ("session_id", "thread_id", "conversation_id")
"""Keys of metadata that LangSmith groups threads by, in its order."""


def fits(row: Mapping[str, Any]) -> bool:
    """Tell whether a row looks like this format."""
    return _is_feedback(row) or ("id" in row and ("run_type" in row or "dotted_order" in row))


def fragments(row: Mapping[str, Any], scores: Collection[str]) -> Iterator[Fragment]:
    """Yield what a run and the runs inside it, or a feedback, say about their turn.

    Raises:
        RowRefused: it is neither, or lacks what would tell its turn.
    """
    if _is_feedback(row):
        yield from _feedback(row, scores)
        return
    turn = text_at(row, "trace_id", "id")
    if turn is None or "run_type" not in row:
        raise RowRefused("trace_id" if turn is None else "run_type", "it is no run", f"Give {EXPECTED}.")
    yield _run(row, turn, scores)
    children = row.get("child_runs")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, Mapping):
            yield from fragments({"trace_id": turn, "parent_run_id": row.get("id"), **child}, scores)


def _is_feedback(row: Mapping[str, Any]) -> bool:
    return "key" in row and "run_type" not in row and any(name in row for name in ("run_id", "trace_id"))


def _run(row: Mapping[str, Any], turn: str, scores: Collection[str]) -> Fragment:
    is_root = not row.get("parent_run_id")
    speaks = is_root or row.get("run_type") == "llm"
    start, end = time_at(row, "start_time"), time_at(row, "end_time")
    metadata = {**mapping_at(row, "metadata"), **_metadata(row)}
    return Fragment(
        turn,
        start,
        ROOT if is_root else INNER,
        text_at(metadata, *THREAD) or text_at(row, "thread_id"),
        text_at(metadata, "user_id", "userId", "user"),
        user_text(row.get("inputs")) if speaks else None,
        agent_text(row.get("outputs")) if speaks else None,
        label_of(text_at(metadata, "intent"), text_at(metadata, "topic")),
        _stated_outcome(unpacked(row.get("feedback_stats")), scores),
        span_ms(start, end) if is_root else None,
    )


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of a run; the bulk export keeps `extra` as JSON in a text."""
    extra = unpacked(row.get("extra"))
    return mapping_at(extra, "metadata") if isinstance(extra, Mapping) else {}


def _stated_outcome(stats: object, scores: Collection[str]) -> Outcome | None:
    """Return what the feedback of a run adds up to: the mean of its scores, or its most frequent value."""
    if not isinstance(stats, Mapping):
        return None
    for key, figures in stats.items():
        if not isinstance(figures, Mapping) or not figures.get("n"):
            continue
        values = figures.get("values")
        words = sorted(values.items(), key=lambda one: -one[1]) if isinstance(values, Mapping) else []
        value = figures.get("avg") if figures.get("avg") is not None else next(iter(words), (None,))[0]
        if outcome := outcome_of(str(key), value, scores):
            return outcome
    return None


def _feedback(row: Mapping[str, Any], scores: Collection[str]) -> Iterator[Fragment]:
    turn = text_at(row, "trace_id", "run_id")
    if turn is None:
        raise RowRefused("run_id", "a feedback without run", f"Give {EXPECTED}.")
    key = str(row.get("key"))
    given = row.get("score") if row.get("score") is not None else row.get("value")
    outcome = outcome_of(key, given, scores)
    label = str(given) if plain_name(key) == "intent" and isinstance(given, str) else None
    if outcome or label:
        yield Fragment(turn, time_at(row, "created_at"), DEEP, label=label, outcome=outcome)
