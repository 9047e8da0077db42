"""Takes secrets and personal data out of text before anything is stored, logged or sent."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from memory.addressrules import find_addresses
from memory.namerules import find_names
from memory.nametagger import tagged_names
from memory.personalrules import NUMBER_RULES, WORD_RULES
from memory.rule import REACH, Found, Rule
from memory.secretrules import SECRET_RULES

MAX_PASSES = 6
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

Placeholder = Callable[[str, str], str]
"""Makes what stands in place of a value, from its label and the value."""


def redact(text: str) -> str:
    """Replace every secret and every piece of personal data by its kind, like `<EMAIL>`.

    Text without any comes back as it is. Redacting again changes nothing. The time grows with the length.
    """
    return replace(text, _kind)


def replace(text: str, placeholder: Placeholder) -> str:
    """Replace as `redact` does, by what `placeholder` makes of label and value."""
    for _ in range(MAX_PASSES):
        found = _pass(text)
        if not found:
            return text
        text = _spliced(text, found, placeholder)
    return WITHHELD


def find(text: str) -> list[Found]:
    """Return what `redact` would replace, in order: offsets into `text` (characters, end exclusive).

    Where nothing settles, the whole text is one finding.
    """
    all_found: list[Found] = []
    current = text
    starts, ends = list(range(len(text))), list(range(1, len(text) + 1))
    for _ in range(MAX_PASSES):
        found = _pass(current)
        if not found:
            return _merged(all_found)
        all_found += [Found(starts[one.start], ends[one.end - 1], one.label) for one in found]
        stands_for = [(starts[one.start], ends[one.end - 1]) for one in found]
        starts = _moved(starts, found, [first for first, _ in stands_for])
        ends = _moved(ends, found, [last for _, last in stands_for])
        current = _spliced(current, found, _kind)
    return [Found(0, len(text), "WITHHELD")]


def secret_kinds(text: str) -> set[str]:
    """Return the labels of the secrets in `text`; personal data is not looked for."""
    return {found.label for found in _told_by_form(text, SECRET_RULES)}


def _kind(label: str, _: str) -> str:
    return f"<{label}>"


def _moved(offsets: Sequence[int], found: list[Found], replaced: list[int]) -> list[int]:
    """Return for each character of the text with placeholders where it was; a placeholder is one place."""
    moved: list[int] = []
    end = 0
    for one, place in zip(found, replaced, strict=True):
        moved += [*offsets[end : one.start], *[place] * len(_kind(one.label, ""))]
        end = one.end
    return [*moved, *offsets[end:]]


def _merged(found: list[Found]) -> list[Found]:
    """Join what overlaps: a later pass may have found more around a placeholder."""
    merged: list[Found] = []
    for one in sorted(found):
        if merged and one.start < merged[-1].end:
            last = merged.pop()
            merged.append(Found(last.start, max(last.end, one.end), last.label))
        else:
            merged.append(one)
    return merged


def _spliced(text: str, found: list[Found], placeholder: Placeholder) -> str:
    parts: list[str] = []
    end = 0
    for one in found:
        parts += (text[end : one.start], placeholder(one.label, text[one.start : one.end]))
        end = one.end
    return "".join((*parts, text[end:]))


def _pass(text: str) -> list[Found]:
    """Look once: keys and numbers first, then what only the words around it tell, blind to what was found."""
    found = _told_by_form(text, ALL_RULES if _DENSE_DIGITS.search(text) else QUICK_RULES)
    for finder in (find_addresses, find_names, tagged_names):
        found = _added(found, finder(_hidden(text, found)), len(text))
    return found


def _hidden(text: str, found: list[Found]) -> str:
    """Return the text with zeros in place of what was found, so that offsets stay."""
    return _spliced(text, found, lambda _, value: "\0" * len(value))


def _told_by_form(text: str, rules: Sequence[Rule]) -> list[Found]:
    lower = text.lower()
    longest = max(map(len, lower.split()), default=0)
    found: list[Found] = []
    for rule in rules:
        if rule.length > longest:
            continue
        for hint in rule.hints:  # a loop, because `any` costs as much as what it asks
            if hint in lower:
                found.extend(_matches(rule, text))
                break
    return _added([], found, len(text)) if found else found


def _added(found: list[Found], candidates: Iterable[Found], length: int) -> list[Found]:
    """Add what does not overlap with anything found before; return it in order."""
    taken = bytearray(length)
    for one in found:
        taken[one.start : one.end] = b"\1" * (one.end - one.start)
    added = list(found)
    for one in candidates:
        if one.start < one.end and taken.find(1, one.start, one.end) < 0:
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
            added.append(one)
    return sorted(added)


def _matches(rule: Rule, text: str) -> Iterator[Found]:
    group = "value" if "value" in rule.pattern.groupindex else 0
    for match in rule.pattern.finditer(text):
        first = match.start(group)
        if rule.before is not None and not rule.before.search(text, max(0, first - REACH), first):
            continue
        if rule.check is not None and not rule.check(match.group(group)):
            continue
        yield Found(_after_escape(text, first), match.end(group), rule.label)


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
