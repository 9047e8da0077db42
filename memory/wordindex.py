"""Searching passages by their words: BM25 over stems, in tantivy."""

import math
from collections.abc import Sequence
from pathlib import Path

import tantivy

from memory.records import Passage
from memory.text import WORD, stem, terms

CANDIDATES = 100
"""Passages that each search contributes to the fusion; 50 found less on AWS questions, 200 no more."""

TITLE_TIMES = 2
"""How often the words of a title count, in one field with the text.

Once finds less on AWS questions (fused nDCG@10 0.864, twice 0.870), and less in the project's own domains; a
title as a field of its own, boosted by 0.2 or 0.4, found less too (0.857, 0.837). Pairs of words found less.
"""

MOST_TERMS = 64
"""Different words of a question that are looked up; a pasted log is no better found by its thousands."""

PIECE_SIGNS = str.maketrans("-.'/_", "     ")
"""What joins the pieces of a compound word."""

MOST_OF_A_TERM = 2.2
"""Times its rarity that a term is worth at most: k1 + 1 of BM25, k1 as tantivy has it."""


class WordIndex:
    """A word index opened for reading; shared by threads."""

    def __init__(self, folder: Path) -> None:
        index = tantivy.Index.open(str(folder))
        self._searcher = index.searcher()
        self._schema = index.schema

    def search(self, query: str) -> dict[int, float]:
        """Return the best passages by number, each with its share of the most that BM25 gives (0 to 1).

        The question is cut into terms here, so nothing in it is query syntax. Theoretical maximum as in
        Bruch et al. 2023 (arXiv 2210.11934): where even the best passage lacks words of the question, words
        count less beside meaning.
        """
        different = list(dict.fromkeys(index_terms(query)))[:MOST_TERMS]
        asked = [term for term in different if self._holders(term)]
        clauses = [
            (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "words", term)) for term in asked
        ]
        if not clauses:
            return {}
        most = sum(MOST_OF_A_TERM * self._rarity(term) for term in asked)
        found = self._searcher.search(tantivy.Query.boolean_query(clauses), CANDIDATES, count=False).hits
        return {self._searcher.doc(place)["number"][0]: min(1.0, score / most) for score, place in found}

    def _holders(self, term: str) -> int:
        return int(self._searcher.doc_freq("words", term))

    def _rarity(self, term: str) -> float:
        """Return the inverse document frequency, as BM25 takes it."""
        holders = self._holders(term)
        return math.log1p((self._searcher.num_docs - holders + 0.5) / (holders + 0.5))


def write_words(folder: Path, passages: Sequence[Passage]) -> None:
    """Write the word index; terms are stemmed here and stored as they are, so query and text agree.

    Raises:
        ValueError: what tantivy makes of a full disk.
    """
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("number", stored=True)
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    index = tantivy.Index(builder.build(), path=str(folder))
    writer = index.writer(num_threads=1)
    for number, passage in enumerate(passages):
        document = tantivy.Document()
        document.add_unsigned("number", number)
        document.add_text("words", passage_words(passage))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def passage_words(passage: Passage) -> str:
    """Return the terms of title and text, separated by spaces."""
    return " ".join(index_terms(passage.title) * TITLE_TIMES + index_terms(passage.text))


def index_terms(text: str) -> list[str]:
    """Return the terms of a text, compounds in pieces too: `interleukin 2` finds `IL-2` by its 2.

    On SciFact the pieces are worth 0.02 nDCG@10 of the word search.
    """
    compounds = (word.translate(PIECE_SIGNS).split() for word in WORD.findall(text))
    return [*terms(text), *(stem(piece) for pieces in compounds if len(pieces) > 1 for piece in pieces)]
