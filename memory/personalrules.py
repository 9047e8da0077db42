"""Rules for personal data: addresses to reach somebody and numbers that name somebody."""

import ipaddress
import re

from memory.rule import Rule, make_rule

CARD_DIGITS = range(12, 20)
"""How long a card number is (digits; ISO/IEC 7812)."""

PHONE_DIGITS = range(7, 16)
"""How long a phone number is, from a local one to an international one (digits; ITU-T E.164)."""


def _digits(value: str) -> str:
    return "".join(char for char in value if char.isdecimal())


def is_luhn(value: str) -> bool:
    """Check the last digit of a card number (ISO/IEC 7812)."""
    digits = [int(char) for char in _digits(value)]
    if len(digits) not in CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(value: str) -> bool:
    """Check an account number modulo 97 (ISO 13616)."""
    plain = "".join(value.split()).upper()
    moved = plain[4:] + plain[:4]
    if not (plain.isascii() and plain.isalnum() and 15 <= len(plain) <= 34):
        return False
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def is_public_ip(value: str) -> bool:
    """Only a public address tells whose machine it is; private ones are technical and stay."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_private or address.is_link_local or address.is_multicast or address.is_loopback)


def _is_phone(value: str) -> bool:
    number = re.split(r"[xe]", value, maxsplit=1)[0]
    return len(_digits(number)) in PHONE_DIGITS and not _DATE.match(value)


def _is_person(value: str) -> bool:
    """`git@host:repo` names a service, not a person."""
    return not value.startswith("git@")


_DATE = re.compile(r"\d{4}[-./]\d\d?[-./]\d\d?(?!\d)|\d\d?[-./]\d\d?[-./]\d{4}(?!\d)")

_ALONE = r"(?<![\w.:/=+-].)"
"""Behind a first character: nothing before it that would make it part of something longer."""

_EXTENSION = r"(?: ?(?:x|ext\.?) ?\d{1,6})?"
_MORE = rf"(?:[ ./()-]{{0,3}}\d){{6,14}}{_EXTENSION}"
"""The rest of a phone number in any grouping; only the words around it say that it is one."""

_SAID = r"(?: (?:number|no\.?|nr\.?|id|#|is|was|ending)){0,3}[\"']?:? {0,2}[\"']?"
"""What stands between the name of a number and the number."""

_PHONE_WORD = (
    r"\b(?:(?:tele)?phone|mobile|cell|fax|whatsapp|tel|(?:call|ring|text|reach|dial|sms)"
    r"(?: (?:me|us|him|her|them|back|at|on)){0,3}|(?:messages?|calls?) (?:to|from|on)"
    r"|(?:his|her|my|our|their|whose|contact|registered|callback|direct)(?: (?:number|no\.?|line))?)"
    r"(?: (?:is|was))?[\"']?:? {0,2}[\"']?[+(]{0,2}"
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_DAY = rf"(?:\d{{1,4}}[-./]\d{{1,2}}[-./]\d{{1,4}}|{_NTH} {_MONTH},? \d{{4}}|{_MONTH} {_NTH},? \d{{4}})"

_IP6 = r"[0-9A-Fa-f:](?<![\w:.].)[0-9A-Fa-f]{0,3}:?(?:[0-9A-Fa-f]{0,4}:){1,7}[0-9A-Fa-f]{1,4}(?![\w:])"

WORD_RULES: tuple[Rule, ...] = (
    make_rule(
        "EMAIL",
        r"(?<![\w.%+-])[\w.%+-]++@(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?![\w-])",
        _is_person,
        hints="@",
    ),
    make_rule(
        "EMAIL",
        r"(?<![\w.%+-])[\w.%+-]++ ?[\[(] ?(?i:at) ?[\])] ?[\w-]{1,63}"
        r"(?: ?(?:\.|[\[(] ?(?:(?i:dot)|\.) ?[\])]) ?[\w-]{1,63}){1,4}",
        hints="(at|[at",
    ),
    make_rule("IP", _IP6, is_public_ip, hints="::", length=7),
    make_rule("IP", _IP6, is_public_ip, hints=":", length=15),
    make_rule("PASSPORT", r"[A-Z]{0,3}\d{6,9}(?![A-Za-z0-9])", hints="passport", before=rf"passport{_SAID}"),
    make_rule(
        "LICENCE",
        r"[A-Z]{0,3}\d[0-9-]{4,13}[0-9A-Z]{0,5}(?![A-Za-z0-9])",
        hints="licen",
        before=rf"driv(?:er|ing)(?:'?s)?[ _-]licen[sc]e{_SAID}",
    ),
    make_rule(
        "BIRTH_DATE",
        rf"(?i:{_DAY})(?![A-Za-z0-9])",
        hints="birth|born|dob|d.o.b",
        before=r"\b(?:birth ?da(?:te|y)|date[ _]of[ _]birth|born|d\.?o\.?b\.?)"
        r"(?: (?:is|was|on|of|in)){0,2}[\"']?[:=]? {0,2}[\"']?",
    ),
)
"""Told by a sign or a word."""

NUMBER_RULES: tuple[Rule, ...] = (
    make_rule(
        "IBAN", r"[A-Za-z](?<![A-Za-z0-9].)[A-Za-z]\d\d[A-Za-z0-9]{11,30}(?![A-Za-z0-9])", is_iban, length=15
    ),
    make_rule(
        "IBAN",
        r"[A-Z](?<![A-Za-z0-9].)[A-Z]\d\d(?: [A-Z0-9]{4}){2,7}(?: (?!\d{4})[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
        is_iban,
    ),
    make_rule(
        "CARD",
        r"[2-6](?<![\w./=-].)(?:(?<=4)\d{12}|(?<=3)[0689]\d{12}"
        r"|\d{3}(?P<by>[ .-]?)\d{4}(?P=by)\d{4}(?P=by)\d{4}(?:(?P=by)\d{3}|\d{1,2})?"
        r"|(?<=3)[47]\d\d(?P<gap>[ .-]?)\d{6}(?P=gap)\d{5})(?![\w-]|\.\d)",
        is_luhn,
    ),
    make_rule(
        "CARD",
        r"\d(?:[ .-]?\d){11,18}(?![\w-])",
        is_luhn,
        hints="card|cc|maestro|visa|amex",
        before=rf"\b(?:card|cc|maestro|visa|amex){_SAID}",
    ),
    make_rule("SSN", r"(?!000|666|9)\d(?<![\w-].)\d\d-(?!00)\d\d-(?!0000)\d{4}(?![\w-])", hints="-"),
    make_rule(
        "SSN",
        r"\d{3} ?\d\d ?\d{4}(?![A-Za-z0-9])",
        hints="ssn|social security",
        before=rf"(?:ssn|social security){_SAID}",
    ),
    make_rule(
        "IP",
        r"\d(?<![\w./-].)(?<!(?:version|release) .)(?<!driver .)"  # 14.2.0.1 of a driver is no address
        r"\d{0,2}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\d|/\d)",
        is_public_ip,
        length=7,
    ),
    make_rule(
        "PHONE",
        rf"\+{_ALONE}\d{{1,3}}[ .-]?(?:\(\d{{1,4}}\)[ .-]?)?\d(?:[ ./-]?\d){{5,12}}{_EXTENSION}(?![\w-])",
        _is_phone,
        hints="+",
    ),
    make_rule("PHONE", rf"\({_ALONE}\d{{3}}\)[ .-]?\d{{3}}[ .-]\d{{4}}{_EXTENSION}(?![\w-])", hints="("),
    make_rule("PHONE", rf"\d{_ALONE}\d\d(?P<by>[.-])\d{{3}}(?P=by)\d{{4}}{_EXTENSION}(?![\w-]|\.\d)"),
    make_rule(
        "PHONE",
        rf"[01]{_ALONE}(?:(?<=1)|(?<=0)01)[ .-]\(?\d{{3}}\)?[ .-]\d{{3}}[ .-]\d{{4}}{_EXTENSION}(?![\w-])",
    ),
    make_rule("PHONE", rf"\d{_MORE}(?![\w-])", _is_phone, before=_PHONE_WORD),
    make_rule("PHONE", rf"[\d(]{_ALONE}{_MORE}(?= (?i:office|fax|mobile|cell|phone|home|work)\b)", _is_phone),
)
"""Told by their digits: tried only in text with seven of them close together."""
