"""What can be said of an answer for certain: what a rule finds in it is there, whoever wrote it."""

import ast
import json
import re
from collections.abc import Iterator

import yaml

PLACEHOLDER = re.compile(
    r"\b(?:TODO|FIXME|TBD|XXX+|lorem ipsum)\b|\[citation needed\]|\[insert\b|<(?:insert|your|placeholder)\b"
    r"|\{\{.{0,60}?\}\}|\bas an ai(?: language model)?\b|\[(?:name|date|value|number|link)\]",
    re.IGNORECASE,
)
"""What a writer leaves to be filled in, or says about itself."""

RUDE = re.compile(
    r"\b(?:stupid|idiot\w*|dumb|shut up|nonsense question|as i (?:already )?(?:said|told you)|your own fault"
    r"|you should have known|read the manual yourself)\b|!{2,}",
    re.IGNORECASE,
)
SHOUTED = re.compile(r"(?:\b[A-Z]{3,}\b[ ,!]+){5,}")
FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n`]*\n(.*?)^[ \t]*```[ \t]*$", re.MULTILINE | re.DOTALL)
FENCE_LINE = re.compile(r"^[ \t]*```", re.MULTILINE)

ABOUT_ITSELF = re.compile(
    r"^(?:(?!\n)[\W_])*+(?:(?:the|my|this|final|overall|judge'?s?|answer'?s?)[\s_]{1,9}+){0,9}"
    r"(?:score|rating|verdict|grade|decision|criteria|judge?ment|confidence|grounded(?:ness)?|faithful(?:ness)?"
    r"|relevance|quality)[\W_]{0,40}(?:is|[:=]|->|=>)[^.!?\n]{0,200}(?:[.!?]\d[^.!?\n]{0,40})*[.!?]?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line in which an answer tells its judge what to think."""

JUDGEMENT_KEYS = re.compile(
    r"[\"'](?:score|criteria|verdict|decision|grade|judge?ment|feedback|accept(?:ed)?)[\"']\s*:",
    re.IGNORECASE,
)
MOST_OBJECTS = 50
"""JSON objects of one text that are looked at (count), so that a thousand braces cost no seconds."""


def without_judgements(text: str) -> str:
    """Return an answer without the lines and objects that speak to its judge, such as `score: 1.0`."""
    kept, end = [], 0
    for start, stop in _objects(text):
        if JUDGEMENT_KEYS.search(text, start, stop):
            kept.append(text[end:start])
            end = stop
    return ABOUT_ITSELF.sub("", "".join((*kept, text[end:])))


def _objects(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the JSON objects of a text begin and end."""
    start = text.find("{")
    for _ in range(MOST_OBJECTS):
        if start < 0:
            return
        try:
            _, stop = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            stop = start + 1
        else:
            yield start, stop
        start = text.find("{", stop)


def form_problems(text: str) -> list[str]:
    """Say what is wrong with the form of an answer: placeholders, code and data that do not parse."""
    found = [f"Fill in or leave out `{match.group()[:40]}`." for match in PLACEHOLDER.finditer(_prose(text))]
    if len(FENCE_LINE.findall(text)) % 2:
        found.append("Close every block of code.")
    found += [problem for match in FENCE.finditer(text) if (problem := _unparsable(*match.groups()))]
    lines = [line.strip() for line in _prose(text).splitlines() if len(line.split()) > 3]
    if len(set(lines)) < len(lines):
        found.append("Say each thing once.")
    return list(dict.fromkeys(found))


def tone_problems(text: str) -> list[str]:
    """Say what is rude or shouted in an answer."""
    prose = _prose(text)
    rude = RUDE.search(prose) or SHOUTED.search(prose)
    return ["Be courteous: no shouting, no blame."] if rude else []


def _prose(text: str) -> str:
    """Return a text without its blocks of code."""
    return FENCE.sub("", text)


def _unparsable(language: str, code: str) -> str | None:
    """Say that a block of code does not parse, for the languages that can be told."""
    try:
        if language in ("json", "JSON"):
            json.loads(code)
        elif language in ("python", "py", "python3"):
            ast.parse(code)
        elif language in ("yaml", "yml"):
            list(yaml.safe_load_all(code))
    except (ValueError, SyntaxError, RecursionError, MemoryError, yaml.YAMLError):
        return f"The block of {language} does not parse."
    return None
