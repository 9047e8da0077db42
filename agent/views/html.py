"""A trace as one HTML file: no script, nothing to load, readable for as long as there are browsers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from agent.views.markup import (
    attempts_told,
    clipped,
    escape,
    followed,
    is_degraded,
    one_line,
    suggestion_facts,
)
from agent.views.svg import graph_svg, timeline_svg
from agent.views.words import (
    UNKNOWN,
    counted,
    label_of,
    percent,
    plain,
    replaced,
    run_note,
    time_taken,
    without_guidance,
)
from graph.trace import NodeRun, Trace
from memory.records import Citation, Guidance
from memory.turns import TurnReply

FULL_TURNS = 20
"""Turns shown with all their node runs, the last ones; a session may have any number."""

LISTED_TURNS = 500
"""Earlier turns that are at least listed."""

MOST_RUNS = 60
ANSWER_CHARACTERS = 20_000
STATE_CHARACTERS = 4_000
VALUE_CHARACTERS = 600
"""Longest texts shown; what is cut off is told."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
html {{ background: #fff; color: #1f2328; }}
@media (prefers-color-scheme: dark) {{ html {{ background: #0d1117; color: #e6edf3; }} }}
body {{ margin: 0; padding: 20px clamp(10px, 4vw, 40px) 60px; }}
body > .slip {{ margin: 0 auto; }}
{style}</style>
</head>
<body>
<main class="slip">
{body}
</main>
</body>
</html>
"""


def trace_html(traces: Sequence[Trace], *, title: str) -> str:
    """Return a page with the turns of a session, the last one open.

    Of long sessions the last `FULL_TURNS` are whole, earlier ones are listed.
    """
    head = [f'<h1 dir="auto">{escape(one_line(title, 200))}</h1>', _session_line(traces)]
    earlier, whole = traces[:-FULL_TURNS], traces[-FULL_TURNS:]
    turns = [_turn(trace, None, is_open=trace is whole[-1]) for trace in whole]
    body = "\n".join([*head, _earlier(earlier), *turns])
    return PAGE.format(title=escape(one_line(title, 200)), style=_style(), body=body)


def run_html(trace: Trace, reply: TurnReply | None = None) -> str:
    """Return one turn for display inside another page, such as a notebook.

    `reply` has whole sources, of which the record keeps the beginning.
    """
    return f'<div class="slip"><style>{_style()}</style>{_turn(trace, reply, is_open=True)}</div>'


@cache
def _style() -> str:
    return Path(__file__).with_name("trace.css").read_text(encoding="utf-8")


def _session_line(traces: Sequence[Trace]) -> str:
    if not traces:
        return "<p>No turn is recorded.</p>"
    last = traces[-1]
    facts = f"session <code>{escape(one_line(last.session_id, 80))}</code> · {escape(last.domain)}"
    at = f"{traces[0].started_at:%Y-%m-%d %H:%M} UTC"
    return f'<p class="dim">{facts} · {counted(len(traces), "turn")} · {at}</p>'


def _earlier(traces: Sequence[Trace]) -> str:
    if not traces:
        return ""
    listed = traces[-LISTED_TURNS:]
    rows = [
        [
            _figure(str(trace.turn)),
            _cell(one_line(trace.query, 160)),
            _cell(label_of(trace.intent, trace.topic)),
            _figure(time_taken(trace.duration_ms)),
        ]
        for trace in listed
    ]
    left_out = len(traces) - len(listed)
    more = f"; {counted(left_out, 'turn')} before them left out" if left_out else ""
    return (
        f"<details><summary>{counted(len(listed), 'earlier turn')}, without node runs{more}</summary>"
        f"{_table(['turn', 'question', 'step', 'time'], rows)}</details>"
    )


# --- a turn ------------------------------------------------------------------------------------


def _turn(trace: Trace, reply: TurnReply | None, *, is_open: bool) -> str:
    end = "" if trace.is_complete else '<p class="warn">The record of this turn is incomplete.</p>'
    degraded = "".join(f'<p class="warn">{escape(replaced(one))}</p>' for one in trace.degraded)
    nodes = [run.node for run in trace.runs if is_degraded(run)]
    parts = [
        f'<div class="answer" dir="auto">{escape(clipped(trace.reply, ANSWER_CHARACTERS))}</div>',
        end + degraded,
        _facts(trace),
        _sources(_citations(trace) if reply is None else reply.citations),
        _section("Likely next steps", _guidance(trace)),
    ]
    if trace.runs:
        parts += [
            _section("Way through the graph", _wide(graph_svg(trace.path, degraded=nodes))),
            _section("Time", _wide(timeline_svg(trace))),
            _section("Node runs and what they changed", _runs(trace.runs)),
        ]
    parts.append(_section("Models and tools", _calls(trace)))
    return (
        f'<details class="turn"{" open" if is_open else ""}><summary>'
        f'<span class="dim">Turn {trace.turn}</span> <bdi class="question">'
        f"{escape(clipped(trace.query, 2_000))}</bdi></summary>"
        f'<div class="body">{"".join(parts)}</div></details>'
    )


def _facts(trace: Trace) -> str:
    facts = [("", time_taken(trace.duration_ms))]
    if trace.intent:
        facts.append(("", f"{label_of(trace.intent, trace.topic)} {percent(trace.confidence)}"))
    if trace.verdict:
        score = "" if trace.score is None else f" {trace.score:.2f}"
        facts.append(("good" if trace.verdict == "accept" else "bad", f"judge: {trace.verdict}{score}"))
    if trace.reply_kind != "answer":
        facts.append(("", trace.reply_kind))
    if trace.hit is not None:
        facts.append(("", "foreseen by the last guidance" if trace.hit else "not foreseen"))
    facts += [("", f"{skill} by {name}") for skill, name in trace_skills(trace).items()]
    facts.append(("", f"release {trace.release}" if trace.release else "no release"))
    items = (f'<li class="{kind}">{escape(one_line(text, 120))}</li>' for kind, text in facts)
    return f'<ul class="facts">{"".join(items)}</ul>'


def trace_skills(trace: Trace) -> dict[str, str]:
    """Return which implementation worked, by skill."""
    state = trace.runs[-1].after if trace.runs else {}
    found = {
        "classified": state.get("classified_by"),
        "written": _field(state.get("draft"), "skill"),
        "judged": _field(state.get("verdict"), "skill"),
    }
    return {skill: name for skill, name in found.items() if isinstance(name, str) and name}


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _citations(trace: Trace) -> list[Citation]:
    """Return the sources of the last draft as far as the record holds them."""
    draft = trace.runs[-1].after.get("draft") if trace.runs else None
    found = _field(draft, "citations")
    if trace.reply_kind != "answer" or not isinstance(found, list):
        return []
    whole = ("number", "passage_id", "title", "source", "quote")
    return [
        Citation.model_validate(one) for one in found if isinstance(one, dict) and all(map(one.get, whole))
    ]


def _sources(citations: Sequence[Citation]) -> str:
    if not citations:
        return ""
    rows = [
        f"<li>[{one.number}] <bdi>{escape(one_line(one.title, 200))}</bdi>"
        f"{' <span class=sample>sample text</span>' if one.sample else ''} "
        f'<code class="dim">{escape(one_line(one.source, 200))}</code>'
        f'<q dir="auto">{escape(clipped(one.quote, VALUE_CHARACTERS))}</q></li>'
        for one in citations
    ]
    return _section("Sources", f'<ul class="sources">{"".join(rows)}</ul>')


def _guidance(trace: Trace) -> str:
    guidance: Guidance = trace.guidance
    if not guidance.suggestions:
        return f'<p class="dim">No suggestion: {escape(without_guidance(guidance))}.</p>'
    rows = [
        [
            f'<td><bdi>{escape(one_line(one.label, 120))}</bdi><span class="bar">'
            f'<i style="width:{one.confidence * 100:.0f}%"></i></span></td>',
            _figure(percent(one.confidence)),
            f'<td class="name"><code>{escape(one_line(one.pattern_id, 40))}</code></td>',
            _cell(suggestion_facts(one)),
            _cell(one_line(one.why, 240) or UNKNOWN, "optional"),
        ]
        for one in guidance.suggestions
    ]
    table = _table(["next step", ">likely", "pattern", "rests on", "*because of"], rows)
    how = f"looked up in {time_taken(guidance.duration_ms)}"
    return _wide(table) + f'<p class="dim">{escape(followed(trace))} · {how}</p>'


# --- node runs ---------------------------------------------------------------------------------


def _runs(runs: Sequence[NodeRun]) -> str:
    more = len(runs) - MOST_RUNS
    left_out = f'<p class="dim">{counted(more, "more node run")} left out.</p>' if more > 0 else ""
    return "".join(_run(run) for run in runs[:MOST_RUNS]) + left_out


def _run(run: NodeRun) -> str:
    name = one_line(run.node, 40) + (f" {run.run}" if run.run > 1 else "")
    note = one_line(plain(run_note(run)), 200)
    told = f'<p class="dim">{escape(attempts_told(run))}</p>' if is_degraded(run) else ""
    rows = [
        [
            _cell(change.field, "name"),
            _cell(_json(change.before), "value"),
            _cell(_json(change.after), "value"),
        ]
        for change in run.diff
    ]
    states = _state("State before", run.before) + _state("State after", run.after)
    diff = (
        _wide(_table(["field", "before", "after"], rows))
        if rows
        else '<p class="dim">Nothing was changed.</p>'
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


def _calls(trace: Trace) -> str:
    if not trace.model_calls and not trace.tool_calls:
        return '<p class="dim">No chat model and no tool was called: no tokens, no cost.</p>'
    rows = [
        [
            _cell(f"{one_line(call.node, 40)}: {one_line(call.model, 80)}"),
            _figure(time_taken(call.duration_ms)),
            _figure(_count(call.input_tokens)),
            _figure(_count(call.output_tokens)),
            _figure(_money(call.cost_usd)),
        ]
        for call in trace.model_calls
    ]
    for tool in trace.tool_calls:
        end = one_line(tool.error, 200) if tool.error else "answered"
        rows.append([_cell(f"tool {one_line(tool.tool, 80)}: {end}"), _figure(time_taken(tool.duration_ms))])
    if trace.model_calls:
        total = (_count(trace.input_tokens), _count(trace.output_tokens), _money(trace.cost_usd))
        rows.append([_cell("together"), _figure(""), *map(_figure, total)])
    return _wide(_table(["call", ">time", ">tokens in", ">tokens out", ">cost"], rows))


def _count(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"


def _money(usd: float | None) -> str:
    """Write US dollars; a price that nobody told is no price of 0."""
    return "unknown" if usd is None else f"${usd:,.4f}"


# --- parts -------------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _wide(body: str) -> str:
    return f'<div class="wide">{body}</div>'


def _cell(text: str, kind: str = "") -> str:
    return f'<td{f" class={kind}" if kind else ""} dir="auto">{escape(text)}</td>'


def _figure(text: str) -> str:
    return f'<td class="figure">{escape(text)}</td>'


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; `>` before a name means figures, `*` a column that narrow screens leave out."""
    kinds = {">": ' class="figure"', "*": ' class="optional"'}
    head = "".join(f"<th{kinds.get(name[0], '')}>{name.lstrip('>*')}</th>" for name in names)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
