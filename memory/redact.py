"""Takes secrets and personal data out of text before anything is stored, logged or sent."""

import hashlib
import re
from collections.abc import Callable

REDACTOR_VERSION = 1
"""Stored with each event; grows with the rules."""

MARKS = (
    "@", "-----begin", "akia", "asia", "passw", "passphrase", "pwd", "secret", "token", "key", "bearer",
    "eyj", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "sk-", "sk_", "aws",
)  # fmt: skip
"""What every secret and mail address has somewhere, in lower case; plain text is told by these at once."""

DIGITS = re.compile(r"\d(?:[ .()+-]{0,3}\d){7}")
"""Digits as dense as every number that identifies somebody has them, letters of an IBAN aside."""

STATES = frozenset("wrong expired required invalid incorrect correct null".split())
"""What a password can be without being given away."""

Check = Callable[[str], bool]


def _luhn(text: str) -> bool:
    """Check the last digit of a card number (ISO/IEC 7812)."""
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    """Check an account number modulo 97 (ISO 13616)."""
    plain = re.sub(r"\s", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _phone(text: str) -> bool:
    return 9 <= sum(char.isdigit() for char in text) <= 15


def _mixed(text: str) -> bool:
    """A random token holds capitals, small letters and digits."""
    return bool(re.search(r"[A-Z]", text) and re.search(r"[a-z]", text) and re.search(r"\d", text))


def _any(_: str) -> bool:
    return True


RULES: list[tuple[str, re.Pattern[str], Check]] = [
    (
        "PRIVATE_KEY",
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----END)){0,20000}"
            r"(?:-----END[A-Z -]{0,40})?"
        ),
        _any,
    ),
    ("AWS_KEY", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _any),
    (
        "AWS_SECRET",
        re.compile(r"(?i:aws|secret)[\w \"':=-]{0,40}?[\"'=: ]([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"),
        _mixed,
    ),
    ("TOKEN", re.compile(r"\beyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{8,2000}"), _any),
    ("TOKEN", re.compile(r"\b(?:gh[pousr]_\w{30,255}|xox[abprs]-[\w-]{10,200}|sk[-_][\w-]{20,200})"), _any),
    ("TOKEN", re.compile(r"\b(?i:bearer)\s+([\w.~+/-]{20,2000}=*)"), _any),
    (
        "TOKEN",
        re.compile(
            r"\b(?i:api[_ -]?key|access[_ -]?token|auth[_ -]?token)[\"']?"
            r"\s*(?:[:=]|is)\s*[\"']?([\w./+-]{12,200})"
        ),
        _any,
    ),
    (
        "PASSWORD",
        re.compile(
            r"(?i:\b(?:password|passwd|passphrase|pwd)\b)[\"']?\s*(?:[:=]|(?i:is))\s*"
            r"[\"']?([^\s\"',;<]{4,100})"
        ),
        lambda text: text.lower() not in STATES,
    ),
    ("EMAIL", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"), _any),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    ("CARD", re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])"), _luhn),
    ("SSN", re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"), _any),
    (
        "PHONE",
        re.compile(r"(?<![\w.:/-])\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}(?![\w-])"),
        _phone,
    ),
    ("PHONE", re.compile(r"(?<![\w.:/-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), _phone),
]
"""Placeholder, pattern and check, in the order of use; group 1, where there is one, is what is replaced.

Each pattern starts at a fixed mark and has bounded repeats, so the time grows with the length of the text.
"""


def redact(text: str) -> str:
    """Replace every secret and every piece of personal data by its kind, like `<EMAIL>`; idempotent."""
    lower = text.lower()
    if not (DIGITS.search(text) or any(mark in lower for mark in MARKS)):
        return text
    for kind, pattern, check in RULES:
        text = pattern.sub(lambda match, kind=kind, check=check: _replaced(match, kind, check), text)  # type: ignore[misc]
    return text


def _replaced(match: re.Match[str], kind: str, check: Check) -> str:
    whole = match.group()
    secret = match.group(1) if match.re.groups else whole
    if secret.startswith("<") or not check(secret):
        return whole
    return whole.replace(secret, f"<{kind}>")


def redact_json(value: object, depth: int = 0) -> object:
    """Redact every text inside lists and objects, keys included; nothing deeper than 50 levels is kept."""
    if isinstance(value, str):
        return redact(value)
    if depth > 50:
        return None
    if isinstance(value, dict):
        return {redact(str(key)): redact_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_json(item, depth + 1) for item in value]
    return value


def user_key(tenant: str, user: str) -> str:
    """Return the key under which a user of a tenant is stored: 16 hex digits, never the name."""
    return hashlib.sha256(f"{tenant}\x00{user}".encode()).hexdigest()[:16]
