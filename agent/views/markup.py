"""Foreign text made safe for pictures and pages, and short enough for them."""

import re
from collections.abc import Iterable, Sequence
from html import escape as escape_html

from agent.views.words import counted, percent, time_taken
from graph.trace import NodeRun, Trace
from memory.records import Suggestion
from memory.text import clip

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""What XML forbids, what commands a terminal, and what turns the direction of the text that follows."""


def clean(text: str) -> str:
    """Return `text` with a visible sign for each control character; line ends and tabs stay."""
    return _CONTROL.sub(_sign, text.replace("\r\n", "\n"))


def _sign(match: re.Match[str]) -> str:
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else "␡" if code == 0x7F else "\ufffd"


def escape(text: str) -> str:
    """Return `text` clean and escaped, for element content and attribute values."""
    return escape_html(clean(text))


def one_line(text: str, limit: int) -> str:
    """Return `text` clean, on one line, with at most `limit` characters."""
    return clip(" ".join(clean(text[: 4 * limit + 200]).split()), limit)


def clipped(text: str, limit: int) -> str:
    """Return `text` clean; what lies beyond `limit` characters is cut off, and the cut is told."""
    if len(text) <= limit:
        return clean(text)
    return f"{clean(text[:limit])}… (clipped: {limit:,} of {len(text):,} characters)"


def suggestion_facts(suggestion: Suggestion) -> str:
    """Return what a suggestion rests on."""
    rate = suggestion.success_rate
    solved = "outcomes unknown" if rate is None else f"{percent(rate)} solved"
    return f"{counted(suggestion.support, 'session')}, {solved}"


def attempts_told(run: NodeRun) -> str:
    """Say what failed in a node run and what then worked; "" when the first attempt did."""
    if not is_degraded(run):
        return ""
    return ", then ".join(
        f"{one.skill} failed after {time_taken(one.duration_ms)} ({one_line(one.error, 40)})"
        if one.error
        else f"{one.skill} worked in {time_taken(one.duration_ms)}"
        for one in run.attempts
    )


def is_degraded(run: NodeRun) -> bool:
    """True when an attempt failed, whether or not another one worked."""
    return any(attempt.error for attempt in run.attempts)


def followed(trace: Trace) -> str:
    """Say whether the next turn was one of this turn's suggestions; "" when there were none."""
    if not trace.guidance.suggestions:
        return ""
    if trace.followed is None:
        return "no next turn yet"
    return "followed: the next turn was one of these" if trace.followed else "not followed by the next turn"


# --- parts of pages ------------------------------------------------------------------------------


def section(title: str, body: str) -> str:
    """Return a part of a page under its heading."""
    return f"<section><h2>{title}</h2>{body}</section>"


def wide(body: str) -> str:
    """Return `body` so that it scrolls on its own where a screen is too narrow."""
    return f'<div class="wide">{body}</div>'


def cell(text: str, kind: str = "") -> str:
    """Return a cell of text; `kind` is a class of trace.css."""
    return f'<td{f" class={kind}" if kind else ""} dir="auto">{escape(text)}</td>'


def figure(text: str) -> str:
    """Return a cell with a figure, set to the right and never wrapped."""
    return f'<td class="figure">{escape(text)}</td>'


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; `>` before a name means figures, `*` a column that narrow screens leave out."""
    kinds = {">": ' class="figure"', "*": ' class="optional"'}
    head = "".join(f"<th{kinds.get(name[0], '')}>{name.lstrip('>*')}</th>" for name in names)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
