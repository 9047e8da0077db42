"""What may come in and go out: named rules over text, each of which a domain can switch off.

Secrets are what the redactor finds, and passwords in more wordings; injection is `memory.injection`; the
rest are `memory.topicrules`. Nothing here knows a model or a network.
"""

import math
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from memory.disguise import read
from memory.injection import Suspicion, suspect, suspect_reading
from memory.redact import secret_kinds
from memory.rivalrules import disparagement
from memory.topicrules import (
    CREDENTIAL_REQUEST,
    FUTURE_COMMITMENT,
    FUTURE_FEATURE,
    TopicRule,
)
from memory.topics import touched

INPUT_RULES = (
    "private_key",
    "aws_key",
    "password",
    "token",
    "credential_request",
    "future_feature",
    "prompt_injection",
)
OUTPUT_RULES = ("sensitive_data", "future_commitment", "competitor_disparagement")
SECRET_RULES = INPUT_RULES[:4]

BLOCK_AT = 0.65
"""Probability of an attack from which a user's message is stopped; about 1 in 100 harmless ones is."""

QUARANTINE_AT = 0.65
"""The same for a passage or a tool's result: one left out costs less than a message that is stopped."""

GREY_FROM = 0.3
"""From here to the limit the detector is unsure: a second opinion, where there is one, decides."""

Redact = Callable[[str], str]


class Finding(NamedTuple):
    """A rule that a text breaks."""

    rule: str
    score: float
    """How sure (0 to 1); rules without a probability say 1."""


_DOCUMENTED = re.compile(
    r"\b(?:A(?:KIA|SIA|ROA|IDA)[A-Z0-9]{0,12}EXAMPLE[A-Z0-9]*|[A-Za-z0-9/+]{20,33}EXAMPLEKEY)\b"
    r"|(?<=://)(?:USER(?:NAME)?|<[^>\s]{1,20}>|\$\{?\w{1,30}\}?|user(?:name)?):(?:PASS(?:WORD)?"
    r"|<[^>\s]{1,20}>|\$\{?\w{1,30}\}?|pass(?:word)?|x+|\*+)(?=@)"
)
"""Values that documentation prints, and places to fill in: they open nothing."""

_VALUE = r"[^\s\"'`<>()]{5,80}"

_PASSWORD = re.compile(
    r"(?i)(?:\b(?:pass(?:word|wort|wd|phrase|code)|pwd|pw|kennwort|creds?)\b"
    r"(?:[ \t]+[\w-]{1,20}){1,4}[ \t]*[:=]"
    r"|\b(?:pass(?:word|wort|wd|phrase|code)?|pwd|pw|kennwort|login|credentials?|creds?|secret|pin)\b"
    r"(?:[ \t]+(?:of|for|to|on|from)(?:[ \t]+[\w.@-]{1,30}){1,4}?)?"
    r"(?:[ \t]*(?:is|was|are|=|:=|=>|:|->|still|now|currently|set to|changed to|changed|from|to"
    r"|ist|lautet|with|as|user|admin|root|[/|,(])){0,4}"
    r"|\b(?:ssh|psql|mysql|log(?:ged|ging)?[ -]?(?:in|on)|sign(?:ed)? in|connect\w*|authenticat\w*)\b"
    r"[^\n]{0,40}?\b(?:with|using)[ \t]+(?=\S*[!#$%&*^?][^\s.,;])"
    r"|\b(?:admin|root|sa|postgres|administrator|user)[ \t]?[/:][ \t]?"
    r"|--?(?:password|passwd|pass|pw)\b[= ]|\bsshpass -p|(?:^|\s)-u[ \t]+[\w.-]{1,30}:"
    r"|\b(?:old|new|current|previous) one (?:is|was)\b|\b(?:wi-?fi|wlan|network) key[ \t]*(?:[:=]|is)"
    r"|\bchanged (?:it|this|that) (?:from|to)\b"
    r"|\b(?:user|username|usr|login|account)[ =:]{1,3}[\w.@-]{1,30}[ ,/|:]{1,3}(?:and )?)"
    rf"[ \t]*[\"'`(]?(?=(?:[\w.@-]{{2,30}} ?[/|,] ?)?{_VALUE})(?=(?P<value>{_VALUE})?)"
    rf"(?=(?:[\w.@-]{{2,30}} ?[/|,] ?(?P<second>{_VALUE}))?)"
)
"""A password behind the words that announce one, in more wordings than the redactor dares to mask."""

