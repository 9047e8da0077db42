"""Reads text as a person would: disguises are taken off before a rule looks at it.

The steps follow Unicode's own advice (UTS 39 for confusables, UTR 36 for invisible characters) and decode one
layer of base64, hex, URL and HTML escapes. Ordinary text comes back in lower case, else as it was.
"""

import base64
import binascii
import html
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

LEET_SHARE = 0.25
"""Share of a text's words that mix letters and digits, from which the digits are read as letters."""

SPACED_RUN = 4
"""Single letters in a row that are taken for a word spelled out (count)."""

SPACED_AT_LEAST = 12
"""Characters in such runs from which the short words between them are read as spelled out too."""

HIDDEN_LETTERS = 4
"""Invisible letters, or invisible characters inside words, from which a text counts as concealed (count)."""

READABLE = 0.9
"""Share of decoded characters that must be letters, digits, blanks or points."""


class Reading(NamedTuple):
    """A text as a person reads it, and whether somebody hid something in it."""

    text: str
    """Lower case, without accents, everything decoded in its place."""

    concealed: bool
    """Letters stand in it that no screen shows, or invisible characters split its words."""


_LOOKALIKES = {
    "a": "аαɑᴀ",
    "b": "ЬВʙβ",
    "c": "сϲᴄ",
    "d": "ԁɗᴅ",
    "e": "еεҽєᴇ",
    "f": "ғꜰ",
    "g": "ɡԍɢ",
    "h": "һнʜΗ",
    "i": "іιıɩɪ",
    "j": "јᴊ",
    "k": "кκᴋ",
    "l": "ӏⅼʟ",
    "m": "мᴍΜ",
    "n": "ոпηɴΝ",
    "o": "оοσօᴏ",
    "p": "рρᴘ",
    "q": "ԛգ",
    "r": "гᴦʀ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υսᴜ",
    "v": "νѵᴠ",
    "w": "ѡωԝᴡ",
    "x": "хχ",
    "y": "уγүʏ",
    "z": "ᴢΖ",
    "'": "\u2018\u2019\u02bc\u0060\u00b4",
    '"': "\u201c\u201d\u201e\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212",
}
_FOLD = str.maketrans(
    {
        look: plain
        for plain, looks in _LOOKALIKES.items()
        for form in (str.lower, str.upper)
        for look in form(looks)
    }
)
"""Cyrillic, Greek, Armenian and small capital letters to the Latin ones that they pass for."""

_LEET = str.maketrans("013457@$!", "oieastasi")
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_TAGS = re.compile(
    "\U0001f3f4[\U000e0020-\U000e007f]{1,16}|(?P<hidden>[\U000e0020-\U000e007e]+)|[\U000e0000-\U000e007f]"
)
_INVISIBLE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\uffa0]"
)
_IN_WORD = re.compile(rf"(?<=[A-Za-z]){_INVISIBLE}+(?=[A-Za-z])")
_UNSEEN = re.compile(_INVISIBLE)
_SPACED = re.compile(
    r"(?<![a-z0-9])[a-z0-9'](?P<by>[-._*|/~+ ])[a-z0-9'?!,.:;](?![a-z0-9])"
    rf"(?:(?P=by)[a-z0-9'?!,.:;](?![a-z0-9])){{{SPACED_RUN - 2},}}"
)
_SHORT = re.compile(r"(?<![a-z0-9])[a-z](?:[-_*|/~+.][a-z0-9?!,.:;'](?![a-z0-9]))+")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{16,20000}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ ,:]?){8,4000}(?![0-9A-Za-z])")
_PIECE = re.compile(r"\b\w{1,20}\s?[:=]\s?(?:\"([^\"\n]{1,500}+)\"|'([^'\n]{1,500}+)')(?=[\s;,]|$)")
_WORD = re.compile(r"[^\s]+")
_MIXED = re.compile(
    r"(?![^\s]*-\d)(?=[^\s]*[a-z])(?=[^\s]*[013457@$!])[a-z013457@$!'.,:;?*()-]{2,}$|[013457]{2,4}$|[14]$"
)
_BACKWARDS = re.compile(r"snoitcurtsni|tpmorp|erongi|drawssap|selur ")


def read(text: str) -> Reading:
    """Take every disguise off a text; the time grows with its length."""
    concealed = False
    if _FOREIGN.search(text):
        text, concealed = _seen(text)
    text = _decoded(text).lower()
    if sum(len(match.group()) for match in _SPACED.finditer(text)) >= SPACED_AT_LEAST:
        text = _SHORT.sub(_unspaced, _SPACED.sub(_unspaced, text))
    text = _joined(text)
    words = _WORD.findall(text)
    mixed = sum(1 for word in words if _MIXED.match(word)) if _has_digits(text) else 0
    if mixed >= max(2, LEET_SHARE * len(words)):
        text = _WORD.sub(_unleet, text)
    if _BACKWARDS.search(text):
        text = f"{text} {text[::-1]}"
    return Reading(text, concealed)


def _seen(text: str) -> tuple[str, bool]:
    """Show hidden letters, drop invisible characters, fold what only looks like a Latin letter."""
    hidden = 0

    def show(match: re.Match[str]) -> str:
        nonlocal hidden
        letters = match.group("hidden")
        if letters is None:  # the flag of a region is a picture
            return " "
        hidden += len(letters)
        return " " + "".join(chr(ord(char) - 0xE0000) for char in letters) + " "

    text = _TAGS.sub(show, text)
    hidden += len(_IN_WORD.findall(text))
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).translate(_FOLD)
    apart = unicodedata.normalize("NFD", text)
    return "".join(char for char in apart if not unicodedata.combining(char)), hidden >= HIDDEN_LETTERS


def _decoded(text: str) -> str:
    """Put what base64, hex, URL and HTML escapes stand for in their place."""
    if "%" in text and len(re.findall(r"%[0-9A-Fa-f]{2}", text)) > 2:
        text = unquote(text)
    if "&" in text and ";" in text:
        text = html.unescape(text)
    if len(text) >= 16:
        text = _HEX.sub(_unhex, _BASE64.sub(_unbase64, text))
    return text


def _unbase64(match: re.Match[str]) -> str:
    body = match.group().rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return match.group()
    return _if_readable(raw, match.group())


def _unhex(match: re.Match[str]) -> str:
    digits = re.sub(r"0x|\\x|[ ,:]", "", match.group())
    return _if_readable(bytes.fromhex(digits), match.group()) if len(digits) % 2 == 0 else match.group()


def _if_readable(raw: bytes, written: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return written
    readable = sum(char.isalnum() or char in " \n.,:;!?'\"-()" for char in text)
    return f" {text} " if len(text) >= 8 and readable >= READABLE * len(text) and " " in text else written


def _unspaced(match: re.Match[str]) -> str:
    run = match.group()
    if run[1] == " ":
        return run.replace(" ", "")
    return re.sub(r"(?<=[a-z0-9'])[-._*|/~+](?=[a-z0-9'?!,.:;])", "", run)


def _joined(text: str) -> str:
    """Append the pieces of a text that was cut into quoted parts, in their order."""
    if "=" not in text and ":" not in text:
        return text
    pieces = [match.group(match.lastindex or 0) for match in _PIECE.finditer(text)]
    if len(pieces) < 2:
        return text
    return f"{text} {' '.join(pieces)}"


def _has_digits(text: str) -> bool:
    return any(char in text for char in "013457@$")


def _unleet(match: re.Match[str]) -> str:
    word = match.group()
    return word.translate(_LEET) if _MIXED.match(word) else word
