"""Names of people by the words around them: no model, no list of everybody.

A run of capitalised words is a name when the words before or behind it say so, when it begins with a given
name, when its letters are those of a surname, or when a name found elsewhere in the text comes again.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from memory.givennames import GIVEN_NAMES, SURNAME_ENDINGS
from memory.rule import REACH, Found
from memory.technicalnames import SENTENCE_WORDS, TECHNICAL_NAMES

MOST_WORDS = 4
"""A full name has two words at least and this many at most (count)."""

_LETTERS = r"[^\W\d_]"
_MORE = rf"(?:['’`.-]{_LETTERS}++)*+"
_WORD = rf"(?=[^\W\d_a-z]){_LETTERS}++{_MORE}"
_PARTICLE = (
    r"(?:de|del|della|den|der|di|da|do|dos|du|la|le|van|von|vom|zu|zum|bin|binti|ibn|al|el|af|av|ten"
    r"|ter|y|e)"
)
_RUN = re.compile(
    rf"(?<![\w@#$/\\.<-])(?<!['’]\w){_WORD}(?:\.?[ ]{{1,2}}(?:{_PARTICLE} ){{0,2}}{_WORD}){{0,5}}+"
    r"(?![\w@<>/\\_]|[-=(:]\w)"
)
"""One to six capitalised words, with particles between them."""

_ACCOUNT = re.compile(rf"(?<![\w.-])(?P<name>(?=[^\W\d_a-z]){_LETTERS}++\.{_LETTERS}++)(?=@[\w-]+(?![\w.-]))")
"""`Anna.Lee@corp`: an address inside a company."""

_TITLED = re.compile(
    rf"\b(?i:mr|mrs|ms|miss|mx|dr|prof|herr|frau|señora?|mme)\b\.?[ ](?P<name>{_LETTERS}{{2,}}+{_MORE}"
    rf"(?: (?:{_PARTICLE} )?(?=[^\W\d_a-z]){_LETTERS}++{_MORE}\.?){{0,3}})"
)
_SAID_LOWER = re.compile(
    r"\b(?i:my (?:(?:full|first|last) )?name is|people call me|i am called) "
    rf"(?P<name>(?!(?:a|an|the|not|in|on|my|it|no|wrong|incorrect|still"
    rf"|also)\b)(?=[^\W\d_A-Z]){_LETTERS}{{2,20}}+)"
)
_LINE = re.compile(rf"(?m)^[ \t>?*-]{{0,8}}(?P<name>{_WORD}(?: {_WORD}\.?){{1,3}})[ \t]*,?$")
_REACHED = re.compile(r"(?m)\0|\w@\w|^[ \t>?]{0,8}\d{1,6} |\d{5}$|\+\d")
"""What stands under the name in a signature or on an envelope."""

_SPEECH = (
    "said|says|saying|asked|asks|shouted|shouts|replied|replies|wrote|writes|told|tells|explained"
    "|explains|added|answered"
    "|whispered|laughed|insisted|claimed|recalled|complained|admitted|agreed|joked|thinks|thought|wants"
    "|wanted"
)  # fmt: skip
_ROLE = (
    "customer|client|user|patient|employee|colleague|co-?worker|manager|supervisor|boss|friend|wife"
    "|husband|spouse"
    "|partner|brother|sister|mother|father|mom|mum|dad|son|daughter|uncle|aunt|cousin|grand(?:mother"
    "|father)|nephew"
    "|niece|doctor|nurse|teacher|engineer|technician|owner|holder|cardholder|ceo|cto|cfo|president"
    "|director|producer"
    "|songwriter|singer|actor|actress|author|writer|composer|artist|captain|officer|attorney|lawyer"
    "|judge|senator"
    "|professor|coach|tenant|buyer|seller|guest|passenger|applicant|candidate|contact|assignee|reporter"
    "|approver"
    "|requester|recipient|sender|member|student|analyst|representative|neighbou?r|roommate"
    "|fianc[eé]e?|beneficiary"
    "|guardian|guitarist|drummer|frontman|bassist|rapper|novelist|poet|painter"
)
_THINGS = (
    "file|bucket|table|service|host|domain|class|function|column|product|resource|role|brand|company"
    "|project|model"
    "|group|team|plan|policy|alarm|stream|queue|index|cluster|stack|event|key|metric|region|field|tag"
)
_NOT_THEIRS = "".join(f"(?<!{thing} )" for thing in _THINGS.split("|"))
_KEYS = (
    "(?:full|first|last|user|customer|client|contact|sur|given|family|author|owner|holder|employee"
    "|sender|recipient)"
    "_?name|user|customer|client|owner|author|assignee|reporter|contact|employee|patient|sender"
    "|recipient|requester"
    "|manager|member|person|signed_by|created_by|assigned_to|account_holder"
)
_CONFIDING = re.compile(
    rf"(?:\b(?:(?=name){_NOT_THEIRS}names?\"?(?: (?:is|was|to|as|of|on the (?:account|card)|should be"
    rf"|will be))*"
    r"[:=?]?\s{0,8}[\"']?(?:user: |me: )?"
    r"|(?:i\\?['’]m|call (?:me|him|her)|(?:was|is|are|were) (?:called|named)|goes by|named after|known as"
    r"|signed(?: by)?|under|on behalf of|yours truly|sincerely|best wishes|regards|cheers),?:?\s{1,3}"
    r"|(?:(?:directed|written|sung|performed|arranged|composed|painted|produced|founded|authored|edited"
    r"|played) by"
    r"|tribute to|starring|assistant to|in memory of|married to|(?:daughter|son|wife|husband|friend) of"
    r"|ask(?:ing)? for|(?:speak|talk(?:ed)?|spoke) (?:to|with)|heard|shouted at|dear"
    r"|attn:?|attention:?|care of"
    rf"|c/o|(?:{_SPEECH}|said to)[,:]?) )"
    rf"|[\"'](?:{_KEYS})[\"']\s{{0,2}}[:=]\s{{0,2}}[\"'])$",
    re.IGNORECASE,
)
"""After these words any capitalised word names somebody."""

_PRESENTING = re.compile(
    rf"(?:\b(?:(?:{_ROLE})(?:'s name)?:? |(?:(?:this|it|he|she) is|i am|it's|hi|hello|hey|thanks"
    rf"|thank you|meet|met|cc"
    r"|notify|tell|ask|email|mail|call|contact|remind|invite|(?:assigned|handed) to"
    r"|(?:owned|reported|opened) by|bot:|user:|agent:),? )"
    r"|[\"']\w{0,12}name[\"']\s{0,2}[:=]\s{0,2}[\"'])$",
    re.IGNORECASE,
)
"""After these a full name does, a single word does not."""

_BEHIND = re.compile(
    rf",?[ ](?:{_SPEECH}|(?:was|were|is|are) (?:born|married|buried)|passed away|began (?:his|her"
    rf"|writing|as)|grew up"
    r"|spent a|lives? (?:in|at|on)|is (?:a|an|my|very|the) [\w -]{0,24}(?:man|woman|person|reliable"
    r"|friend|boss|sister"
    r"|brother|wife|husband|fan|speaker|listener|daughter|son|patient|doctor))\b"
    r"|\\?['’]s (?:wife|husband|daughter|son|kid|mother|father|brother|sister|friend|house|birthday"
    r"|novel|song|phone"
    r"|email|card|account)\b|: ?\\?[\"“]|[ ][(<\[]{1,2}(?:[\w.+-]{1,64}@|\0)",
    re.IGNORECASE,
)
_SHAPE = re.compile(
    r"(?:[^\W\d_](?:['’`]|(?<=M)a?c|(?<=D)[ei]|(?<=L)[ae]|(?<=V)an)?)?[^\W\d_a-z][^\W\d_A-Z]+(?:['’`.-][^\W\d_]+)*\.?"
)
"""`McKay`, `O'Neil`, `Anne-Marie`; no `ArrayList` and no `MXNet`."""

_ACCENT = re.compile(r"[À-ɏ]")
_NOUNS = ("tion", "tions", "sion", "ment", "ments", "ness", "ance", "ity", "ism", "ology", "ware", "ized")
_PART = re.compile(rf"{_LETTERS}++")


class _Run(NamedTuple):
    start: int
    end: int
    words: tuple[str, ...]


def find_names(text: str) -> Iterator[Found]:
    """Yield the names of people in `text`, as far as the words around them tell."""
    parts: set[str] = set()
    rest: list[_Run] = []
    for start, end in _told_names(text):
        parts.update(_PART.findall(text[start:end]))
        yield Found(start, end, "PERSON")
    for run in _runs(text):
        if _is_name(text, run):
            parts.update(_named(run))
            yield Found(run.start, run.end, "PERSON")
        else:
            rest.append(run)
    for run in rest:
        if (named := _named(run)) and parts.issuperset(named):
            yield Found(run.start, run.end, "PERSON")


def _told_names(text: str) -> Iterator[tuple[int, int]]:
    """Yield names that a title, an account or a line of its own gives away; the title belongs to it."""
    for match in _TITLED.finditer(text):
        if not _is_ordinary(match["name"].split()[0]) or match["name"][0].isupper():
            yield match.span()
    for pattern in (_ACCOUNT, _SAID_LOWER):
        for match in pattern.finditer(text):
            yield match.span("name")
    if "\n" in text and _REACHED.search(text):
        for match in _LINE.finditer(text):
            if all(may_name(word) for word in match["name"].split()):
                yield match.span("name")


def _runs(text: str) -> Iterator[_Run]:
    """Yield runs of capitalised words, without the ordinary words at either end."""
    for match in _RUN.finditer(text):
        words = list(re.finditer(r"[^ ]+", match[0]))
        while words and _is_ordinary(words[0][0]):
            words.pop(0)
        while words and (_is_ordinary(words[-1][0]) or not words[-1][0][0].isupper()):
            words.pop()
        if words:
            kept = tuple(word[0] for word in words if word[0][0].isupper())
            yield _Run(match.start() + words[0].start(), match.start() + words[-1].end(), kept)


def _is_name(text: str, run: _Run) -> bool:
    is_full = 2 <= len(run.words) <= MOST_WORDS
    if not all(map(may_name, run.words)) or not (is_full or len(run.words[0]) > 1):
        return False
    is_given = _bare(run.words[0]) in GIVEN_NAMES
    is_likely = is_given or _looks_like_surname(run.words)
    if is_full and is_likely:
        return True
    reach = max(0, run.start - REACH)
    if _CONFIDING.search(text, reach, run.start) or _BEHIND.match(text, run.end):
        return True
    if (is_full or is_likely) and _PRESENTING.search(text, reach, run.start):
        return True
    if run.words[0].isupper():
        return False
    return is_given and len(run.words) == 1 and not text[run.end : run.end + 2].strip().isupper()


@lru_cache(maxsize=10_000)
def may_name(word: str) -> bool:
    """Tell what names nobody: products, methods, words that begin a sentence, acronyms, identifiers."""
    if _is_ordinary(word) or word.lower().endswith(_NOUNS):
        return False
    if len(word) <= 2:  # an initial, or a short name like Li
        return len(word) == 1 or word[-1] == "." or not word.isupper()
    return bool(_SHAPE.fullmatch(word)) or (len(word) > 3 and _bare(word) in GIVEN_NAMES)


def _looks_like_surname(words: tuple[str, ...]) -> bool:
    return any(_ACCENT.search(word) or word.lower().endswith(SURNAME_ENDINGS) for word in words)


@lru_cache(maxsize=10_000)
def _is_ordinary(word: str) -> bool:
    bare = _bare(word)
    return bare in SENTENCE_WORDS or bare in TECHNICAL_NAMES


def _bare(word: str) -> str:
    return re.split(r"['’.-]", word.lower(), maxsplit=1)[0]


def _named(run: _Run) -> list[str]:
    return [part for word in run.words for part in _PART.findall(word) if len(part) > 1]
