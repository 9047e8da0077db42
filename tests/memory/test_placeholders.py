"""Within a session a value keeps its placeholder; nothing of the value is kept for that."""

import re
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given, settings

from memory.errors import StorageFailed
from memory.placeholders import open_key, session_redactor
from memory.redact import find, redact
from tests.memory.test_redact import KEPT, SECRETS, texts

KEY = bytes(range(32))
ANN, BOB = "ann@example.org", "bob@example.org"


def test_a_value_has_the_same_number_in_every_turn_of_a_session_and_another_has_its_own() -> None:
    first, later = session_redactor(KEY, "s-1"), session_redactor(KEY, "s-1")

    done = first(f"{ANN} wrote to {BOB}, then {ANN.upper()} again")

    names = re.findall(r"<EMAIL_\d{4}>", done)
    assert len(names) == 3
    assert names[0] == names[2] != names[1]
    assert later(f"is {BOB} in?") == f"is {names[1]} in?"


def test_another_session_and_another_key_give_other_numbers() -> None:
    done = {
        session_redactor(key, scope)(ANN)
        for key in (KEY, KEY[::-1])
        for scope in ("s-1", "s-2", "acme\x00s-1")
    }

    assert len(done) == 6


def test_many_values_share_a_number_so_that_none_tells_a_value() -> None:
    redactor = session_redactor(KEY, "s-1")

    numbers = {
        redactor(f"{letter}{number}@example.org")
        for letter in string.ascii_lowercase
        for number in range(900)
    }

    assert 7_000 < len(numbers) < 9_000  # of 23,400 values


def test_a_secret_has_no_number() -> None:
    assert session_redactor(KEY, "s")("my password is talk987") == "my password is <PASSWORD>"


@pytest.mark.parametrize("text", KEPT)
def test_a_technical_text_stays(text: str) -> None:
    assert session_redactor(KEY, "s")(text) == text


@pytest.mark.parametrize("text", [text for text, _ in SECRETS])
def test_the_same_is_found_as_without_numbers(text: str) -> None:
    assert re.sub(r"_\d{4}>", ">", session_redactor(KEY, "s")(text)) == redact(text)


@given(texts)
@settings(deadline=None, max_examples=200)
def test_redacting_again_changes_nothing_with_numbers_and_without(text: str) -> None:
    once = session_redactor(KEY, "s")(text)

    assert session_redactor(KEY, "s")(once) == once
    assert redact(once) == once


@given(texts)
@settings(deadline=None, max_examples=200)
def test_what_is_found_is_what_is_replaced(text: str) -> None:
    found, done = find(text), redact(text)

    kept, end = [], 0
    for one in found:
        kept.append(text[end : one.start])
        end = one.end
    kept.append(text[end:])
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert bool(found) == (done != text)
    if done != "<WITHHELD>":
        assert re.fullmatch(".*".join(map(re.escape, kept)), done, re.DOTALL)


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "placeholder.key"

    made = open_key(file)

    assert open_key(file) == made
    assert len(made) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_damaged_key_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")

    with pytest.raises(StorageFailed, match="it holds 5 bytes, and a key has 32"):
        open_key(tmp_path / "key")
    with pytest.raises(StorageFailed, match="No such file"):
        open_key(tmp_path / "none" / "key")
