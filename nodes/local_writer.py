"""The local writing skill: quotes the sentences that answer, each with its source; never shown as an LLM."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domains.model import Domain
from graph.state import GraphState
from memory.records import Citation, Draft, PassageHit
from memory.text import clip, is_step, sentences, terms
from tools.catalog import ToolResult

ANSWERED = 0.34
"""Share of the question's weight that the best passage must hold; below, the answer is not there."""

WORDS = 130
"""Longest answer (words) before a sentence is left out."""

FIRST_UNITS, MORE_UNITS = 3, 5
"""Pieces quoted in the first draft, and when the judge found something missing."""

NEAR_BEST, SAME_SECTION = 0.55, 0.35
"""Share of the best score that a further piece needs, and one of the same section, which reads on."""

PASSAGE_WEIGHT = 1.0
TITLE_WEIGHT = 0.25
"""How much the passage's rank and its title count beside the words of the piece itself."""

MISSING = re.compile(r"^Cover: (.+)$")
"""The judge's feedback that names what was left out."""


@dataclass(frozen=True)
class Unit:
    """A sentence, or a list with the line that leads to it."""

    hit: PassageHit
    position: int
    lines: tuple[str, ...]
    words: frozenset[str]


class LocalWriter:
    """Extractive: every sentence stands in a passage, word for word."""

    name = "local:extractive"

    async def write(self, state: GraphState, domain: Domain) -> Draft:
        """Quote what covers the question best; say so when nothing does."""
        tools = [result for result in state.tool_results or [] if result.error is None]
        hits = state.passages or []
        asked = terms(_question(state)) + [term for value in _values(state) for term in terms(value)]
        missing = _missing(state)
        weights = _weights(asked, hits, missing)
        units = _choose(hits, weights, most=MORE_UNITS if missing else FIRST_UNITS)
        if not units and not tools:
            return Draft(text=domain.replies.off_topic, abstained=True, skill=self.name)
        text, citations = _compose(tools, units)
        return Draft(text=text, citations=citations, skill=self.name)


def _question(state: GraphState) -> str:
    """Return what is asked; a follow-up that names nothing asks for what was searched in its place."""
    is_led = state.guidance is not None and state.guidance.led_by is not None
    return state.search_query if is_led else state.query


def _values(state: GraphState) -> Iterable[str]:
    return state.analysis.entities.values() if state.analysis else ()


def _missing(state: GraphState) -> frozenset[str]:
    """Return the terms that the judge missed in the last draft."""
    lines = state.verdict.feedback if state.verdict else []
    found = (match.group(1) for line in lines if (match := MISSING.match(line)))
    return frozenset(term for words in found for term in terms(words))


def _weights(asked: list[str], hits: list[PassageHit], missing: frozenset[str]) -> dict[str, float]:
    """Weigh each term of the question by how few of the passages have it (inverse document frequency)."""
    seen = Counter(term for hit in hits for term in set(terms(f"{hit.passage.title} {hit.passage.text}")))
    return {
        term: math.log(1 + (len(hits) + 1) / (max(seen[term], 1) + 0.5)) * (2 if term in missing else 1)
        for term in set(asked)
    }


def _choose(hits: list[PassageHit], weights: dict[str, float], *, most: int) -> list[Unit]:
    """Pick pieces greedily: the best one, then those that add words of the question not yet covered."""
    total = sum(weights.values())
    if not hits or not total:
        return []
    held = max(_share(_passage_words(hit), weights, total) for hit in hits)
    if held < ANSWERED:
        return []
    scored = [(_score(unit, weights, total), unit) for hit in hits for unit in _units(hit)]
    if not scored:  # titles alone quote nothing
        return []
    scored.sort(key=lambda pair: (-pair[0], -pair[1].hit.score, pair[1].position))
    best, chosen = scored[0][0], [scored[0][1]]
    covered, length = set(scored[0][1].words), _length(scored[0][1])
    for score, unit in scored[1:]:
        if len(chosen) == most:
            break
        reads_on = unit.hit is chosen[0].hit
        if score < (SAME_SECTION if reads_on else NEAR_BEST) * best:
            continue
        adds = any(term in weights and term not in covered for term in unit.words)
        if (adds or reads_on) and length + _length(unit) <= WORDS:
            chosen.append(unit)
            covered |= unit.words
            length += _length(unit)
    order = {id(hit): rank for rank, hit in enumerate(hits)}
    return sorted(chosen, key=lambda unit: (order[id(unit.hit)], unit.position))


def _score(unit: Unit, weights: dict[str, float], total: float) -> float:
    title = _share(frozenset(terms(unit.hit.passage.title)), weights, total)
    return _share(unit.words, weights, total) + TITLE_WEIGHT * title + PASSAGE_WEIGHT * unit.hit.score


def _share(words: Iterable[str], weights: dict[str, float], total: float) -> float:
    return sum(weights.get(word, 0.0) for word in words) / total


def _passage_words(hit: PassageHit) -> frozenset[str]:
    return frozenset(terms(f"{hit.passage.title} {hit.passage.text}"))


def _length(unit: Unit) -> int:
    return sum(len(line.split()) for line in unit.lines)


def _units(hit: PassageHit) -> Iterator[Unit]:
    """Cut a passage into sentences; the steps of a list stay together with the line before them."""
    lines = sentences(hit.passage.text)
    start = 0
    while start < len(lines):
        end = start + 1
        if end < len(lines) and is_step(lines[end]):
            while end < len(lines) and is_step(lines[end]):
                end += 1
        piece = tuple(lines[start:end])
        yield Unit(hit, start, piece, frozenset(terms(" ".join(piece))))
        start = end


def _compose(tools: list[ToolResult], units: list[Unit]) -> tuple[str, list[Citation]]:
    """Write the answer: tool results first, then the quoted pieces, every line with its number."""
    citations: dict[str, Citation] = {}
    paragraphs: list[str] = []
    for result in tools:
        source = f"tool:{result.tool}"
        citation = _cite(citations, source, f"Tool {result.tool}", source, result.text)
        paragraphs.append(f"{result.text} [{citation.number}]")
    last: PassageHit | None = None
    for unit in units:
        passage = unit.hit.passage
        quote = "\n".join(unit.lines)
        citation = _cite(
            citations, passage.passage_id, passage.title, passage.source, quote, sample=passage.sample
        )
        lines = [f"{line} [{citation.number}]" for line in unit.lines]
        text = "\n".join(lines)
        if last is unit.hit and len(lines) == 1 and "\n" not in paragraphs[-1]:
            paragraphs[-1] = f"{paragraphs[-1]} {text}"
        else:
            paragraphs.append(text)
        last = unit.hit
    return "\n\n".join(paragraphs), list(citations.values())


QUOTE_CHARACTERS = 600


def _cite(
    citations: dict[str, Citation],
    passage_id: str,
    title: str,
    source: str,
    quote: str,
    *,
    sample: bool = False,
) -> Citation:
    """Number a source at its first use; a further quote of it joins the first."""
    old = citations.get(passage_id)
    joined = f"{old.quote} … {quote}" if old else quote
    citations[passage_id] = Citation(
        number=old.number if old else len(citations) + 1,
        passage_id=passage_id,
        title=title,
        source=source,
        quote=clip(joined, QUOTE_CHARACTERS),
        sample=sample,
    )
    return citations[passage_id]
