"""Records as text for a terminal: wrapped to a width, numbers whole, without colour unless asked."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agent.views.tables import WIDTH, joined, render, table
from agent.views.words import (
    UNKNOWN,
    counted,
    label_of,
    percent,
    plain,
    replaced,
    run_note,
    searched_as,
    time_taken,
    without_guidance,
)
from domains.model import Domain
from graph.trace import NodeRun, Trace
from memory.records import Citation, Guidance, Pattern, TurnFinished
from memory.turns import TurnReply

BAR = 16
"""Characters of the longest bar of a timeline."""

SUGGESTIONS = 3
SAMPLE = " (sample text)"
"""Stands beside what was written for demonstration, unless its title says so itself."""

SHORTEST_ID = 8
"""Characters of an id that are always shown."""


# --- a turn ----------------------------------------------------------------------------------


def reply_text(reply: TurnReply, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show an answer, its sources, what usually comes next, and the figures of the turn."""
    parts: list[RenderableType] = [Text(plain(reply.reply))]
    if reply.citations:
        parts += [Text(), *(_source(citation) for citation in reply.citations)]
    if reply.guidance.suggestions:
        parts += [Text(), Text("Likely next", style="bold"), _suggestions(reply.guidance)]
    parts += [Text(), Text(_figures(reply, width), style="dim")]
    parts += [Text(f"Note: {replaced(reason)}", style="yellow") for reason in reply.degraded]
    return render(*parts, width=width, colour=colour)


def _source(citation: Citation) -> RenderableType:
    mark = SAMPLE if citation.sample and SAMPLE not in citation.title else ""
    row = Table.grid(padding=(0, 1))
    row.add_column(no_wrap=True, min_width=len(f"[{citation.number}]"))
    row.add_column(overflow="fold")
    row.add_row(
        f"[{citation.number}]", Text(f"{plain(citation.title)}{mark}\n").append(citation.source, "dim")
    )
    return row


def _figures(reply: TurnReply, width: int) -> str:
    facts = [time_taken(reply.duration_ms)]
    if reply.intent:
        facts.append(f"{label_of(reply.intent, reply.topic)} {percent(reply.intent_confidence)}")
    if reply.verdict:
        facts.append(reply.verdict if reply.score is None else f"{reply.verdict} {reply.score:.2f}")
    if reply.kind != "answer":
        facts.append(reply.kind)
    if reply.hit is not None:
        facts.append("as foreseen" if reply.hit else "not as foreseen")
    facts += [f"{skill} {name}" for skill, name in reply.skills.items()]
    return joined(map(plain, facts), width)


