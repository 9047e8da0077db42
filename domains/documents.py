"""Documents cut into passages: Markdown, HTML, PDF and plain text."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from memory.errors import AgentError
from memory.records import Passage

PASSAGE_WORDS = 220
"""Longest passage (words); embedders read little more."""

MAX_BYTES = 50 * 1024 * 1024
"""Longest file that is read."""

KINDS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".txt": "text",
}

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_LIST_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s+")


class DocumentUnreadable(AgentError):
    """A document cannot be turned into passages."""

    code = "domains.document_unreadable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"`{path}` cannot be read: {reason}.",
            fix="Give Markdown, HTML, PDF with text in it, or plain text in UTF-8, of at most 50 MB.",
        )


class Section(NamedTuple):
    """A piece of a document under one heading."""

    heading: str
    text: str


def read_passages(folder: Path, *, sample: bool = False) -> Iterator[Passage]:
    """Yield the passages of every document below a folder, in order of path; hidden files are left out.

    Raises:
        DocumentUnreadable: one of the documents cannot be read.
    """
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in KINDS and path.is_file() and not hidden:
            yield from read_document(path, relative_to=folder, sample=sample)


def read_document(path: Path, *, relative_to: Path, sample: bool = False) -> Iterator[Passage]:
    """Yield the passages of one document; `source` is its path and the slug of the section.

    Raises:
        DocumentUnreadable: it is too large, broken, or of a kind that is not known.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise DocumentUnreadable(path, f"`{path.suffix or 'no ending'}` is not a kind that is known")
    title, sections = _sections(path, kind)
    name = path.relative_to(relative_to).as_posix()
    for section in sections:
        source = f"{name}#{slug(section.heading)}" if section.heading else name
        heading = f"{title} › {section.heading}" if section.heading and section.heading != title else title
        for text in _cut(section.text):
            digest = hashlib.sha256(f"{source}\x00{text}".encode()).hexdigest()[:16]
            yield Passage(passage_id=digest, title=heading, text=text, source=source, sample=sample)


def slug(heading: str) -> str:
    """Return the heading as it stands in a source: lower case, hyphens for all but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _sections(path: Path, kind: str) -> tuple[str, list[Section]]:
    """Return the title of a document and its sections."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DocumentUnreadable(path, f"it has {size:,} bytes")
        if kind == "pdf":
            return _pdf(path)
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentUnreadable(path, f"byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise DocumentUnreadable(path, error.strerror or "it cannot be opened") from None
    if "\x00" in text:
        raise DocumentUnreadable(path, "it is a binary file")
    if kind == "markdown":
        return _markdown(text, path.stem)
    if kind == "html":
        return _html(text, path.stem)
    return path.stem, [Section("", text)]


def _markdown(text: str, stem: str) -> tuple[str, list[Section]]:
    title, heading, lines = stem, "", []
    found: list[Section] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        match = None if fenced else _HEADING.match(line)
        if match is None:
            lines.append(line)
            continue
        found.append(Section(heading, "\n".join(lines)))
        heading, lines = match.group(2), []
        if len(match.group(1)) == 1 and title == stem:
            title = heading
    found.append(Section(heading, "\n".join(lines)))
    return title, [section for section in found if section.text.strip()]


def _html(text: str, stem: str) -> tuple[str, list[Section]]:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(text, "html.parser")
    for unseen in soup(["script", "style", "noscript", "template", "nav"]):
        unseen.decompose()
    for item in soup("li"):
        item.insert(0, "- ")
    for level in ("h1", "h2", "h3"):
        for heading in soup(level):
            heading.replace_with(f"\n\n# {' '.join(heading.get_text(' ').split())}\n\n")
    title = " ".join(soup.title.get_text().split()) if soup.title else stem
    if soup.title:
        soup.title.decompose()
    for block in soup(["p", "div", "li", "tr", "br", "pre", "section"]):
        block.append("\n")
    lines = [" ".join(line.split()) for line in soup.get_text().splitlines()]
    _, sections = _markdown("\n".join(lines), stem)
    return title, sections


def _pdf(path: Path) -> tuple[str, list[Section]]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentUnreadable(path, "it is encrypted")
        title = str((reader.metadata and reader.metadata.title) or path.stem)
        pages = [Section(f"page {n}", page.extract_text()) for n, page in enumerate(reader.pages, start=1)]
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DocumentUnreadable(path, f"it is a broken PDF ({type(error).__name__})") from None
    pages = [page for page in pages if page.text.strip()]
    if not pages:
        raise DocumentUnreadable(path, "it holds pictures of pages and no text")
    return title, pages


def _cut(text: str) -> Iterator[str]:
    """Cut a section at paragraphs into passages of at most `PASSAGE_WORDS`; a list stays with its lead."""
    kept: list[str] = []
    words = 0
    for block in _blocks(text):
        length = len(block.split())
        if kept and words + length > PASSAGE_WORDS:
            yield "\n\n".join(kept)
            kept, words = [], 0
        kept.append(block)
        words += length
    if kept:
        yield "\n\n".join(kept)


def _blocks(text: str) -> Iterable[str]:
    """Return the paragraphs of a text; a list joins the one before it, what is too long is cut by lines."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        tidy = block.strip("\n")
        if not tidy.strip():
            continue
        length = len(tidy.split()) + (len(blocks[-1].split()) if blocks else 0)
        if blocks and _LIST_ITEM.match(tidy) and length <= PASSAGE_WORDS:
            blocks[-1] += f"\n{tidy}"
        else:
            blocks.extend(_pieces(tidy))
    return blocks


def _pieces(block: str) -> Iterator[str]:
    """Cut a block that is too long: at lines where it has some, else at words."""
    if len(block.split()) <= PASSAGE_WORDS:
        yield block
        return
    lines = block.splitlines()
    if len(lines) == 1:
        words = block.split()
        for start in range(0, len(words), PASSAGE_WORDS):
            yield " ".join(words[start : start + PASSAGE_WORDS])
        return
    kept: list[str] = []
    length = 0
    for line in lines:
        words_in_line = len(line.split())
        if kept and length + words_in_line > PASSAGE_WORDS:
            yield from _pieces("\n".join(kept))
            kept, length = [], 0
        kept.append(line)
        length += words_in_line
    yield from _pieces("\n".join(kept))
