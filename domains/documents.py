"""Documents cut into passages: Markdown, HTML, PDF and plain text."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from domains.cutting import Section, cut
from memory.errors import AgentError
from memory.records import Passage

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
_UNDERLINE = re.compile(r"^(?:=+|-{3,})\s*$")
_FRONT_MATTER = re.compile(r"\A---\n(.*?\n)---\n", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


class DocumentUnreadable(AgentError):
    """A document cannot be turned into passages."""

    code = "domains.document_unreadable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"`{path}` cannot be read: {reason}.",
            fix="Give Markdown, HTML, PDF with text in it, or plain text in UTF-8, of at most 50 MB.",
        )


def read_passages(folder: Path, *, sample: bool = False) -> Iterator[Passage]:
    """Yield the passages of every document below a folder, in order of path.

    Hidden files are left out, and so are folders that are only linked.

    Raises:
        DocumentUnreadable: one of the documents cannot be read.
    """
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() not in KINDS or hidden:
            continue
        if path.is_symlink() and not path.exists():
            raise DocumentUnreadable(path, "it is a link that leads nowhere, or to itself")
        if path.is_file():
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
        place = slug(section.heading)
        source = f"{name}#{place}" if place else name
        heading = f"{title} › {section.heading}" if section.heading and section.heading != title else title
        for text in cut(section.text):
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
        text = _text(path)
    except OSError as error:
        raise DocumentUnreadable(path, error.strerror or "it cannot be opened") from None
    if "\x00" in text:
        raise DocumentUnreadable(path, "it is a binary file")
    if kind == "markdown":
        return _markdown(text, path.stem)
    if kind == "html":
        from domains.webpages import read_webpage  # its parser costs every start a tenth of a second

        title, sections = read_webpage(text)
        return title or path.stem, sections
    return path.stem, [Section("", text)]


def _text(path: Path) -> str:
    body = path.read_bytes()
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DocumentUnreadable(path, "it is UTF-16, not UTF-8")
    try:
        return body.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        reason = f"byte {error.start} is not UTF-8 (0x{body[error.start]:02x} in line {line})"
        raise DocumentUnreadable(path, reason) from None


def _markdown(text: str, stem: str) -> tuple[str, list[Section]]:
    """Cut at headings outside of code; the front matter or the first heading of level 1 has the title."""
    title = ""
    front = _FRONT_MATTER.match(text)
    if front:
        named = _FRONT_TITLE.search(front.group(1))
        title, text = named.group(1) if named else "", text[front.end() :]
    found, lines, heading, fence = [], list[str](), "", ""
    for line in text.splitlines():
        fence = _fence(line, fence)
        level, next_heading = (0, "") if fence else _heading(line, lines)
        if not level:
            lines.append(line)
            continue
        found.append(Section(heading, "\n".join(lines)))
        heading, lines = next_heading, []
        if level == 1 and not title:
            title = heading
    found.append(Section(heading, "\n".join(lines)))
    return title or stem, [section for section in found if section.text.strip()]


def _fence(line: str, open_fence: str) -> str:
    """Return the fence that is open after a line; only one of its own kind closes it."""
    mark = line.lstrip()[:3]
    if open_fence:
        return "" if mark == open_fence else open_fence
    return mark if mark in ("```", "~~~") else ""


def _heading(line: str, before: list[str]) -> tuple[int, str]:
    """Return level and text of a heading; one that the line underlines is taken off the lines before."""
    match = _HEADING.match(line)
    if match:
        return len(match.group(1)), match.group(2)
    stands_alone = before and before[-1].strip() and (len(before) == 1 or not before[-2].strip())
    if stands_alone and _UNDERLINE.match(line) and not before[-1].startswith((" ", "\t", "|", "-", ">")):
        return (1 if line[0] == "=" else 2), before.pop().strip()
    return 0, ""


def _pdf(path: Path) -> tuple[str, list[Section]]:
    from pypdf import PdfReader

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentUnreadable(path, "it is encrypted")  # noqa: TRY301 - told as it is
        title = str((reader.metadata and reader.metadata.title) or path.stem)
        pages = [Section(f"page {n}", page.extract_text()) for n, page in enumerate(reader.pages, start=1)]
    except (AgentError, OSError):
        raise
    except Exception as error:  # pypdf raises whatever a damaged file leads it to
        raise DocumentUnreadable(path, f"it is a broken PDF ({type(error).__name__})") from error
    pages = [page for page in pages if page.text.strip()]
    if not pages:
        raise DocumentUnreadable(path, "it holds pictures of pages and no text")
    return title, pages