_DIGIT = re.compile(r"[0-9]")


def check_input(text: str, *, off: Collection[str] = ()) -> list[Finding]:
    """Return the rules that a user's message may break, the gravest first; from `BLOCK_AT` it does."""
    found = [Finding(rule, 1.0) for rule in secrets(text)]
    reading = read(text)
    topics = (CREDENTIAL_REQUEST, FUTURE_FEATURE)
    found += [Finding(rule, score) for rule, score in touched(topics, reading.text)]
    found.append(Finding("prompt_injection", suspect_reading(reading).score))
    return [finding for finding in found if finding.rule not in off]


def check_output(
    text: str, redact: Redact, *, competitors: tuple[str, ...] = (), off: Collection[str] = ()
) -> list[Finding]:
    """Return the rules that an answer breaks; `competitors` are names besides the usual ones."""
    found = [Finding("sensitive_data", 1.0)] if is_sensitive(text, redact) else []
    found += [Finding(rule, score) for rule, score in touched(output_topics(competitors), read(text).text)]
    return [finding for finding in found if finding.rule not in off]


def check_passage(text: str) -> Suspicion:
    """Return how likely a retrieved passage or a tool's result gives orders to the assistant."""
    return suspect(text, "document")


def output_topics(competitors: tuple[str, ...]) -> tuple[TopicRule, ...]:
    """Return the rules for the sentences of an answer."""
    return (FUTURE_COMMITMENT, disparagement(competitors))


def secrets(text: str) -> list[str]:
    """Return the rules on secrets that a text breaks, the gravest first."""
    text = _DOCUMENTED.sub("sample", text)
    found = {rule for kind in secret_kinds(text) if (rule := _rule_of(kind, text))}
    told = _PASSWORD.finditer(text) if _DIGIT.search(text) else ()  # a password has one
    if any(_is_password(value) for match in told for value in match.groups("")):
        found.add("password")
    return [rule for rule in INPUT_RULES if rule in found]


def is_sensitive(text: str, redact: Redact) -> bool:
    """Tell whether an answer holds a secret or personal data."""
    plain = _DOCUMENTED.sub("sample", text)
    return bool(secrets(text)) or redact(plain) != plain


def _rule_of(kind: str, text: str) -> str | None:
    """Name the rule for a placeholder of the redactor; personal data breaks none."""
    if "PRIVATE" in kind:
        return "private_key"
    if "AWS" in kind or (kind.endswith("TOKEN") and re.search(r"\bABSK|bedrock-api-key", text)):
        return "aws_key"
    if "PASSW" in kind:
        return "password"
    return "token" if re.search("TOKEN|JWT|SECRET|KEY", kind) else None


def _is_password(value: str) -> bool:
    """Letters with digits or signs inside, in no order that words or names have."""
    value = value.rstrip(".,;:!?")
    if not 5 <= len(value) <= 80 or re.search(
        r"[*•]{3}|\$\{|%\(|x{4}|[/\\].*[/\\]|^https?:|@\w+\.\w|^arn:", value, re.IGNORECASE
    ):
        return False
    letters = sum(char.isalpha() for char in value)
    digits = sum(char.isdigit() for char in value)
    signs = sum(char in "!#$%&*+@^_?~=-" for char in value[1:])
    if letters < 2 or not (digits or signs):
        return False
    if re.fullmatch(
        r"[a-z]+(?:[-_][a-z]+)*-?\d{0,2}|\d+-?[a-z]+|[A-Z]+-?\d{1,4}|\d+(?:st|nd|rd|th)|[A-Z]?[a-z]+'?s?",
        value,
    ):
        return False
    return digits >= 1 and (math.log2(len(set(value)) or 1) * len(value) >= 16)


__all__ = [
    "BLOCK_AT",
    "GREY_FROM",
    "QUARANTINE_AT",
    "Finding",
    "check_input",
    "check_output",
    "check_passage",
]
