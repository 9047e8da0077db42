"""The node runs of a turn as HTML: what each changed, which models and tools were called."""

import json
from collections.abc import Mapping, Sequence

from agent.views.markup import (
    attempts_told,
    cell,
    clipped,
    escape,
    figure,
    is_degraded,
    one_line,
    table,
    wide,
)
from agent.views.words import UNKNOWN, counted, plain, run_note, time_taken
from graph.trace import NodeRun, Trace

MOST_RUNS = 60
"""Node runs shown; a turn has far fewer, a broken log may have any number."""

STATE_CHARACTERS, VALUE_CHARACTERS = 4_000, 600
"""Longest texts shown of a whole state and of one value; what is cut off is told."""


def runs_html(runs: Sequence[NodeRun]) -> str:
    """Return the node runs, each with its result, its diff, and the state before and after to unfold."""
    more = len(runs) - MOST_RUNS
    left_out = f'<p class="dim">{counted(more, "more node run")} left out.</p>' if more > 0 else ""
    return "".join(_run(run) for run in runs[:MOST_RUNS]) + left_out


def _run(run: NodeRun) -> str:
    name = one_line(run.node, 40) + (f" {run.run}" if run.run > 1 else "")
    note = one_line(plain(run_note(run)), 200)
    told = f'<p class="dim">{escape(attempts_told(run))}</p>' if is_degraded(run) else ""
    rows = [
        [
            cell(change.field, "name"),
            cell(_json(change.before), "value"),
            cell(_json(change.after), "value"),
        ]
        for change in run.diff
    ]
    states = _state("State before", run.before) + _state("State after", run.after)
    diff = (
        wide(table(["field", "before", "after"], rows)) if rows else '<p class="dim">Nothing was changed.</p>'
    )
    return (
        f'<details class="run{" degraded" if is_degraded(run) else ""}"><summary><span>{escape(name)}</span>'
        f'<span class="figure">{time_taken(run.duration_ms)}</span><span>{escape(note)}</span></summary>'
        f"<div>{told}{diff}{states}</div></details>"
    )


def _state(title: str, state: Mapping[str, object]) -> str:
    text = json.dumps(state, indent=2, ensure_ascii=False, default=str)
    return (
        f"<details><summary>{title} ({counted(len(state), 'field')})</summary>"
        f"<pre>{escape(clipped(text, STATE_CHARACTERS))}</pre></details>"
    )


def _json(value: object) -> str:
    if value is None:
        return UNKNOWN
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return clipped(text, VALUE_CHARACTERS)


def calls_html(trace: Trace) -> str:
    """Return the calls of models and tools with time, tokens and cost."""
    if not trace.model_calls and not trace.tool_calls:
        return '<p class="dim">No chat model and no tool was called: no tokens, no cost.</p>'
    rows = [
        [
            cell(f"{one_line(call.node, 40)}: {one_line(call.model, 80)}"),
            figure(time_taken(call.duration_ms)),
            figure(_count(call.input_tokens)),
            figure(_count(call.output_tokens)),
            figure(_money(call.cost_usd)),
        ]
        for call in trace.model_calls
    ]
    for tool in trace.tool_calls:
        end = one_line(tool.error, 200) if tool.error else "answered"
        rows.append(
            [
                cell(f"tool {one_line(tool.tool, 80)}: {end}"),
                figure(time_taken(tool.duration_ms)),
                *[figure("")] * 3,
            ]
        )
    if trace.model_calls:
        total = (_count(trace.input_tokens), _count(trace.output_tokens), _money(trace.cost_usd))
        rows.append([cell("together"), figure(""), *map(figure, total)])
    return wide(table(["call", ">time", ">tokens in", ">tokens out", ">cost"], rows))


def _count(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"


def _money(usd: float | None) -> str:
    """Write US dollars; a price that nobody told is no price of 0."""
    return "unknown" if usd is None else f"${usd:,.4f}"
