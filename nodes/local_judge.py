"""The local judging skill: rules that can be checked, and a screen for what a source does not say."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from domains.model import Domain
from graph.state import GraphState
from memory.checks import form_problems, tone_problems, without_judgements
from memory.records import Draft, Grade, Verdict
from memory.redact import redact
from memory.support import names_of, numbers_of, support, words_of
from memory.text import WORD, sentences, terms

CITATION = re.compile(r"\[(\d{1,3})\]")

STEP_NUMBER = re.compile(r"^\s*\d+[.)](?=\s)", re.MULTILINE)

PARAPHRASED = 0.6
"""Share of a sentence's words that its sources must hold when it is not quoted word for word."""

ON_TOPIC = 0.5
"""Share of the question's words from which an answer is fully on topic."""

BROKEN = 0.5
"""What a broken rule of form, tone or safety leaves of the score."""

STEPS = re.compile(r"\b(?:step by step|what steps|which steps|list (?:all|the|every))\b", re.IGNORECASE)
"""A question that wants a list."""

QUESTION_PARTS = re.compile(
    r"[?;]\s+|,?(?<!\s)\s++(?:and|or) (?=(?:what|why|how|when|where|which|who|is|are|do|does|can)\b)"
)
"""Where one question ends and the next begins."""


@dataclass(frozen=True)
class Answer:
    """An answer with what it can be held against."""

    text: str
    """Without what it says to its judge."""

    query: str
    sources: dict[int, str]
    """Full text behind each citation number: title and passage, or the tool's result."""

    @cached_property
    def lines(self) -> list[str]:
        """Sentences that say something."""
        return [line for line in sentences(self.text) if WORD.search(CITATION.sub("", line))]

    @cached_property
    def ungrounded(self) -> list[str]:
        """Lines that no cited source says, nor any source when none is cited."""
        return [line for line in self.lines if not self._is_grounded(line)]

    @cached_property
    def uncited(self) -> list[str]:
        """Lines without a citation, or with one that stands for no source."""
        return [line for line in self.lines if not self._is_cited(line)]

    @cached_property
    def invented(self) -> list[str]:
        """Figures and names that stand in no source and not in the question."""
        known = "\n".join((self.query, *self.sources.values()))
        return sorted(self.new_numbers | (names_of(self.bare) - words_of(known)))

    @cached_property
    def bare(self) -> str:
        """The text without citations and without the numbers of steps."""
        return STEP_NUMBER.sub("", CITATION.sub("", self.text))

    @cached_property
    def new_numbers(self) -> set[str]:
        """Figures that stand in no source and not in the question."""
        return numbers_of(self.bare) - numbers_of("\n".join((self.query, *self.sources.values())))

    @cached_property
    def is_quoted(self) -> bool:
        """Every line stands word for word in a source that it cites."""
        return bool(self.lines) and all(self._is_cited(line) and self._is_quote(line) for line in self.lines)

    @cached_property
    def left_out(self) -> set[str]:
        """Words of the question that neither the answer nor its sources hold."""
        held = {term for text in (self.text, *self.sources.values()) for term in terms(text)}
        return set(terms(self.query)) - held

    @cached_property
    def unanswered(self) -> list[str]:
        """Parts of the question, when it has several, of which nothing is taken up."""
        held = {term for text in (self.text, *self.sources.values()) for term in terms(text)}
        parts = [part.strip(" ?;") for part in QUESTION_PARTS.split(self.query)]
        asked = [part for part in parts if len(terms(part)) > 1]
        return [part for part in asked if not held & set(terms(part))] if len(asked) > 1 else []

    def _cited(self, line: str) -> list[str]:
        return [self.sources[number] for number in _numbers(line) if number in self.sources]

    def _is_cited(self, line: str) -> bool:
        numbers = _numbers(line)
        return bool(numbers) and all(number in self.sources for number in numbers)

    def _is_quote(self, line: str) -> bool:
        bare = " ".join(CITATION.sub("", line).split())
        return any(bare in " ".join(text.split()) for text in self._cited(line) or self.sources.values())

    def _is_grounded(self, line: str) -> bool:
        """Hold: a source has the line word for word, or most of its words and every number."""
        if self._is_quote(line):
            return True
        bare = CITATION.sub("", line)
        words = set(terms(bare))
        for text in self._cited(line) or self.sources.values():
            is_held = words and len(words & set(terms(text))) / len(words) >= PARAPHRASED
            if is_held and numbers_of(bare) <= numbers_of(text):
                return True
        return False


