"""What guidance is worth, what follows a flow, what releases differ in: as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from agent.views.tables import WIDTH, joined, render, table
from agent.views.words import UNKNOWN, counted, percent, plain, time_taken
from learning.demotion import Decisions
from learning.effect import Comparison, EffectReport
from learning.flowgraph import FlowGraph
from learning.releasediff import ReleaseDiff
from memory.records import Pattern, Suggestion

SHOWN = 10
"""Rows of each table; the JSON has all."""

BRANCHES, DEPTH = 4, 4
"""Ways from a step that a tree shows, and steps that it goes on."""

RAREST = 0.02
"""Share of a step's sessions below which a way is left out of a tree."""

BUCKETS = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
"""Counts lie between two of these: an exact one, asked for twice, tells of the session in between."""


def bucket(count: int) -> str:
    """Write a count as the bucket it lies in: `25 to 49`."""
    if count < BUCKETS[0]:
        return f"below {BUCKETS[0]}"
    low = max(one for one in BUCKETS if one <= count)
    high = next((one for one in BUCKETS if one > count), None)
    return f"{low:,} or more" if high is None else f"{low:,} to {high - 1:,}"


# --- is it worth it? -------------------------------------------------------------------------------


def effect_text(found: EffectReport, known: Decisions, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what guidance did in the domain and by pattern, and what is out of service."""
    drawn = (
        counted(found.guided_sessions, "guided session"),
        counted(found.holdout_sessions, "held-out session"),
    )
    parts: list[RenderableType] = [
        Text(f"guidance in {found.domain}: {verdict(found.solved)}", style="bold"),
        Text(joined(drawn, width)),
    ]
    if not found.guided_sessions + found.holdout_sessions:
        parts.append(Text("no session was drawn for an arm yet: see the setting `holdout_share`"))
        return render(*parts, *_out_of_service(known), width=width, colour=colour)
    if not found.arms_as_drawn:
        parts.append(Text("one arm has more sessions than its draw explains: do not trust this", style="red"))
    shown = table("figure*", "guided", "held out", "difference", "95 % interval")
    shown.add_row("solved sessions", *_shares(found.solved))
    shown.add_row("turns to a solution", *_numbers(found.turns))
    shown.add_row("outcome known", *_shares(found.known))
    shown.add_row(
        "next step was suggested", percent(found.hit_rate), percent(found.unprompted_hit_rate), "", ""
    )
    shown.add_row("turns followed", percent(found.followed_rate), "", "", "")
    end = Text("Intervals hold however often one looks; failed sessions count as 20 turns.", style="dim")
    return render(
        *parts,
        Text(),
        shown,
        *_patterns(found),
        *_out_of_service(known),
        Text(),
        end,
        width=width,
        colour=colour,
    )


def verdict(solved: Comparison) -> str:
    """Say in words what the interval says."""
    if solved.low is None or solved.high is None:
        return "nothing to compare with yet"
    if solved.low > 0:
        return "it helps"
    return "it does harm" if solved.high < 0 else "no effect shown so far"


def _patterns(found: EffectReport) -> Iterator[RenderableType]:
    if not found.patterns:
        return
    shown = table(
        "pattern",
        "suggests*",
        "shown",
        "held out",
        "followed",
        "by itself",
        "solved",
        "95 % interval",
        "says",
    )
    best = [one for one in reversed(found.patterns) if (one.solved.low or 0) > 0]
    worst = [one for one in found.patterns if one not in best]
    for one in [*worst[: SHOWN - len(best[:3])], *best[:3]]:
        says = verdict(one.solved) if one.is_comparable else "arms not alike"
        shown.add_row(
            one.pattern_id,
            plain(one.label),
            f"{one.shown:,}",
            f"{one.withheld:,}",
            percent(one.followed_rate),
            percent(one.unprompted_rate),
            points(one.solved.lift),
            _span(one.solved, 100),
            says,
        )
    yield Text()
    yield shown


def _out_of_service(known: Decisions) -> Iterator[RenderableType]:
    """Say which patterns are not shown any more, with the sessions that took them out."""
    for one in known.demoted.values():
        yield Text(
            f"\nout of service: {one.pattern_id} ({plain(one.label)}) since {one.at:%Y-%m-%d}, "
            f"solved {points(one.lift)} [{points(one.low)} … {points(one.high)}], "
            f"shown in {bucket(one.shown)} sessions, held out in {bucket(one.withheld)}",
            style="yellow",
        )
        yield Text(f"  failed with it: {', '.join(map(plain, one.sessions)) or UNKNOWN}")
        yield Text(f"  put it back: slipstream guidance promote {one.pattern_id}", style="dim")


def points(share: float | None) -> str:
    """Write a difference of shares in percentage points, with its sign."""
    return UNKNOWN if share is None else f"{100 * share:+.1f}"


def _shares(found: Comparison) -> tuple[str, str, str, str]:
    return percent(found.guided), percent(found.holdout), points(found.lift), _span(found, 100)


def _numbers(found: Comparison) -> tuple[str, str, str, str]:
    plain_numbers = [UNKNOWN if one is None else f"{one:.1f}" for one in (found.guided, found.holdout)]
    lift = UNKNOWN if found.lift is None else f"{found.lift:+.1f}"
    return plain_numbers[0], plain_numbers[1], lift, _span(found, 1)


def _span(found: Comparison, factor: float) -> str:
    if found.low is None or found.high is None:
        return UNKNOWN
    return f"{factor * found.low:+.1f} … {factor * found.high:+.1f}"


# --- why? ------------------------------------------------------------------------------------------


def pattern_text(
    pattern: Pattern, sessions: Sequence[str], *, width: int = WIDTH, colour: bool = False
) -> str:
    """Show one pattern with its figures and the sessions that answer for it."""
    rate = percent(pattern.success_rate)
    if pattern.success_low is not None and pattern.success_high is not None:
        rate += f" ({percent(pattern.success_low)} to {percent(pattern.success_high)})"
    mean_ms = None if pattern.avg_completion_time is None else pattern.avg_completion_time * 1000
    facts = {
        "kind": pattern.pattern_type,
        "steps": plain(" > ".join(step.label for step in pattern.sequence)),
        "sessions": bucket(pattern.frequency),
        "users": bucket(pattern.users),
        "solved": rate,
        "mean time": time_taken(mean_ms),
        "above chance": UNKNOWN if pattern.lift is None else f"{pattern.lift:.1f} times",
        "last seen": f"{pattern.last_updated:%Y-%m-%d}",
    }
    lines = [Text(f"{name:<14}{value}") for name, value in facts.items()]
    return render(
        Text(pattern.pattern_id, style="bold"),
        *lines,
        Text(f"{'seen in':<14}{', '.join(map(plain, sessions)) or 'no session of the lake any more'}"),
        width=width,
        colour=colour,
    )


def why_text(
    suggestions: Sequence[Suggestion],
    sessions: Mapping[str, Sequence[str]],
    *,
    width: int = WIDTH,
    colour: bool = False,
) -> str:
    """Say of each suggestion what it rests on, down to sessions; `sessions` by pattern id."""
    parts: list[RenderableType] = []
    for one in suggestions:
        facts = [
            f"{one.label} {percent(one.confidence)}",
            one.pattern_id,
            f"after {one.why}" if one.why else "",
            counted(one.support, "session"),
            "outcomes unknown" if one.success_rate is None else f"{percent(one.success_rate)} solved",
        ]
        parts.append(Text(joined(map(plain, facts), width)))
        found = sessions.get(one.pattern_id, ())
        parts.append(
            Text(f"  seen in {', '.join(map(plain, found)) or 'no session of the lake'}", style="dim")
        )
    return render(Text("Why these suggestions", style="bold"), *parts, width=width, colour=colour)


# --- what follows, what changed --------------------------------------------------------------------


def flow_text(flow: FlowGraph, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what follows a flow as a tree: share of the sessions before, and how many of them are solved."""
    if not flow.nodes:
        return "no pattern goes on from there"
    roots = [place for place, node in enumerate(flow.nodes) if node.column == max(len(flow.start) - 1, 0)]
    head = " > ".join(flow.start[:-1])
    lines = [f"{plain(head)} >"] if head else []
    for root in roots[:SHOWN]:
        lines += _tree(flow, root, 1.0 if flow.start else None, "", "", 0)
    return render(*(Text(line, no_wrap=True) for line in lines), width=width, colour=colour)


def _tree(
    flow: FlowGraph, place: int, share: float | None, lead: str, below: str, depth: int
) -> Iterator[str]:
    node = flow.nodes[place]
    name = node.label if node.label is not None else counted(node.labels, "other step")
    facts = ["" if share is None else percent(share), counted(node.sessions, "session")]
    facts.append("" if node.success_rate is None else f"{percent(node.success_rate)} solved")
    yield f"{lead}{plain(name)}  ({', '.join(filter(None, facts))})"
    if depth >= DEPTH:
        return
    ways = sorted((edge for edge in flow.edges if edge.source == place), key=lambda edge: -edge.sessions)
    ways = [edge for edge in ways if edge.sessions >= RAREST * node.sessions][:BRANCHES]
    for number, edge in enumerate(ways):
        is_last = number == len(ways) - 1
        yield from _tree(
            flow,
            edge.target,
            edge.sessions / node.sessions,
            f"{below}{'└─ ' if is_last else '├─ '}",
            f"{below}{'   ' if is_last else '│  '}",
            depth + 1,
        )


def diff_text(found: ReleaseDiff, *, width: int = WIDTH, colour: bool = False) -> str:
    """Show what a release has that the one before had not."""
    counts = [
        f"{after - before:+,} {name}"
        for name, before, after in (
            ("sessions", found.before.sessions, found.after.sessions),
            ("steps", found.before.steps, found.after.steps),
            ("patterns", found.before.patterns, found.after.patterns),
        )
    ]
    parts: list[RenderableType] = [
        Text(f"{found.before.release_id} → {found.after.release_id}", style="bold"),
        Text(joined(counts, width)),
    ]
    metrics = table("measured on held-out sessions*", "before", "after")
    for name, values in found.metrics.items():
        metrics.add_row(name.replace("_", " "), *(UNKNOWN if one is None else f"{one:.4f}" for one in values))
    parts += [Text(), metrics] if found.metrics else []
    for title, patterns in (("new", found.new), ("gone", found.gone)):
        parts += _listed(title, patterns)
    if found.changed:
        shown = table("pattern", "success changed*", "before", "after")
        for one in found.changed[:SHOWN]:
            steps = plain(" > ".join(step.label for step in one.pattern.sequence))
            shown.add_row(one.pattern.pattern_id, steps, percent(one.rate_before), percent(one.rate_after))
        parts += [Text(), shown]
    if not (found.new or found.gone or found.changed):
        parts.append(Text("\nthe same patterns, none with another success rate"))
    return render(*parts, width=width, colour=colour)


def _listed(title: str, patterns: Sequence[Pattern]) -> list[RenderableType]:
    if not patterns:
        return []
    shown = table("pattern", f"{title}*", "sessions", "solved")
    for one in patterns[:SHOWN]:
        steps = plain(" > ".join(step.label for step in one.sequence))
        shown.add_row(one.pattern_id, steps, bucket(one.frequency), percent(one.success_rate))
    more = len(patterns) - SHOWN
    return [Text(), shown, *([Text(f"and {more:,} more", style="dim")] if more > 0 else [])]
