"""Postal addresses by their parts: house numbers, kinds of street, flats, postcodes, and the words before."""

import re
from collections.abc import Iterator

from memory.rule import REACH, Found
from memory.technicalnames import SENTENCE_WORDS, TECHNICAL_NAMES


def _any(words: str) -> str:
    return "|".join(words.split())


_KINDS = _any(
    """
    street st str avenue ave av road rd lane ln boulevard blvd drive dr court ct crescent cres terrace ter
    highway hwy parkway pkwy turnpike expressway alley circle cir way square sq close mews grove gardens
    row hill walk plaza cove coves trail trl loop quay esplanade wharf
    """
)
"""Said of nothing but a street."""

_KINDS_BY_NAME = _any(
    """
    isle isles island islands valley valleys ridge ridges heights village villages summit causeway
    junction junctions crest ford fords forge forges fork forks knoll knolls landing locks manor manors
    meadow meadows mill mills mountain mountains orchard oval overpass underpass park parks parkways
    passage pike pine pines plain plains prairie ramp ranch rapid rapids river roads shoal shoals shore
    shores skyway spring springs spur spurs squares station stravenue stream streams streets throughway
    trace track trafficway trailer tunnel union unions viaduct view views ville vista walks wall ways well
    wells brook brooks burg burgs bypass camp canyon cape centers circles cliff cliffs club common corner
    corners course courts creek crossing crossroad curve dale dam divide drives estate estates falls ferry
    field fields flat flats forest fort freeway garden gateway glen glens green greens groves harbor
    harbors haven hills hollow inlet key keys lake lakes land light lights lodge mall mission motorway
    mount neck path place pl points point port ports radial rest rue run bend bluff bluffs bottom branch
    bridge center centre extension extensions pass
    """
)
"""Kinds of street (as in USPS Publication 28) that are said of other things too."""

_FIRST = _any(
    """
    rue via viale corso piazza calle avenida avda alameda paseo camino carrer rua travessa largo praça
    rruga ulica strada chemin allée quai impasse ronda glorieta cuesta vial pasaje pasadizo callejón
    urbanización cañada rambla aleja plac osiedle contrada borgo vicolo stretto c/
    """
)
"""Kinds of street that stand before the name."""

_ENDINGS = _any(
    """
    straat strasse straße gracht kade laan plein dreef gasse allee platz ufer damm vej gade vænge stræde
    gatan vägen gränd stigen veien vegen gata gaten katu tie kuja polku braut stígur vegur utca utja weg
    steenweg
    """
)
"""Ends of one word that is a street and its kind."""

_LINKS = _any(
    """
    de del della delle degli dei di da do dos das du des la le les el los las van von der den dem of and
    the am an im zum zur y e af på nad dalla utca útja út tér körút köz gate gata gatan vei veien vej gade
    allé plads plass
    """
)
_NUMBER = r"#?\d{1,6}(?:[A-Za-z]|st|nd|rd|th)?(?:[/-]\d{1,5}[A-Za-z]?)?(?![\w:%$€]|\.\d|,\d{3})"
_NAME = r"(?=[^\W\d_a-z])[^\W\d_]++(?:['’`.-][^\W\d_]++)*+\.?"
_PART = rf"(?:{_NUMBER}|{_NAME}|C/|(?:{_LINKS}|{_FIRST})(?!\w)|(?:u|ul|rkp)\.)"
_GAP = r"(?:[ ]{0,2},?(?:[ ]{0,2}\n[ \t>?]{0,14}){1,2},?[ ]?|,[ ]{1,2}|[ ]{1,2})"
_CHUNK = re.compile(
    rf"(?<![\w./:@#$€£=+-])(?:{_NUMBER}|{_NAME}|(?:{_FIRST})(?!\w)|the corner of)(?:{_GAP}{_PART}){{0,20}}+"
)
"""Numbers and capitalised words in a row, over commas and line ends: what an address may be cut from."""

_WORDS = r"(?:[^\W\d_][\w'’.-]* ){1,3}"
_MARKED = re.compile(
    r"\b(?:apt|apartment|suite|ste|flat|p\.?[ ]?o\.? box|postfach|psc"
    r"|lot)\.?[ ]#?\d|\bbox \d\d|\bunit \d+ box \d"
    r"|\b(?-i:[A-Z]{2}) \d{5}(?:-\d{4})?\b|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b"
    rf"|(?<!\w)\d{{1,6}}(?:[A-Za-z]|th|st|nd|rd)?,? (?:\d{{1,6}}(?:[A-Za-z]|th|st|nd"
    rf"|rd)? )?{_WORDS}(?:{_KINDS})\b"
    rf"|\b(?:{_FIRST})[ ](?:[^\W\d_][\w'’.-]*,? ){{1,6}}\d|\d,? (?:{_FIRST})[ ][^\W\d_]"
    rf"|[^\W\d_]{{3}}(?:{_ENDINGS})[ ]\d|\b(?:{_ENDINGS}|út|tér) \d|\b(?:u|ul|rkp)\. ?\d|\bul\. \w",
    re.IGNORECASE,
)
"""What only an address has."""

