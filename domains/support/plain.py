"""Turns the HTML of the service models into plain paragraphs and list items."""

import re
from html.parser import HTMLParser

BLOCKS = frozenset({"p", "li", "ul", "ol", "dl", "dt", "dd", "note", "important", "div", "br", "fullname"})
"""Tags that end a paragraph; all others stand inside one."""

POINTER = re.compile(
    r"(?:^|(?<=[.!?:)] ))(?:For\b[^.:]{3,160}?\b(?:see|go to|refer to)\b|To learn more\b|"
    r"See also\b|See the\b).*?(?:\.(?=\s|$)|:?$)"
)
"""A sentence that only points to a page elsewhere; its link is gone, so nothing is left to cite."""

MOST_WORDS_OF_A_LINK = 6

SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)\s+(?=[A-Z(\"'])")


class _Blocks(HTMLParser):
    """Collects the text of one fragment, block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._text: list[str] = []
        self._is_item = False
        self._is_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS:
            self._flush()
            self._is_item = self._is_item or tag == "li"
            self._is_heading = tag == "dt"

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._flush()
            self._is_item = self._is_item and tag != "li"

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        text = _tidy("".join(self._text))
        self._text.clear()
        if text:
            heading = f"{text.rstrip(':.')}:"
            self.found.append(heading if self._is_heading else f"- {text}" if self._is_item else text)
            self._is_item = self._is_heading = False


def paragraphs(html: str) -> list[str]:
    """Return the paragraphs of an HTML fragment; items of lists start with `- `, headings end in `:`."""
    reader = _Blocks()
    reader.feed(html)
    reader.close()
    kept: list[str] = []
    links = False
    for block in reader.found:
        text = _without_pointers(block)
        links = (links and _is_link(block)) or (not text and block.endswith(":"))
        if text and not links:
            kept.append(text)
    return kept


def sentences(text: str) -> list[str]:
    """Cut a text after each sentence."""
    return SENTENCE_END.split(text)


def first_sentence(text: str) -> str:
    """Return the first sentence, without the dash of a list item."""
    return sentences(text.removeprefix("- "))[0]


def words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"(?<=[\w)'\"`]) ([.,;:)])(?=\s|$)", r"\1", text)


def _is_link(block: str) -> bool:
    """Tell whether a list item is no more than a name, as below "see the following:"."""
    return block.startswith("- ") and words(block) <= MOST_WORDS_OF_A_LINK


def _without_pointers(block: str) -> str:
    text = re.sub(r"\s+", " ", POINTER.sub("", block)).strip()
    return "" if text in {"-", "."} else text
