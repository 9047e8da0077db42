"""Takes secrets and personal data out of text before anything is stored, logged or sent."""

import hashlib
import re

from memory.personalrules import NUMBER_RULES, WORD_RULES
from memory.rule import REACH, Rule
from memory.secretrules import SECRET_RULES

REDACTOR_VERSION = 1
"""Stored with each event; grows with the rules."""

MAX_PASSES = 4
"""A replacement may uncover a value beside it; text that changes more often is made to do so (count)."""

WITHHELD = "<WITHHELD>"
"""Stands for a text that no pass left alone, and for what is nested too deep."""

MAX_DEPTH = 50
"""Levels of lists and objects that are kept (count); nothing that the program writes is nearly as deep."""

QUICK_RULES = SECRET_RULES + WORD_RULES
ALL_RULES = QUICK_RULES + NUMBER_RULES

_DENSE_DIGITS = re.compile(r"\d(?<!\d.)(?!(?<=[12])\d{3}-\d\d-\d\d(?![\d-]))(?:[ .()/-]{0,3}\d){6}")
"""Seven digits close together; a date alone is none."""

_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{0,4}|.)?")


def redact(text: str) -> str:
    """Replace every secret and every piece of personal data by its kind, like `<EMAIL>`.

    Text without any comes back as it is. Redacting again changes nothing. The time grows with the length.
    """
    for _ in range(MAX_PASSES):
        done = _pass(text)
        if done == text:
            return done
        text = done
    return WITHHELD


def _pass(text: str) -> str:
    lower = text.lower()
    longest = max(map(len, lower.split()), default=0)
    for rule in ALL_RULES if _DENSE_DIGITS.search(text) else QUICK_RULES:
        if rule.length > longest:
            continue
        for hint in rule.hints:  # a loop, because `any` costs as much as what it asks
            if hint in lower:
                text = _apply(rule, text)
                break
    return text


def _apply(rule: Rule, text: str) -> str:
    group = "value" if "value" in rule.pattern.groupindex else 0
    parts: list[str] = []
    end = 0
    for match in rule.pattern.finditer(text):
        first = match.start(group)
        if rule.before is not None and not rule.before.search(text, max(0, first - REACH), first):
            continue
        if rule.check is not None and not rule.check(match.group(group)):
            continue
        parts += (text[end : _after_escape(text, first)], f"<{rule.label}>")
        end = match.end(group)
    return "".join((*parts, text[end:])) if parts else text


def _after_escape(text: str, start: int) -> int:
    r"""Leave an escape such as `\n` whole when a value seems to begin inside it, so that JSON stays JSON."""
    for back in range(1, 6):
        if start >= back and text[start - back] == "\\":
            escape = _ESCAPE.match(text, start - back)
            return max(start, escape.end()) if escape else start
    return start


def redact_json(value: object, depth: int = 0) -> object:
    """Redact every text and number inside lists and objects, keys included; deeper levels are withheld."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        written = str(value)
        done = redact(written)
        return value if done == written else done
    if value is None or isinstance(value, bool):
        return value
    if depth > MAX_DEPTH:
        return WITHHELD
    if isinstance(value, dict):
        return {redact(str(key)): redact_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_json(item, depth + 1) for item in value]
    return value


def user_key(tenant: str, user: str) -> str:
    """Return the key under which a user of a tenant is stored: 16 hex digits, never the name."""
    named = f"{tenant}\x00{user}".encode(errors="surrogatepass")
    return hashlib.sha256(named).hexdigest()[:16]
