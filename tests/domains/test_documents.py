"""Documents cut into passages."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from domains import documents
from domains.cutting import PASSAGE_WORDS, STEP_WORDS, cut
from domains.documents import DocumentUnreadable, read_document, read_passages, slug
from memory.records import Passage

GUIDE = """\
Before the first heading.

# Pump guide

Start here.

## Change the *seal* ##

To change it:

1. Close the valves.
2. Drain it.

```sh
# not a heading
drain --all
```

## Empty

## Last
The end.
"""


def read(folder: Path, name: str, content: str | bytes) -> list[Passage]:
    """Write one document and read it."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_document(file, relative_to=folder))


def refused(folder: Path, name: str, content: str | bytes) -> str:
    with pytest.raises(DocumentUnreadable) as caught:
        read(folder, name, content)
    assert name in str(caught.value)
    return str(caught.value)


def pdf_page(writer: PdfWriter, text: str) -> None:
    """Add a page with one line of text."""
    page = writer.add_blank_page(300, 300)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    drawn = DecodedStreamObject()
    drawn.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(drawn)


# --- Markdown ------------------------------------------------------------------------------------


def test_each_section_is_a_passage_under_title_and_heading(tmp_path: Path) -> None:
    passages = read(tmp_path, "pumps/guide.md", GUIDE)

    assert [(passage.title, passage.source) for passage in passages] == [
        ("Pump guide", "pumps/guide.md"),
        ("Pump guide", "pumps/guide.md#pump-guide"),
        ("Pump guide › Change the *seal*", "pumps/guide.md#change-the-seal"),
        ("Pump guide › Last", "pumps/guide.md#last"),
    ]


def test_a_list_stays_with_its_lead_and_a_fence_hides_headings(tmp_path: Path) -> None:
    seal = read(tmp_path, "guide.md", GUIDE)[2].text

    assert "To change it:\n1. Close the valves.\n2. Drain it." in seal
    assert "# not a heading\ndrain --all" in seal


def test_a_document_without_a_first_heading_is_named_by_its_file(tmp_path: Path) -> None:
    [passage] = read(tmp_path, "notes.md", "Only text.")

    assert (passage.title, passage.text, passage.source) == ("notes", "Only text.", "notes.md")


def test_a_mark_of_byte_order_is_no_part_of_the_text(tmp_path: Path) -> None:
    [passage] = read(tmp_path, "notes.md", b"\xef\xbb\xbf# Title\r\n\r\nText.\r\n")

    assert (passage.title, passage.text) == ("Title", "Text.")


def test_underlined_headings_and_front_matter_are_understood(tmp_path: Path) -> None:
    front = '---\ntitle: "Pump guide"\ntags: [a]\n---\n'
    passages = read(
        tmp_path, "g.md", f"{front}Intro\n=====\nOne.\n\nSeals\n---\nTwo.\n\n---\n\n| a |\n|---|\n"
    )

    assert [(passage.title, passage.text) for passage in passages] == [
        ("Pump guide › Intro", "One."),
        ("Pump guide › Seals", "Two.\n\n---\n\n| a |\n|---|"),
    ]


def test_only_its_own_kind_closes_a_fence(tmp_path: Path) -> None:
    [passage] = read(tmp_path, "g.md", "# T\n~~~\n```\n# code\n~~~\n")

    assert "# code" in passage.text


def test_a_heading_without_latin_letters_is_named_by_its_document(tmp_path: Path) -> None:
    [passage] = read(tmp_path, "g.md", "# 電気\nText.")

    assert (passage.title, passage.source) == ("電気", "g.md")


def test_an_empty_document_has_no_passages(tmp_path: Path) -> None:
    assert read(tmp_path, "empty.md", "\n\n# Title only\n") == []


# --- cutting -------------------------------------------------------------------------------------

WORDS = [f"w{n}" for n in range(3 * PASSAGE_WORDS + 50)]
LINES = "\n".join(" ".join(WORDS[start : start + 40]) for start in range(0, len(WORDS), 40))


@pytest.mark.parametrize(
    "text",
    [
        " ".join(WORDS),
        LINES,
        LINES.replace("\n", "\n\n"),
        "short line\n" + " ".join(WORDS) + "\nshort line",
        "- " + "\n- ".join(WORDS),
        "Do this:\n\n- " + "\n- ".join(WORDS),
    ],
    ids=["one line", "lines", "paragraphs", "long line between", "list", "list with lead"],
)
def test_a_long_section_is_cut_and_no_word_is_lost(text: str, tmp_path: Path) -> None:
    passages = read(tmp_path, "long.txt", text)

    assert len(passages) > 3
    assert " ".join(passage.text for passage in passages).split() == text.split()
    assert max(len(passage.text.split()) for passage in passages) <= PASSAGE_WORDS
    assert len({passage.passage_id for passage in passages}) == len(passages)


