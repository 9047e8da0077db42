"""Figures and states in plain words, the same in every view."""

import re
from collections.abc import Sequence
from typing import Any

from graph.trace import NodeRun
from memory.records import Guidance, Suggestion

UNKNOWN = "–"
"""Stands where a figure is not known."""

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MORE = re.compile(r"… (\d+) more")


def plain(text: str) -> str:
    """Return `text` without control characters: what a user or a document wrote must not steer a terminal."""
    return _CONTROLS.sub("", text)


def percent(share: float | None) -> str:
    """Write a share (0 to 1) as `83%`; a dash when it is not known, and no certainty that is none."""
    if share is None:
        return UNKNOWN
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def time_taken(duration_ms: float | None) -> str:
    """Write a time (milliseconds) with the unit that fits: `0.4 ms`, `25 ms`, `3.1 s`, `4 min`."""
    if duration_ms is None:
        return UNKNOWN
    if 0 < duration_ms < 0.05:
        return "<0.1 ms"
    if duration_ms < 999.5:
        return f"{duration_ms:.1f} ms" if duration_ms < 9.95 else f"{duration_ms:.0f} ms"
    seconds = duration_ms / 1000
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def counted(count: int, one: str, many: str = "") -> str:
    """Write a number with its noun: `1 passage`, `1,204 passages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def label_of(intent: str | None, topic: str | None) -> str:
    """Write intent and topic as one label; "" when there is no intent."""
    return f"{intent}/{topic}" if intent and topic else intent or ""


def replaced(reason: str) -> str:
    """Say in plain words what a `degraded` entry (`node: reason`) means."""
    where, _, what = reason.partition(": ")
    if where == "turn":
        return {"timeout": "the turn ran out of time", "static reply": "a fixed sentence was sent"}.get(
            what, f"the turn broke off ({what})"
        )
    if where == "events":
        return f"the turn could not be recorded ({what})"
    cause, _, next_one = what.partition(", ")
    failed = "took too long" if cause == "timeout" else f"failed ({cause})"
    return f"{where.replace('_', ' ')} {failed}" + (f", the {next_one} took over" if next_one else "")


def without_guidance(guidance: Guidance) -> str:
    """Say why there is no suggestion to show."""
    if guidance.arm == "holdout":
        return "withheld in this session, to measure what guidance is worth"
    if guidance.over_budget:
        return "the look-up ran over its time budget"
    return "no pattern fits" if guidance.release else "nothing has been learned, or guidance is off"


def searched_as(led_by: Suggestion) -> str:
    """Say which step a follow-up was searched as, and which pattern says so."""
    after = f" after {plain(led_by.why)}" if led_by.why else ""
    return (
        f"Searched as {plain(led_by.label)}, {percent(led_by.confidence)} likely{after} ({led_by.pattern_id})"
    )


def run_note(run: NodeRun) -> str:
    """Say the one thing worth knowing of a node run: what it found, decided, or how it failed."""
    tried = [attempt for attempt in run.attempts if attempt.error]
    failures = ", ".join(f"{attempt.skill} skill: {attempt.error}" for attempt in tried)
    result = next((note for key, tell in _NOTES.items() if (note := tell(run.changed.get(key)))), "")
    return " · ".join(part for part in (failures, result) if part)


def _analysis(value: Any) -> str:
    if not isinstance(value, dict) or "intent" not in value:
        return ""
    return f"{label_of(value['intent'], value.get('topic'))} {percent(value.get('intent_confidence'))}"


def _guidance(value: Any) -> str:
    suggestions = value.get("suggestions") if isinstance(value, dict) else None
    if not suggestions or not isinstance(suggestions[0], dict):
        return ""
    return f"next: {suggestions[0]['label']} {percent(suggestions[0].get('confidence'))}"


def _verdict(value: Any) -> str:
    return f"{value['decision']} {value.get('score', 0):.2f}" if isinstance(value, dict) else ""


def _size(values: Sequence[Any]) -> int:
    """Count a list that may have been clipped; its last item then tells how many are left out."""
    more = _MORE.fullmatch(values[-1]) if values and isinstance(values[-1], str) else None
    return len(values) - 1 + int(more[1]) if more else len(values)


def _passages(value: Any) -> str:
    return counted(_size(value), "passage") if isinstance(value, list) else ""


def _tasks(value: Any) -> str:
    return counted(_size(value), "tool call") if isinstance(value, list) else ""


def _results(value: Any) -> str:
    return counted(_size(value), "tool result") if isinstance(value, list) else ""


def _draft(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    if value.get("abstained"):
        return "abstained: the knowledge does not hold the answer"
    return f"draft with {counted(_size(value.get('citations', [])), 'source')}"


def _kind(value: Any) -> str:
    return str(value) if value else ""


_NOTES = {  # the judge changes `draft` too, so its verdict comes first
    "blocked_by": lambda value: f"blocked by rule {value}" if value else "",
    "analysis": _analysis,
    "guidance": _guidance,
    "passages": _passages,
    "tasks": _tasks,
    "tool_results": _results,
    "verdict": _verdict,
    "draft": _draft,
    "reply_kind": _kind,
}
"""What to tell of a run, by the field that it changed; the first that says something is taken."""