_MARKED_BY_NAME = re.compile(rf"(?<!\w)\d{{2,6}} {_WORDS}(?:{_KINDS_BY_NAME})\b", re.IGNORECASE)
_ENVELOPE = re.compile(r"\d(?:[\d_]|(?!\n)\W)*+[^\W\d_][^\n]*+(?:\n[^\n]*){1,4}\s\d{4,6}")
"""From a house number over lines to a postcode."""

_CUE = re.compile(
    r"(?:\b(?:address(?:es)?\b[?]?(?:[ ](?:is|was|to|of|at|as|from|it|it's"
    r"|will be))*[:=]?[\"']?\s{0,8}[\"']?"
    r"|(?:live[sd]?|living|located|office is|reside[sd]?|residing|based|deliver(?:ed|y)?|ship(?:ped"
    r"|ping)?|send|sent"
    r"|mail(?:ed)?|return(?:ed)?|arrived|meet(?:ing)?(?: you| me| us| them)?|moved?|moving|relocated|come"
    r"|(?:station|store|shop|restaurant|house|home) is|parked|invoice|bill|package|parcel|letter"
    r"|pick(?: me)? up|drop(?: me)? off|stay(?:ing)?)(?:[ ]\w+)?[ ](?:at|to|on|in|from|near)[ ]"
    r"|validate the following\?[ ]|it'?s (?:in|at|on)[ ]|i'm at[ ]|(?:enter|located) on[ ])|, from )$",
    re.IGNORECASE,
)
"""What stands before an address."""

_LOWER = re.compile(
    r"(?<![\w./:@#$€£=+-])\d{2,6}(?: \d{1,5})?(?: [^\W\d_]{2,20}+\.?){1,2}? "
    r"(?:street|avenue|road|lane|boulevard|drive|court|crescent|terrace|highway|parkway)\b\.?"
    r"(?:,? ?(?:apt|suite|unit|ste)\.? #?\d{1,5})?|\bp\.?o\.? box \d{1,6}"
    r"|\b(?:psc|unit) \d{1,5},? box \d{1,6}\s{1,3}(?:apo|fpo|dpo),? [a-z]{2} \d{5}",
    re.IGNORECASE,
)
"""In lower case only the plainest."""

_LOWER_STATE = re.compile(r",? [a-z]{2,3} \d{4,6}(?!\w)")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"[^\W\d_]")
_TAIL = re.compile(rf"(?:(?>{_GAP})(?:{_LINKS}))+$")
_SENTENCE_END = re.compile(r"(?<=[^\W\d_]{3})\. (?=[^\W\d_])")
_LINE_OF_NAMES = re.compile(r"(?:[^\d\n]++\n)+[ \t>?]*(?=\d)")


def find_addresses(text: str) -> Iterator[Found]:
    """Yield the addresses in `text`: numbers and names with a part only an address has, or behind a cue."""
    if not _DIGIT.search(text):
        return
    for match in _CHUNK.finditer(text):
        if _DIGIT.search(text, *match.span()) and _LETTER.search(text, *match.span()):
            start, end = _trim(text, *match.span())
            if start < end and _is_address(text, start, end):
                state = _LOWER_STATE.match(text, end)
                yield Found(start, state.end() if state else end, "ADDRESS")
    for match in _LOWER.finditer(text):
        yield Found(match.start(), match.end(), "ADDRESS")


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out the next sentence, lines with a name above, and ordinary words in front."""
    if stop := _SENTENCE_END.search(text, start, end):
        end = stop.start()
    if tail := _TAIL.search(text, start, end):
        end = tail.start()
    if above := _LINE_OF_NAMES.match(text, start, end):
        start = above.end()
    for word in re.finditer(r"[^\s,]+", text[start:end]):
        if not _is_ordinary(word[0].strip(".").lower()):
            return start + word.start(), end
    return end, end


def _is_ordinary(word: str) -> bool:
    return (word in SENTENCE_WORDS or word in TECHNICAL_NAMES) and word not in _BEGINNINGS


_BEGINNINGS = frozenset(
    {"unit", "box", "post", "place", "park", "united", "north", "south", "west", "east", "new", "the"}
)


def _is_address(text: str, start: int, end: int) -> bool:
    if not _DIGIT.search(text, start, end):
        return False
    if _MARKED.search(text, start, end) or _ENVELOPE.fullmatch(text, start, end):
        return True
    names = [word.strip(".,").lower() for word in text[start:end].split() if word[0].isalpha()]
    if any(name in TECHNICAL_NAMES for name in names) or SENTENCE_WORDS.issuperset(names):
        return False
    if _MARKED_BY_NAME.search(text, start, end):
        return True
    return bool(_CUE.search(text, max(0, start - REACH), start))