class LocalJudge:
    """Holds a draft against its own sources and the question.

    It scores the criteria of the rubric that it knows; all of its own when it knows none of them. Form,
    tone and safety are no matter of weight: a broken rule halves the score and sends the draft back.
    """

    name = "local:rules"

    async def judge(self, state: GraphState, domain: Domain) -> Verdict:
        """Score each known criterion of the rubric (0 to 1) and say what to do better."""
        draft = state.draft
        assert draft is not None, "generator runs first"
        if draft.abstained:
            return Verdict(decision="accept", score=domain.judge.accept_at, skill=self.name)
        answer = Answer(without_judgements(draft.text), state.query, _sources(state, draft))
        known = _criteria(answer, domain.judge.rubric)
        wanted = known.keys() & domain.judge.rubric.keys() or known.keys() - {"supported"}
        criteria = {name: round(known[name], 3) for name in known if name in wanted}
        score = _mean(criteria, domain.judge.rubric)
        problems = _problems(answer, draft.text)
        floor = {name: 1.0 - bool(found) for name, found in problems.items()}
        if not all(floor.values()):
            score *= BROKEN
        accepted = (
            score >= domain.judge.accept_at and known["grounded"] >= PARAPHRASED and all(floor.values())
        )
        return Verdict(
            decision="accept" if accepted else "revise",
            score=round(score, 3),
            criteria=criteria | floor,
            feedback=[] if accepted else [*_feedback(answer), *chain.from_iterable(problems.values())],
            skill=self.name,
            grade=_grade(answer, floor),
        )


def _criteria(answer: Answer, rubric: dict[str, float]) -> dict[str, float]:
    """Score what can be counted; `supported` only where the rubric names it, since it costs the most."""
    lines, asked = len(answer.lines), len(set(terms(answer.query)))
    covered = 1 - len(answer.left_out) / asked if asked else 1.0
    known = {
        "grounded": 1 - len(answer.ungrounded) / lines if lines else 0.0,
        "cited": 1 - len(answer.uncited) / lines if lines else 0.0,
        "complete": covered / (1 + len(answer.unanswered)),
        "on_topic": min(1.0, covered / ON_TOPIC),
        "faithful": 1 / (1 + len(answer.invented)),
    }
    if "supported" in rubric:
        evidence = [line for text in answer.sources.values() for line in sentences(text)]
        known["supported"] = support(CITATION.sub("", answer.text), evidence)
    return known


def _problems(answer: Answer, text: str) -> dict[str, list[str]]:
    """Say which rule is broken, by criterion."""
    wants_list = STEPS.search(answer.query) and len(answer.lines) == 1 and len(WORD.findall(text)) > 40
    return {
        "well_formed": [
            *form_problems(answer.text),
            *(["Answer with a list."] if wants_list else []),
        ],
        "courteous": tone_problems(answer.text),
        "safe": ["Leave out secrets and personal data."] if redact(text) != text else [],
    }


def _grade(answer: Answer, floor: dict[str, float]) -> Grade:
    """Say what is certain: opinions and shares of words are not."""
    stray = any(number not in answer.sources for number in _numbers(answer.text))
    if stray or not all(floor.values()) or not answer.lines or answer.new_numbers:
        return "fail"
    return "pass" if answer.is_quoted else "unknown"


def _sources(state: GraphState, draft: Draft) -> dict[int, str]:
    """Return the full text behind each citation number: title and passage, or the tool's result."""
    texts = {
        hit.passage.passage_id: f"{hit.passage.title}\n{hit.passage.text}" for hit in state.passages or []
    }
    texts |= {f"tool:{result.tool}": result.text for result in state.tool_results or []}
    return {c.number: texts[c.passage_id] for c in draft.citations if c.passage_id in texts}


def _numbers(line: str) -> list[int]:
    return [int(number) for number in CITATION.findall(line)]


def _mean(criteria: dict[str, float], rubric: dict[str, float]) -> float:
    weights = {name: rubric.get(name, 1.0) for name in criteria}
    return sum(score * weights[name] for name, score in criteria.items()) / sum(weights.values())


def _feedback(answer: Answer) -> list[str]:
    """Return instructions to the writer, as data that it gets fenced."""
    feedback = [f"Cover: {', '.join(sorted(answer.left_out))}"] if answer.left_out else []
    feedback += [f"Answer also: {part}" for part in answer.unanswered]
    if answer.uncited:
        feedback.append("Cite every sentence with the number of its passage.")
    if answer.ungrounded:
        feedback.append("Leave out what no passage says.")
    if answer.invented:
        feedback.append(f"No source has: {', '.join(answer.invented[:8])}")
    return feedback
