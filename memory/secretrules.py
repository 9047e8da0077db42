"""Rules for secrets: keys, tokens and passwords.

Token formats are those that the issuers document and that scanners such as gitleaks look for.
"""

import math
import re
from collections import Counter

from memory.rule import Rule, make_rule

MIN_ENTROPY = 3.0
"""Bits per character below which a value beside `token=` is taken for a word, not for a secret."""

MIN_KEY_ENTROPY = 4.2
"""Bits per character of a lone AWS secret: random ones of 40 characters reach 4.5, paths stay below 4.2."""

MIN_PASSWORD = 4
"""Shortest value taken for a password (characters)."""

MIN_CHOSEN = 7
"""Shortest value taken for a password that only stands near the word (characters)."""

START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""Not inside a word; an escaped line end in quoted text is no letter."""

_TOKENS = {
    "ghp_|gho_|ghu_|ghs_|ghr_": r"gh[pousr]_[A-Za-z0-9]{20,255}",
    "github_pat_": r"github_pat_[A-Za-z0-9_]{22,255}",
    "glpat-|gldt-|glrt-": r"gl(?:pat|dt|rt)-[A-Za-z0-9_-]{20,}+",
    "xox|xapp-": r"x(?:ox[abcdeoprs]|app)-[A-Za-z0-9-]{10,}+",
    "hooks.slack.com": r"hooks\.slack\.com/(?:services|workflows)/(?P<value>[A-Za-z0-9/]{20,}+)",
    "aiza": r"AIza[A-Za-z0-9_-]{30,45}",
    "ya29.": r"ya29\.[A-Za-z0-9_-]{20,}+",
    "k_live_|k_test_|whsec_": r"(?:sk_live|sk_test|rk_live|rk_test|whsec)_[A-Za-z0-9]{16,}+",
    "sk-": r"sk-(?:ant-|proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{24,}+",
    "hf_": r"hf_[A-Za-z0-9]{30,}+",
    "npm_": r"npm_[A-Za-z0-9]{36}",
    "pypi-": r"pypi-[A-Za-z0-9_-]{50,}+",
    "dop_v1_|doo_v1_|dor_v1_": r"do[opr]_v1_[a-f0-9]{64}",
    "sg.": r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+",
    "shpat_|shpss_|shpca_|shppa_": r"shp(?:at|ss|ca|pa)_[A-Fa-f0-9]{32}",
    "hvs.|hvb.": r"hv[sb]\.[A-Za-z0-9_-]{24,}+",
    "dapi": r"dapi[a-f0-9]{32}(?:-\d)?",
    "absk|bedrock-api-key-": r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/]{40,}+={0,2}",
    "dckr_pat_": r"dckr_pat_[A-Za-z0-9_-]{20,}+",
    "glsa_|glc_": r"gl(?:sa|c)_[A-Za-z0-9_+/=]{32,}+",
    "lin_api_": r"lin_api_[A-Za-z0-9]{32,}+",
    "nrak-": r"NRAK-[A-Z0-9]{27}",
    "age-secret-key-": r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    "atatt|atctt": r"AT[AC]TT3[A-Za-z0-9_=-]{20,}+",
    "key-": r"key-[a-f0-9]{32}(?![A-Za-z0-9])",
    "sk": r"SK[a-f0-9]{32}(?![A-Za-z0-9])",
    "/webhooks/": r"/webhooks/\d{8,20}/(?P<value>[A-Za-z0-9_-]{20,}+)",
    ":aa": r"\d{8,10}:AA[A-Za-z0-9_-]{32,34}",
    "eyj": r"(?<![_-])eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{10,}+(?:\.[A-Za-z0-9_-]*+)?",
}
"""Hints to the format of a token; the last is a JSON Web Token."""

_FILL_IN = re.compile(
    r"--|[<\[{$%(*]|x{3}|\.{3}"
    r"|(?:none|null|true|false|string|str|required|optional|secret|password|changeme|redacted|placeholder"
    r"|incorrect|invalid|wrong|expired|your|example|env|os\.environ|process\.env|getpass|input|self|config"
    r"|settings)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
"""What stands where a secret would: a place to fill in, a type, a look-up, a state."""


def has_entropy(value: str, minimum: float = MIN_ENTROPY) -> bool:
    """Tell whether the characters are as mixed as `minimum` bits each."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts) >= minimum


def _is_aws_secret(value: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(map(kind, value)) for kind in kinds) and has_entropy(value, MIN_KEY_ENTROPY)


def _is_random(value: str) -> bool:
    """A token mixes letters and digits; names, paths and places to fill in do not."""
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return mixed and not _FILL_IN.match(value) and has_entropy(value)


def _is_random_in_prose(value: str) -> bool:
    """An id with dashes, like a UUID, stays where only words stand before it."""
    return _is_random(value) and not re.fullmatch(
        r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value
    )


def _is_chosen(value: str) -> bool:
    """Somebody thought it up as a password: it mixes cases and digits, or letters and signs."""
    value = value.rstrip(".,;:!?")
    if len(value) < MIN_CHOSEN or _FILL_IN.match(value) or not any(map(str.isalpha, value)):
        return False
    if any(char in "!#$%&*@^?~" for char in value):
        return any(map(str.isdigit, value))
    return all(any(map(kind, value)) for kind in (str.isupper, str.islower, str.isdigit))


def _is_assigned(value: str) -> bool:
    return len(value) >= MIN_PASSWORD and not _FILL_IN.match(value)


