"""HTML pages as a reader sees them, in sections."""

import re

from bs4 import BeautifulSoup
from bs4.element import NavigableString

from domains.cutting import Section

UNSEEN = ["script", "style", "noscript", "template", "nav", "svg"]
HEADINGS = ["h1", "h2", "h3"]
LINES = ["li", "tr", "br"]
BLOCKS = ["p", "div", "pre", "section", "article", "table", "ul", "ol", "blockquote"]

_MARK = "\ue000"
"""Stands before a heading once the tags are gone; of the characters that mean nothing by themselves."""

_INDENT = "\ue001"
"""Stands for two spaces before an item of a list within a list."""

_LONE_ITEM_MARK = re.compile(rf"^({_INDENT}*(?:-|\d+\.))\n+", re.MULTILINE)


def read_webpage(html: str) -> tuple[str, list[Section]]:
    """Return the title (empty when there is none) and a section for each heading of level 1 to 3.

    Items of lists begin with `- ` or their number, rows of tables with `| `.
    """
    soup = BeautifulSoup(re.sub(f"[{_MARK}{_INDENT}]", " ", html), "html.parser")
    for unseen in soup(UNSEEN):
        unseen.decompose()
    title = ""
    if soup.title:
        title = " ".join(soup.title.get_text().split())
        soup.title.decompose()
    _fold_spaces(soup)
    _mark_lists_and_tables(soup)
    _part_lines(soup)
    lines = "\n".join(" ".join(line.split()) for line in soup.get_text().split("\n"))
    text = _LONE_ITEM_MARK.sub(r"\1 ", lines).replace(_INDENT, "  ")
    before, *rest = text.split(_MARK)
    sections = [
        ("", before),
        *((heading, text) for heading, _, text in (part.partition("\n") for part in rest)),
    ]
    return title, [Section(heading, text.strip("\n")) for heading, text in sections if text.strip()]


def _fold_spaces(soup: BeautifulSoup) -> None:
    """Turn the ends of lines in the source into spaces, as a page shows them, except in `pre`."""
    for node in soup.find_all(string=True):
        # comments are of a subclass, and are not shown
        if type(node) is NavigableString and node.find_parent("pre") is None:
            node.replace_with(re.sub(r"\s+", " ", node))


def _mark_lists_and_tables(soup: BeautifulSoup) -> None:
    for numbered in soup(["ol", "ul"]):
        indent = _INDENT * len(numbered.find_parents("li"))
        for number, item in enumerate(numbered("li", recursive=False), start=1):
            item.insert(0, f"{indent}{number}. " if numbered.name == "ol" else f"{indent}- ")
    for cell in soup(["td", "th"]):
        cell.insert(0, "| ")
        cell.append(" ")


def _part_lines(soup: BeautifulSoup) -> None:
    for heading in soup(HEADINGS):
        heading.replace_with(f"\n{_MARK}{' '.join(heading.get_text(' ').split())}\n")
    for line in soup(LINES):
        line.insert_before("\n")
    for block in soup(BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
