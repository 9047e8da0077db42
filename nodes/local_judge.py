"""The local judging skill: rules that can be checked, no opinion."""

import re

from domains.model import Domain
from graph.state import GraphState
from memory.records import Draft, Verdict
from memory.text import WORD, sentences, terms

CITATION = re.compile(r"\[(\d{1,3})\]")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

PARAPHRASED = 0.6
"""Share of a sentence's words that its sources must hold when it is not quoted word for word."""

ON_TOPIC = 0.5
"""Share of the question's words from which an answer is fully on topic."""


class LocalJudge:
    """Holds a draft against its own sources and the question.

    It scores the criteria of the rubric that it knows; all of its own when it knows none of them.
    """

    name = "local:rules"

    async def judge(self, state: GraphState, domain: Domain) -> Verdict:
        """Score each known criterion of the rubric (0 to 1) and say what to do better."""
        draft = state.draft
        assert draft is not None, "generator runs first"
        if draft.abstained:
            return Verdict(decision="accept", score=domain.judge.accept_at, skill=self.name)
        sources = _sources(state, draft)
        lines = [line for line in sentences(draft.text) if WORD.search(CITATION.sub("", line))]
        ungrounded = [line for line in lines if not _is_grounded(line, sources)]
        uncited = [line for line in lines if not _is_cited(line, sources)]
        asked = set(terms(state.query))
        held = {term for text in (draft.text, *sources.values()) for term in terms(text)}
        left_out = asked - held
        covered = 1 - len(left_out) / len(asked) if asked else 1.0
        known = {
            "grounded": 1 - len(ungrounded) / len(lines) if lines else 0.0,
            "cited": 1 - len(uncited) / len(lines) if lines else 0.0,
            "complete": covered,
            "on_topic": min(1.0, covered / ON_TOPIC),
        }
        wanted = known.keys() & domain.judge.rubric.keys() or known.keys()
        criteria = {name: round(known[name], 3) for name in known if name in wanted}
        score = _mean(criteria, domain.judge.rubric)
        feedback = _feedback(ungrounded, uncited, left_out)
        accepted = score >= domain.judge.accept_at and known["grounded"] >= PARAPHRASED
        return Verdict(
            decision="accept" if accepted else "revise",
            score=round(score, 3),
            criteria=criteria,
            feedback=[] if accepted else feedback,
            skill=self.name,
        )


def _sources(state: GraphState, draft: Draft) -> dict[int, str]:
    """Return the full text behind each citation number: title and passage, or the tool's result."""
    texts = {
        hit.passage.passage_id: f"{hit.passage.title}\n{hit.passage.text}" for hit in state.passages or []
    }
    texts |= {f"tool:{result.tool}": result.text for result in state.tool_results or []}
    return {c.number: texts[c.passage_id] for c in draft.citations if c.passage_id in texts}


def _numbers(line: str) -> list[int]:
    return [int(number) for number in CITATION.findall(line)]


def _is_cited(line: str, sources: dict[int, str]) -> bool:
    numbers = _numbers(line)
    return bool(numbers) and all(number in sources for number in numbers)


def _is_grounded(line: str, sources: dict[int, str]) -> bool:
    """Hold: a cited source has the line word for word, or most of its words and every number."""
    cited = [sources[number] for number in _numbers(line) if number in sources] or list(sources.values())
    bare = " ".join(CITATION.sub("", line).split())
    for text in cited:
        if bare in " ".join(text.split()):
            return True
        held = set(terms(text))
        words = set(terms(bare))
        numbers_held = set(NUMBER.findall(bare)) <= set(NUMBER.findall(text))
        if words and numbers_held and len(words & held) / len(words) >= PARAPHRASED:
            return True
    return False


def _mean(criteria: dict[str, float], rubric: dict[str, float]) -> float:
    weights = {name: rubric.get(name, 1.0) for name in criteria}
    return sum(score * weights[name] for name, score in criteria.items()) / sum(weights.values())


def _feedback(ungrounded: list[str], uncited: list[str], left_out: set[str]) -> list[str]:
    feedback = [f"Cover: {', '.join(sorted(left_out))}"] if left_out else []
    if uncited:
        feedback.append("Cite every sentence with the number of its passage.")
    if ungrounded:
        feedback.append("Leave out what no passage says.")
    return feedback
