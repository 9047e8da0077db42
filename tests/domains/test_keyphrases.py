"""What a message is about in its own words."""

import pytest

from domains.keyphrases import LONGEST, MOST, key_phrases
from memory.text import terms
from nodes.query_analyzer import VAGUE


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("How do I change the lube oil filter of the SMT60?", ["lube oil filter", "change", "SMT60"]),
        ("The bearing temperature is high and the bearing housing leaks.",
         ["bearing housing leaks", "bearing temperature", "high"]),
        ("Alarm VB-207, then a trip", ["Alarm VB-207", "trip"]),
        ("Can you help me with this problem please?", []),
        ("", []),
    ],
)  # fmt: skip
def test_phrases_are_those_of_the_message_most_telling_first(text: str, phrases: list[str]) -> None:
    assert key_phrases(text, VAGUE) == phrases


def test_there_are_few_and_each_is_short_and_named_once() -> None:
    found = key_phrases(
        "alpha beta gamma delta epsilon zeta. Alpha beta gamma delta. " * 3 + "a, b1, c1, d1, e1, f1", ()
    )

    assert len(found) == MOST
    assert len({phrase.lower() for phrase in found}) == MOST
    assert all(len(phrase.split()) <= LONGEST for phrase in found)


def test_words_that_name_no_subject_are_those_given() -> None:
    assert key_phrases("a broken valve", set(terms("broken valve"))) == []