def _is_no_sample(value: str) -> bool:
    """`USER:PASSWORD@HOST` shows where a password goes."""
    return not re.fullmatch(r"(?i:pass(?:word|wd)?|pwd|secret|x+|\*+)", value)


def _is_said(value: str) -> bool:
    """`my password is expired` tells no password: one that is said holds a digit or a sign."""
    return _is_assigned(value) and any(not char.isalpha() for char in value.strip(".,;:!?-'"))


_NAME_OF_KEY = (
    r"(?:(?:api|access|auth|account|shared[_-]?access|signing|encryption|private|secret|client|master|service"
    r"|subscription)[_ -]?(?:key|secret|token)|secret|token|credentials?)"
)
_NAME_OF_PASSWORD = r"(?:password|passwort|passwd|passphrase|passcode|pwd)"  # noqa: S105 - likewise
_PASSWORD_HINTS = "passw|passp|passc|pwd"  # noqa: S105 - words that go with one
_ASSIGN = r"[\"']?[ \t]{0,4}(?::=|=>|=|:)[ \t]{0,4}"
_BARE = r"[^\s\"'`,;&<>()\[\]{}\\|]{4,200}+"

SECRET_RULES: tuple[Rule, ...] = (
    make_rule(
        "PRIVATE_KEY",
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----"
        r"(?:[A-Za-z0-9+/=\s:,.]|\\[nrt]|-(?!----))*+(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----)?",
        hints="private key-----",
    ),
    make_rule(
        "AWS_KEY",
        START + r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        hints="akia|asia|abia|acca",
        length=20,
    ),
    *(make_rule("TOKEN", START + form, hints=hints, length=16) for hints, form in _TOKENS.items()),
    make_rule(
        "AWS_SECRET",
        r"[A-Za-z0-9+/](?<![A-Za-z0-9+/._-].)[A-Za-z0-9+/]{39}(?![A-Za-z0-9+/=._-])",
        _is_aws_secret,
        hints="aws|secret|key|credential|token",
        length=40,
    ),
    make_rule(
        "PASSWORD",
        r"[Bb]asic\s{1,3}(?P<value>[A-Za-z0-9+/]{6,}+={0,2})",
        hints="authorization",
    ),
    make_rule(
        "TOKEN",
        r"(?i:bearer)[ :]{1,3}(?P<value>[A-Za-z0-9_.~+/-]{16,}+={0,2})",
        _is_random,
        hints="bearer",
        length=16,
    ),
    make_rule(
        "PASSWORD",
        r"://[^\s:/@\"'<>\\]{0,100}:(?P<value>[^\s/@\"'<>\\]{1,200}+)@",
        _is_no_sample,
        hints="://",
    ),
    make_rule(
        "PASSWORD",
        rf"(?i:{_NAME_OF_PASSWORD}){_ASSIGN}[\"']?"
        rf"(?P<value>(?<=\")[^\"\\\n]{{4,200}}(?=\")|(?<=')[^'\"\\\n]{{4,200}}(?=')|{_BARE})",
        _is_assigned,
        hints=_PASSWORD_HINTS,
    ),
    make_rule(
        "PASSWORD",
        r"(?i:\b(?:pass[ -]?(?:word|phrase|code)|passwort|passwd|pwd|my pin|pin code)"
        r"(?: (?:is|was|to|ist|now|currently|still|set|changed|reset)){1,3}):? {1,2}"
        rf"[\"'`]?(?P<value>{_BARE})",
        _is_said,
        hints=f"{_PASSWORD_HINTS}|pin ",
    ),
    make_rule(
        "PASSWORD",
        r"(?i:(?<![A-Za-z])(?:pass|pw|pswd|my pin|db_pass))(?:[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?)"
        rf"(?P<value>{_BARE})",
        _is_said,
        hints="pass|pw|pswd|pin",
    ),
    make_rule("PASSWORD", rf"(?<![\w-])-u[ ]?[\w.@-]{{1,64}}:(?P<value>{_BARE})", _is_assigned, hints="-u"),
    make_rule("PASSWORD", rf"\bmysql[^\n]{{0,60}}? -p(?P<value>{_BARE})", _is_assigned, hints="mysql"),
    make_rule(
        "PASSWORD",
        r"(?<![^\s\"'`(])(?P<value>[^\s\"'`,;&<>()\[\]{}\\|:/=-]{7,64}+)(?![:/=\\-])",
        _is_chosen,
        hints="passw|passp|passc|pwd|pass |credential|login",
        before=r"\b(?:pass(?:word|phrase|code)?|pwd|credentials?|login)\b[^\n?!.<>]{0,28}[\s\"'`(]",
        length=MIN_CHOSEN,
    ),
    make_rule(
        "TOKEN",
        r"(?<= )(?P<value>[A-Za-z0-9_+/-]{20,}+={0,2})",
        _is_random_in_prose,
        hints="secret|token|key|credential",
        before=rf"\b{_NAME_OF_KEY}(?: (?:is|was|now|called|of|for|ending|value)){{0,2}} ",
        length=20,
    ),
    make_rule(
        "TOKEN",
        r"(?<=[=:>\"' \t])(?P<value>[A-Za-z0-9_.~+/%!@#$^&*-]{12,}+={0,2})",
        _is_random,
        hints="secret|token|key|credential",
        before=rf"{_NAME_OF_KEY}[\"']?[ \t]{{0,4}}(?::=|=>|=|:)[ \t]{{0,4}}[\"']?",
        length=12,
    ),
)
"""In the order in which they are tried: the sure formats first, so that their label wins."""
