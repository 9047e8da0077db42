"""The mood of a message."""

import pytest

from domains.sentiment import mood_of


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("This is terrible and useless", "negative"),
        ("It leaks again!! Now!!", "negative"),
        ("It doesn't work", "negative"),
        ("Nothing works", "negative"),
        ("That was not very helpful", "negative"),
        ("Thanks, that was helpful", "positive"),
        ("Great, it works now", "positive"),
        ("Not bad at all", "positive"),
        ("It did not help, but now it is fixed. Thank you", "positive"),
        ("Which tool do I need?", "neutral"),
        ("How does the pump work? What is a good value?", "neutral"),
        ("Thanks, but it is broken", "neutral"),
        ("", "neutral"),
    ],
)
def test_words_and_their_negations_make_the_mood(text: str, mood: str) -> None:
    assert mood_of(text) == mood


def test_a_word_said_often_counts_once() -> None:
    assert mood_of("wrong wrong wrong, thanks, very helpful") == "positive"
