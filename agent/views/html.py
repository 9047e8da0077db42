"""A trace as one HTML file: no script, nothing to load, readable for as long as there are browsers."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from agent.views.markup import (
    cell,
    clipped,
    escape,
    figure,
    followed,
    is_degraded,
    one_line,
    section,
    suggestion_facts,
    table,
    wide,
)
from agent.views.noderuns import calls_html, runs_html
from agent.views.svg import graph_svg, timeline_svg
from agent.views.words import (
    UNKNOWN,
    counted,
    label_of,
    percent,
    replaced,
    searched_as,
    time_taken,
    without_guidance,
)
from graph.trace import Trace
from memory.records import Citation, Guidance
from memory.turns import TurnReply

FULL_TURNS = 20
"""Turns shown with all their node runs, the last ones; a session may have any number."""

LISTED_TURNS = 500
"""Earlier turns that are at least listed."""

ANSWER_CHARACTERS, QUESTION_CHARACTERS, QUOTE_CHARACTERS = 20_000, 2_000, 600
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
            figure(str(trace.turn)),
            cell(one_line(trace.query, 160)),
            cell(label_of(trace.intent, trace.topic)),
            figure(time_taken(trace.duration_ms)),
        ]
        for trace in listed
    ]
    left_out = len(traces) - len(listed)
    more = f"; {counted(left_out, 'turn')} before them left out" if left_out else ""
    return (
        f"<details><summary>{counted(len(listed), 'earlier turn')}, without node runs{more}</summary>"
        f"{wide(table(['>turn', 'question', 'step', '>time'], rows))}</details>"
    )


# --- a turn ------------------------------------------------------------------------------------


def _turn(trace: Trace, reply: TurnReply | None, *, is_open: bool) -> str:
    degraded = "".join(f'<p class="warn">{escape(replaced(one))}</p>' for one in trace.degraded)
    nodes = [run.node for run in trace.runs if is_degraded(run)]
    parts = [
        _answer(trace),
        degraded,
        _facts(trace),
        _sources(_citations(trace) if reply is None else reply.citations),
        section("Likely next steps", _guidance(trace)),
    ]
    if trace.runs:
        parts += [
            section("Way through the graph", wide(graph_svg(trace.path, degraded=nodes))),
            section("Time", wide(timeline_svg(trace))),
            section("Node runs and what they changed", runs_html(trace.runs)),
        ]
    parts.append(section("Models and tools", calls_html(trace)))
    return (
        f'<details class="turn"{" open" if is_open else ""}><summary>'
        f'<span class="dim">Turn {trace.turn}</span> {_mark("sample session") if trace.sample else ""} '
        f'<bdi class="question">{escape(clipped(trace.query, QUESTION_CHARACTERS))}</bdi></summary>'
        f'<div class="body">{"".join(parts)}</div></details>'
    )


def _answer(trace: Trace) -> str:
    if not trace.reply and not trace.runs:
        return '<p class="dim">Only the question and its step are recorded.</p>'
    end = "" if trace.is_complete else '<p class="warn">The record of this turn is incomplete.</p>'
    return f'<div class="answer" dir="auto">{escape(clipped(trace.reply, ANSWER_CHARACTERS))}</div>{end}'


def _mark(text: str) -> str:
    return f'<span class="sample">{text}</span>'


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
    citations = []
    for one in found:
        with suppress(ValidationError):  # the record is clipped: the last item may only count the others
            citations.append(Citation.model_validate(one))
    return citations


def _sources(citations: Sequence[Citation]) -> str:
    if not citations:
        return ""
    rows = [
        f"<li>[{one.number}] <bdi>{escape(one_line(one.title, 200))}</bdi>"
        f"{' ' + _mark('sample text') if one.sample else ''} "
        f'<code class="dim">{escape(one_line(one.source, 200))}</code>'
        f'<q dir="auto">{escape(clipped(one.quote, QUOTE_CHARACTERS))}</q></li>'
        for one in citations
    ]
    return section("Sources", f'<ul class="sources">{"".join(rows)}</ul>')


def _guidance(trace: Trace) -> str:
    guidance: Guidance = trace.guidance
    if trace.path and "query_transformer" not in trace.path:
        return '<p class="dim">No suggestion: the turn ended before the patterns were asked.</p>'
    if not guidance.suggestions or guidance.arm == "holdout":
        return f'<p class="dim">No suggestion: {escape(without_guidance(guidance))}.</p>'
    rows = [
        [
            f'<td><bdi>{escape(one_line(one.label, 120))}</bdi><span class="bar">'
            f'<i style="width:{one.confidence * 100:.0f}%"></i></span></td>',
            figure(percent(one.confidence)),
            f'<td class="name"><code>{escape(one_line(one.pattern_id, 40))}</code></td>',
            cell(suggestion_facts(one)),
            cell(one_line(one.why, 240) or UNKNOWN, "optional"),
        ]
        for one in guidance.suggestions
    ]
    rows_html = table(["next step", ">likely", "pattern", "rests on", "*because of"], rows)
    how = f"looked up in {time_taken(guidance.duration_ms)}"
    if guidance.led_by:
        how = f"{escape(searched_as(guidance.led_by))} · {how}"
    return wide(rows_html) + f'<p class="dim">{escape(followed(trace))} · {how}</p>'