STEPS = st.lists(
    st.lists(
        st.sampled_from(["Close the valve.", "wait 5 min", "then drain", "see alarm A-101"]), min_size=1
    ).map("\n   ".join),
    min_size=1,
    max_size=60,
)


@given(steps=STEPS, lead=st.integers(0, 300), gap=st.sampled_from(["\n", "\n\n"]))
@settings(deadline=None)
def test_no_cut_goes_through_a_step(steps: list[str], lead: int, gap: str) -> None:
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    text = f"{'word ' * lead}do this:\n\n{gap.join(numbered)}"
    passages = list(cut(text))

    assert " ".join(passages).split() == text.split()
    for step in numbered:
        assert len(step.split()) > STEP_WORDS or any(step in passage for passage in passages)
    longest = max(PASSAGE_WORDS, *(len(step.split()) for step in numbered))
    assert max(len(passage.split()) for passage in passages) <= longest + PASSAGE_WORDS // 2


@given(text=st.text(alphabet=st.sampled_from("ab .!?\n\t-*1`~#é\u2028"), max_size=3000))
@settings(deadline=None)
def test_a_cut_loses_no_word_of_any_text(text: str) -> None:
    assert " ".join(cut(text)).split() == text.split()


def test_a_list_that_is_too_long_takes_its_lead_along_and_half_a_sentence_is_the_last_resort() -> None:
    items = [f"- Item {number} is checked every day." for number in range(60)]
    [first, *rest] = cut("Some words.\n\nCheck all of these:\n\n" + "\n".join(items))
    long = " ".join(f"Sentence {number} has six words." for number in range(80))

    assert "Check all of these:\n- Item 0 is" in first + rest[0]
    assert all(piece.endswith("every day.") for piece in rest)
    assert all(piece.endswith("words.") for piece in cut(long))


def test_an_id_follows_from_place_and_text_alone(tmp_path: Path) -> None:
    first = read(tmp_path / "a", "guide.md", GUIDE)
    second = read(tmp_path / "b", "guide.md", GUIDE)
    other = read(tmp_path / "b", "guide.md", GUIDE.replace("The end.", "Almost."))

    assert first == second
    assert [a.passage_id == b.passage_id for a, b in zip(first, other, strict=True)] == [True] * 3 + [False]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("Change the *seal*", "change-the-seal"), ("  A/B — 2.0! ", "a-b-2-0"), ("電気", "")],
)
def test_a_heading_becomes_a_part_of_a_link(heading: str, expected: str) -> None:
    assert slug(heading) == expected


# --- HTML ----------------------------------------------------------------------------------------


def test_html_gives_what_a_reader_sees(tmp_path: Path) -> None:
    passages = read(
        tmp_path,
        "page.html",
        "<html><head><title>Pump &amp; seal</title><style>p {color: red}</style></head><body>"
        "<nav>Home</nav><p>Intro <b>bold</b> text.</p><script>alert(1)</script>"
        "<h2>Change <i>it</i></h2><ul><li>Close.</li><li>Drain.</li></ul></body></html>",
    )

    assert [(passage.title, passage.text) for passage in passages] == [
        ("Pump & seal", "Intro bold text."),
        ("Pump & seal › Change it", "- Close.\n- Drain."),
    ]


def test_html_without_a_title_is_named_by_its_file(tmp_path: Path) -> None:
    [passage] = read(tmp_path, "page.htm", "<p>Text")

    assert (passage.title, passage.text) == ("page", "Text")


def page_text(folder: Path, body: str) -> str:
    [passage] = read(folder, "page.html", body)
    return passage.text


def test_lists_and_tables_of_a_page_keep_their_marks(tmp_path: Path) -> None:
    text = page_text(
        tmp_path,
        "<ol>\n <li><p>Close the\n valve.</p></li>\n <li>Drain it.<ul><li>Slowly.</li></ul></li>\n</ol>"
        "<table><tr><th>Alarm</th><th>Limit</th></tr><tr><td>VB-1</td><td>7 mm/s</td></tr></table>",
    )

    assert [line for line in text.splitlines() if line] == [
        "1. Close the valve.",
        "2. Drain it.",
        "  - Slowly.",
        "| Alarm | Limit",
        "| VB-1 | 7 mm/s",
    ]


