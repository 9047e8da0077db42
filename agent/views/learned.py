"""What learning did, or would do, as text for a terminal."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from agent.views.tables import WIDTH, joined, render, table
from agent.views.words import counted, percent, plain, time_taken
from learning.reports import LearnPreview, LearnReport, PassedOver
from memory.records import Pattern

SHOWN = 10
"""Patterns that a preview lists of each kind (count)."""


def learn_text(report: LearnReport, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what the pipeline read, what it found, how good that is, and how long it took."""
    counts = [
        counted(report.sessions, "session"),
        counted(report.steps, "step"),
        counted(report.users, "user"),
        counted(report.patterns, "pattern"),
        f"{report.classified:,} steps named by a classifier",
    ]
    parts: list[RenderableType] = [
        Text(f"release {report.release_id} ({_state(report)})", style="bold"),
        Text(joined(counts, width)),
        *_passed_over(report, width),
    ]
    if report.metrics:
        shown = table("measured on held-out sessions", "value")
        shown.expand = False
        for name, value in report.metrics.items():
            shown.add_row(name.replace("_", " "), _metric(name, value))
        parts += [Text(), shown, Text()]
    times = [f"{stage.replace('_', ' ')} {time_taken(ms)}" for stage, ms in report.stages_ms.items()]
    parts.append(Text(joined(times, width), style="dim"))
    return render(*parts, width=width, colour=colour)


def _state(report: LearnReport) -> str:
    if not report.is_due:
        return f"still live; only {counted(report.unlearned, 'new intent')} since, which is too few to learn"
    return "new" if report.is_new else "learned before; nothing new was written"


def _passed_over(report: PassedOver, width: int) -> list[RenderableType]:
    """Say what was not learned from; nothing when that is nothing."""
    facts = [
        f"{counted(number, what)} {why}"
        for number, what, why in (
            (report.machine_sessions, "session", "of machines"),
            (report.capped_sessions, "older session", "of very busy users"),
            (report.cut_steps, "step", "at the ends of endless sessions"),
            (report.future_events, "event", "dated in the future"),
            (len(report.broken_files), "file", "that cannot be read"),
        )
        if number
    ]
    return [Text(_after("left out: ", facts, width), style="yellow")] if facts else []


def _after(word: str, facts: Sequence[str], width: int) -> str:
    return joined([word + facts[0], *facts[1:]], width)


def _metric(name: str, value: float) -> str:
    if "rate" in name:
        return f"{value:.1%}"
    return f"{value:,.0f}" if float(value).is_integer() and value > 1 else f"{value:.4f}"


def preview_text(found: LearnPreview, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what learning would change, without a word on how good it would be: that is measured by doing."""
    live = found.live
    if live is None:
        against = "nothing is live yet"
    elif found.is_new:
        against = f"{live.release_id} is live"
    else:
        against = f"{live.release_id} is live and has learned from the same sessions"
    counts = [
        _change("session", found.sessions, None if live is None else live.sessions),
        _change("step", found.steps, None if live is None else live.steps),
        counted(found.users, "user"),
        _change("pattern", found.patterns, None if live is None else live.patterns),
    ]
    parts: list[RenderableType] = [
        Text(f"would learn release {found.release_id} ({against})", style="bold"),
        Text(joined(counts, width)),
        *_yet_to_do(found, width),
        *_passed_over(found, width),
    ]
    for title, patterns in (("new", found.new_patterns), ("gone", found.gone_patterns)):
        parts += _listed(title, patterns)
    if live is not None:
        parts.append(Text(f"\n{counted(found.moved_patterns, 'pattern')} of both with other figures"))
    parts.append(Text("\nnothing was written", style="dim"))
    return render(*parts, width=width, colour=colour)


def _change(name: str, number: int, before: int | None) -> str:
    return counted(number, name) + ("" if before is None else f" ({number - before:+,})")


def _yet_to_do(found: LearnPreview, width: int) -> list[RenderableType]:
    """Say what learning would do first, and what makes the preview differ from it."""
    facts = [
        f"{counted(number, what)} {why}"
        for number, what, why in (
            (found.new_files, "file", "to read"),
            (found.unnamed, "step", "to name"),
            (found.waiting_events, "event", "on the way to the lake"),
        )
        if number
    ]
    return [Text(_after("first: ", facts, width))] if facts else []


def _listed(title: str, patterns: Sequence[Pattern]) -> list[RenderableType]:
    if not patterns:
        return []
    shown = table(f"{title} patterns*", "sessions", "users", "solved")
    for one in patterns[:SHOWN]:
        steps = plain(" > ".join(step.label for step in one.sequence))
        shown.add_row(steps, f"{one.frequency:,}", f"{one.users:,}", percent(one.success_rate))
    more = len(patterns) - SHOWN
    return [Text(), shown, *([Text(f"and {more:,} more", style="dim")] if more > 0 else [])]
