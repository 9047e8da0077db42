"""Words and sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.text import clip, is_step, sentences, stem, terms, word_keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The pumps are leaking", ["pump", "leak"]),
        ("Alarm VB-207 of A-101.", ["alarm", "vb-207", "a-101"]),
        ("PutObject", ["putobject", "object"]),
        ("IAMPolicy", ["iampolici", "iam", "polici"]),
        ("point-in-time", ["point-in-tim", "point", "time"]),
        ("leak leaks leaked", ["leak", "leak", "leak"]),
        ("it is what it is?", []),
        ("", []),
    ],
)
def test_terms_are_the_stems_of_words_that_carry_meaning(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_code_keeps_its_form_and_case_does_not_matter() -> None:
    assert stem("T5S") == stem("t5s") == "t5s"
    assert stem("Bearings") == stem("bearing")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Stop it. Drain it! Why? Because.", ["Stop it.", "Drain it!", "Why?", "Because."]),
        ("Set it to 3.5 bar. Wait.", ["Set it to 3.5 bar.", "Wait."]),
        ("See e.g. Section 4. Then stop.", ["See e.g. Section 4.", "Then stop."]),
        ("Use approx. 4 litres.", ["Use approx. 4 litres."]),
        ("Do this:\n1. Close it. Now.\n2. Open it.", ["Do this:", "1. Close it. Now.", "2. Open it."]),
        ("| a. B | c |\n\n- one\n• two", ["| a. B | c |", "- one", "• two"]),
        (" \n\n ", []),
    ],
)
def test_a_text_is_split_into_sentences_steps_and_lines_of_tables(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet="aB1. !?\n-|", max_size=80))
def test_splitting_loses_no_word(text: str) -> None:
    assert " ".join(sentences(text)).split() == text.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1. Close", True),
        ("12) Close", True),
        ("- x", True),
        ("* x", True),
        ("3.5 bar", False),
        ("-5", False),
    ],
)
def test_a_step_starts_with_a_number_or_a_mark(line: str, expected: bool) -> None:
    assert is_step(line) is expected


def test_a_long_text_is_cut_at_a_word() -> None:
    assert clip("close the valve slowly", 18) == "close the valve…"
    assert clip("x" * 30, 10) == "x" * 9 + "…"
    assert clip("short", 5) == "short"


@given(st.text(max_size=60), st.integers(min_value=1, max_value=60))
def test_a_cut_text_is_never_longer_than_asked_and_a_short_one_stays(text: str, limit: int) -> None:
    cut = clip(text, limit)

    assert len(cut) <= limit
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]) and len(text) > limit)


def test_words_of_any_script_have_stable_numbers_and_only_the_last_ones_count():
    assert word_keys("Oil PRESSURE, Öl-Druck 油圧") == word_keys("oil pressure öl druck 油圧")
    assert word_keys("abc") == [891568578]
    assert word_keys(" ".join(f"w{n}" for n in range(100)))[-1] == word_keys("w99")[0]
    assert len(word_keys("again " * 100)) == 48
    assert word_keys("") == []