def test_code_on_a_page_keeps_its_lines_and_makes_no_headings(tmp_path: Path) -> None:
    text = page_text(tmp_path, "<p>Run\nthis:</p><pre># install\nmake all</pre><!-- hidden -->")

    assert text == "Run this:\n\n# install\nmake all"


def test_a_page_may_be_nested_deeply(tmp_path: Path) -> None:
    assert page_text(tmp_path, "<div>" * 5000 + "deep") == "deep"


# --- PDF -----------------------------------------------------------------------------------------


def test_each_page_of_a_pdf_with_text_is_a_passage(tmp_path: Path) -> None:
    writer = PdfWriter()
    pdf_page(writer, "Stop the pump.")
    writer.add_blank_page(300, 300)
    pdf_page(writer, "Change the seal.")
    writer.add_metadata({"/Title": "Pump guide"})
    writer.write(tmp_path / "guide.pdf")

    passages = list(read_document(tmp_path / "guide.pdf", relative_to=tmp_path))

    assert [(passage.title, passage.text, passage.source) for passage in passages] == [
        ("Pump guide › page 1", "Stop the pump.", "guide.pdf#page-1"),
        ("Pump guide › page 3", "Change the seal.", "guide.pdf#page-3"),
    ]


def test_a_pdf_of_pictures_is_refused(tmp_path: Path) -> None:
    writer = PdfWriter()
    writer.add_blank_page(300, 300)
    writer.write(tmp_path / "scan.pdf")

    with pytest.raises(DocumentUnreadable, match="pictures of pages"):
        list(read_document(tmp_path / "scan.pdf", relative_to=tmp_path))


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_an_encrypted_pdf_is_refused(algorithm: str, tmp_path: Path) -> None:
    writer = PdfWriter()
    pdf_page(writer, "Stop the pump.")
    writer.encrypt("open sesame", algorithm=algorithm)
    writer.write(tmp_path / "secret.pdf")

    with pytest.raises(DocumentUnreadable, match="encrypted"):
        list(read_document(tmp_path / "secret.pdf", relative_to=tmp_path))


@pytest.mark.parametrize("size", [0, 5, 200, -30])
def test_a_pdf_cut_short_is_refused_or_read_but_never_breaks(size: int, tmp_path: Path) -> None:
    writer = PdfWriter()
    pdf_page(writer, "Stop the pump.")
    writer.write(tmp_path / "whole.pdf")
    body = (tmp_path / "whole.pdf").read_bytes()[:size]

    try:
        assert [passage.text for passage in read(tmp_path, "cut.pdf", body)] == ["Stop the pump."]
    except DocumentUnreadable as refusal:
        assert "broken PDF" in str(refusal) or "pictures" in str(refusal)  # noqa: PT017


# --- refusals and folders ------------------------------------------------------------------------


def test_what_is_not_utf_8_is_refused_with_the_place(tmp_path: Path) -> None:
    assert "byte 5 is not UTF-8 (0xff in line 2)" in refused(tmp_path, "latin.txt", b"Pump\n\xff")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    assert "binary" in refused(tmp_path, "data.txt", b"text\x00text")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 10)

    assert "11 bytes" in refused(tmp_path, "large.txt", b"\xff" * 11)


@pytest.mark.parametrize("name", ["table.xlsx", "README"])
def test_a_kind_that_is_not_known_is_refused(name: str, tmp_path: Path) -> None:
    assert "not a kind that is known" in refused(tmp_path, name, "text")


def test_utf_16_is_called_by_its_name(tmp_path: Path) -> None:
    assert "it is UTF-16" in refused(tmp_path, "wide.txt", "Pump".encode("utf-16"))


@pytest.mark.parametrize("target", ["loop.md", "gone.md"])
def test_a_link_that_leads_nowhere_is_refused_and_a_linked_folder_is_not_entered(
    target: str, tmp_path: Path
) -> None:
    (tmp_path / "good.md").write_text("Text.")
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(list(read_passages(tmp_path))) == 1

    (tmp_path / "loop.md").symlink_to(tmp_path / target)
    with pytest.raises(DocumentUnreadable, match="leads nowhere"):
        list(read_passages(tmp_path))


def test_a_file_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable, match="No such file"):
        list(read_document(tmp_path / "gone.md", relative_to=tmp_path))


def test_a_folder_gives_its_documents_by_path_and_skips_what_is_hidden_or_of_no_kind(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.TXT", ".git/x.md", "a/.y.md", "logo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Text of {name}.")
    (tmp_path / "folder.md").mkdir()

    passages = list(read_passages(tmp_path, sample=True))

    assert [passage.source for passage in passages] == ["a/z.TXT", "b.md"]
    assert all(passage.sample for passage in passages)
