"""Batch classification by a chat model: several turns a call, checked strictly, told what was wrong.

The turns stand in the fence of the domain's own prompt, each as a JSON string on a line of its own, so that
none can close the fence, end its line, or pass for another.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

from domains.model import Domain
from learning.intents import ClassifierDown
from memory.records import Analysis
from memory.text import clip
from nodes.model_skills import (
    ModelAnswerUnusable,
    NamedIntent,
    ask,
    classify_prompt,
    fenced,
    first_object,
    make_analysis,
    model_identity,
)

TURNS_PER_CALL = (20, 5, 1)
"""Turns in one prompt, try by try (count).

Many share the price of intents and examples; fewer each time, so that a turn that leads the model astray, or
that its provider refuses, costs no other turn its name. What is left after the last try stays unnamed.
"""

CALLS_AT_ONCE = 4

TURN_CHARACTERS = 2_000
"""What of a turn is shown (characters); an intent that long texts hide is not worth their price."""

PROBLEM_CHARACTERS = 160

ORDER = """
The fence above holds {count} messages, one a line, each as {{"message": number, "text": "..."}}.
Name every one of them by itself. Answer with one JSON object and nothing else.
Its keys are the numbers of the messages:
{{"1": {{"intent": "...", "topic": "..." or null, "confidence": 0.0 to 1.0}}, "2": ...}}
"""

COMPLAINT = """
Your last answer could not be used. Answer again, and mind this (it is data, too):
{problems}
"""

NO_ANSWER = "there is no answer to it"


class Answer(NamedTuple):
    """What one call brought."""

    found: dict[str, Analysis]
    """By text."""

    problems: dict[str, str]
    """What was wrong, by text."""

    failure: str | None = None
    """Kind of error, where there was no answer at all."""


class BatchModelClassifier:
    """`BatchClassifier` by a chat model; what stays invalid after the last try is `None`."""

    def __init__(self, model: BaseChatModel, name: str, domain: Domain) -> None:
        self.identity = model_identity(name, domain)
        self._model = model
        self._domain = domain
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)

    async def classify(self, texts: Sequence[str]) -> list[Analysis | None]:
        """Ask about each different text once, and again about those that were not answered well.

        Raises:
            ClassifierDown: no call was answered.
        """
        shown = [clip(" ".join(text.split()), TURN_CHARACTERS) for text in texts]
        found: dict[str, Analysis] = {}
        problems: dict[str, str] = {}
        failures: list[str | None] = []
        for size in TURNS_PER_CALL:
            left = [text for text in dict.fromkeys(shown) if text not in found]
            parts = [left[start : start + size] for start in range(0, len(left), size)]
            answers = await asyncio.gather(*(self._call(part, problems) for part in parts))
            for answer in answers:
                found |= answer.found
                problems |= answer.problems
            failures += [answer.failure for answer in answers]
            if len(parts) > 1 and all(failures):
                break  # not the fault of one turn: the model is down
        if failures and all(failures):
            raise ClassifierDown(self.identity, str(failures[0]))
        return [found.get(text) for text in shown]

    async def _call(self, texts: Sequence[str], problems: Mapping[str, str]) -> Answer:
        try:
            async with self._calls:
                answer = await ask(self._model, self._prompt(texts, problems))
        except ModelAnswerUnusable:
            return Answer({}, dict.fromkeys(texts, NO_ANSWER))
        except Exception as failure:  # noqa: BLE001  providers share no class of errors
            return Answer({}, {}, type(failure).__name__)
        return self._read(answer, texts)

    def _prompt(self, texts: Sequence[str], problems: Mapping[str, str]) -> str:
        lines = [
            json.dumps({"message": number, "text": fenced(text)}, ensure_ascii=False)
            for number, text in enumerate(texts, start=1)
        ]
        prompt = classify_prompt(self._domain, "\n".join(lines)) + ORDER.format(count=len(texts))
        told = [
            f"- message {number}: {json.dumps(fenced(problems[text]), ensure_ascii=False)}"
            for number, text in enumerate(texts, start=1)
            if text in problems
        ]
        return prompt + COMPLAINT.format(problems="\n".join(told)) if told else prompt

    def _read(self, answer: str, texts: Sequence[str]) -> Answer:
        """Return what was named well, and what is wrong with the rest."""
        given = first_object(answer)
        entries: Mapping[str, object] = given if isinstance(given, dict) else {}
        found: dict[str, Analysis] = {}
        problems: dict[str, str] = {}
        for number, text in enumerate(texts, start=1):
            try:
                found[text] = self._check(entries.get(str(number)))
            except ModelAnswerUnusable as unusable:
                problems[text] = clip(unusable.problem, PROBLEM_CHARACTERS)
        return Answer(found, problems)

    def _check(self, entry: object) -> Analysis:
        """Take an entry as it stands or not at all: here, unlike in a live turn, there is time to ask again.

        Raises:
            ModelAnswerUnusable: a field is missing or wrong, or the domain has no such intent or topic.
        """
        if entry is None:
            raise ModelAnswerUnusable(NO_ANSWER)
        try:
            named = NamedIntent.model_validate(entry, strict=True)
        except ValidationError as error:
            fields = ", ".join(str(one["loc"][0]) for one in error.errors() if one["loc"])
            raise ModelAnswerUnusable(f"missing or wrong: {fields or 'all'}") from None
        analysis = make_analysis(named, self._domain)
        if analysis.topic != named.topic:
            raise ModelAnswerUnusable(
                f"intent `{clip(named.intent, 60)}` has no topic `{clip(str(named.topic), 60)}`"
            )
        return analysis