def guidance_text(guidance: Guidance, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show the likely next steps with the patterns behind them, or say why there are none."""
    if not guidance.suggestions or guidance.arm == "holdout":
        return render(Text(f"No suggestion: {without_guidance(guidance)}."), width=width, colour=colour)
    why = Text(f"after {plain(guidance.suggestions[0].why)}") if guidance.suggestions[0].why else Text()
    end = Text(f"release {guidance.release or UNKNOWN} · {time_taken(guidance.duration_ms)}", style="dim")
    head = [why] if why else []
    led = [Text(searched_as(guidance.led_by))] if guidance.led_by else []
    return render(*led, *head, _suggestions(guidance), end, width=width, colour=colour)


def _suggestions(guidance: Guidance) -> Table:
    shown = table("likely", "next step*", "pattern", "sessions", "solved")
    for one in guidance.suggestions[:SUGGESTIONS]:
        success = percent(one.success_rate)
        shown.add_row(percent(one.confidence), one.label, one.pattern_id, f"{one.support:,}", success)
    return shown


def timeline_text(trace: Trace, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show every node run of a turn: when, how long, what it found."""
    head = [f"turn {trace.turn} of session {trace.session_id}", trace.domain, trace.request_id]
    head += ["sample session"] if trace.sample else []
    parts: list[RenderableType] = [
        Text(joined(map(plain, head), width), style="dim"),
        Text(f"> {plain(trace.query)}"),
    ]
    parts += [Text(), _timeline(trace) if trace.runs else Text("no node run is recorded"), Text()]
    for call in trace.tool_calls:
        parts.append(Text(f"tool {call.tool} · {time_taken(call.duration_ms)} · {call.error or 'answered'}"))
    if trace.model_calls:
        parts.append(Text(_spent(trace, width)))
    parts.append(Text(_outcome(trace, width)))
    parts += [Text(f"Note: {replaced(reason)}", style="yellow") for reason in trace.degraded]
    return render(*parts, width=width, colour=colour)


def _timeline(trace: Trace) -> Table:
    shown = table("node", "start", "time", "", "result*")
    shown.columns[3].min_width, shown.columns[3].no_wrap = BAR, True
    end_ms = max(run.start_ms + run.duration_ms for run in trace.runs)
    for run in trace.runs:
        name = run.node if run.run == 1 else f"{run.node} {run.run}"
        times = (time_taken(run.start_ms), time_taken(run.duration_ms))
        shown.add_row(name, *times, _bar(run, end_ms), Text(plain(run_note(run))))
    return shown


def _bar(run: NodeRun, end_ms: float) -> str:
    """Draw when a run took place on a line of `BAR` characters; even the shortest run is one long."""
    if end_ms <= 0:
        return ""
    start = min(int(run.start_ms / end_ms * BAR), BAR - 1)
    length = max(1, round(run.duration_ms / end_ms * BAR))
    return " " * start + "█" * min(length, BAR - start)


def _spent(trace: Trace, width: int) -> str:
    known = [counted(len(trace.model_calls), "model call")]
    if trace.input_tokens is not None and trace.output_tokens is not None:
        known.append(f"{trace.input_tokens:,} tokens in, {trace.output_tokens:,} out")
    known.append("price unknown" if trace.cost_usd is None else f"${trace.cost_usd:.4f}")
    return joined(known, width)


def _outcome(trace: Trace, width: int) -> str:
    facts = [trace.reply_kind if trace.is_complete else "incomplete", time_taken(trace.duration_ms)]
    if trace.verdict:
        facts.append(trace.verdict if trace.score is None else f"{trace.verdict} {trace.score:.2f}")
    if trace.followed is not None:
        facts.append("guidance named the next step" if trace.followed else "the next step was another")
    if trace.release:
        facts.append(f"release {trace.release}")
    return joined(facts, width)


def trace_list_text(rows: Sequence[TurnFinished], *, width: int = WIDTH, colour: bool = False) -> str:
    """List turns; ids are as long as it takes to tell them apart."""
    if not rows:
        return "no turns yet"
    length = _prefix_length([row.request_id for row in rows])
    shown = table("at (UTC)", "id", "step~", "sure", "time", "judged", "question*")
    for row in rows:
        shown.add_row(
            f"{row.at:%m-%d %H:%M}",
            row.request_id[:length],
            label_of(row.intent, row.topic),
            percent(row.confidence),
            time_taken(row.duration_ms),
            "sample" if row.sample else row.verdict or row.reply_kind,
            plain(row.query).replace("\n", " "),
        )
    shown.columns[6].no_wrap = True
    return render(shown, width=width, colour=colour)


def _prefix_length(ids: Sequence[str]) -> int:
    longest = max(map(len, ids))
    found = set(ids)
    enough = (
        size for size in range(SHORTEST_ID, longest) if len({one[:size] for one in found}) == len(found)
    )
    return next(enough, longest)


# --- what was learned ------------------------------------------------------------------------


def pattern_table(patterns: Sequence[Pattern], *, width: int = WIDTH, colour: bool = False) -> str:
    """List patterns in the order given, whole sequences and all figures."""
    if not patterns:
        return "no patterns yet"
    shown = table("pattern", "kind", "steps*", "sessions", "users", "solved", "mean time")
    for one in patterns:
        mean_ms = None if one.avg_completion_time is None else one.avg_completion_time * 1000
        shown.add_row(
            one.pattern_id,
            one.pattern_type,
            plain(" > ".join(step.label for step in one.sequence)),
            f"{one.frequency:,}",
            f"{one.users:,}",
            percent(one.success_rate),
            time_taken(mean_ms),
        )
    return render(shown, width=width, colour=colour)


# --- what there is ---------------------------------------------------------------------------


def graph_text(*, width: int = WIDTH, colour: bool = False) -> str:
    """Show the nodes of a turn, where each leads, and what it does."""
    from graph.build import STOPS

    shown = table("node", "leads to", "what it does*")
    for name, stop in STOPS.items():
        targets = [target.strip("_") for target in stop.leads_to]
        does = (stop.node.__doc__ or "").strip().splitlines() or [""]
        shown.add_row(name, "\n".join(f"→ {target}" for target in targets), does[0])
    return render(shown, width=width, colour=colour)


def domain_text(domain: Domain, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what a domain is about and how it is set."""
    head = Text(f"{domain.name} · {domain.title}", style="bold")
    intents = table("intent~", "topics*", "examples")
    for name, spec in domain.intents.items():
        examples = len(spec.examples) + sum(map(len, spec.topics.values()))
        intents.add_row(name, ", ".join(spec.topics) or UNKNOWN, f"{examples:,}")
    sample = SAMPLE if domain.knowledge.sample else ""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    judge, clarify = domain.judge, domain.clarify
    for name, value in {
        "entities": ", ".join(domain.entities),
        "tools": ", ".join(domain.tools),
        "forbidden": ", ".join(domain.forbidden),
        "knowledge": domain.knowledge.folder + sample,
        "asks back": f"below {percent(clarify.min_confidence)} confidence",
        "judge": f"accepts at {judge.accept_at:.2f}, {counted(judge.revise_at_most, 'revision')} at most",
        "limits": f"turn {domain.limits.turn_s:g} s, node {domain.limits.node_s:g} s, "
        f"guidance {domain.limits.guidance_ms:g} ms",
    }.items():
        facts.add_row(name, value or UNKNOWN)
    about = Padding(Text(plain(domain.description.strip())), (0, 0, 1, 0))
    return render(Group(head, about, facts), Text(), intents, width=width, colour=colour)
