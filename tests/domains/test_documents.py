"""Documents cut into passages."""

from pathlib import Path

import pytest
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from domains import documents
from domains.documents import PASSAGE_WORDS, DocumentUnreadable, read_document, read_passages, slug
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
    assert "byte 4 is not UTF-8" in refused(tmp_path, "latin.txt", b"Pump\xff")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    assert "binary" in refused(tmp_path, "data.txt", b"text\x00text")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BYTES", 10)

    assert "11 bytes" in refused(tmp_path, "large.txt", b"\xff" * 11)


@pytest.mark.parametrize("name", ["table.xlsx", "README"])
def test_a_kind_that_is_not_known_is_refused(name: str, tmp_path: Path) -> None:
    assert "not a kind that is known" in refused(tmp_path, name, "text")


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
