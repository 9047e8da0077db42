"""The judging node: best of all drafts, rules before opinions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import pytest

from domains.model import Domain
from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Verdict
from nodes.judge import judge
from nodes.local_judge import LocalJudge
from tests.nodes.parts import HITS, context, draft
from tests.turns import DOMAIN, state

pytestmark = pytest.mark.anyio
GOOD, POOR, BROKEN = "Stop the pump and change the seal. [1]", "Hit it. [1]", "Wait 45 hours. [1]"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Opinion:
    """A model's judge that says the same of everything and counts how often it is asked."""

    verdict: Verdict
    asked: int = 0

    async def judge(self, state: GraphState, domain: Domain) -> Verdict:
        self.asked += 1
        return self.verdict


def with_judge(other: Opinion) -> GraphContext:
    made = context()
    return replace(made, skills=replace(made.skills, judge=other))


async def judged(texts: Sequence[str], made: GraphContext) -> list[GraphUpdate]:
    """Judge one draft after the other, as the graph does while the node asks for more."""
    now = state(query="What to do about a leaking seal?", passages=HITS)
    updates: list[GraphUpdate] = []
    for tries, text in enumerate(texts, 1):
        now = replace(now, draft=draft(text, "seal-1"), tries=tries)
        updates.append(await judge(now, made))
        now = replace(now, **updates[-1])
        if updates[-1]["verdict"].decision != "revise":
            break
    return updates


async def score(text: str) -> float:
    alone = state(query="What to do about a leaking seal?", passages=HITS, draft=draft(text, "seal-1"))
    return (await LocalJudge().judge(alone, DOMAIN)).score


async def test_what_leaves_is_never_worse_than_the_first_draft_whatever_the_rewrites_are() -> None:
    for texts in product((GOOD, POOR, BROKEN, "TODO", "Drops show below the pump P1. [1]"), repeat=3):
        last = (await judged(texts, context()))[-1]
        left = last["draft"]
        assert left is not None
        assert await score(left.text) >= await score(texts[0]), texts


async def test_the_best_draft_leaves_when_the_last_is_worse() -> None:
    middling = "A leaking seal shows as drops. Hit the pump. Paint the pump. [1]"
    last = (await judged([middling, BROKEN, BROKEN], context()))[-1]

    assert last["draft"] is not None and last["draft"].text == middling
    assert last["verdict"].decision in ("accept", "refuse")


async def test_a_model_that_likes_everything_cannot_pass_what_breaks_a_rule() -> None:
    fan = Opinion(Verdict(decision="accept", score=1.0))
    updates = await judged([BROKEN, GOOD], with_judge(fan))

    assert updates[0]["verdict"].decision == "revise"
    assert updates[-1]["draft"] is not None and updates[-1]["draft"].text == GOOD
    assert fan.asked == 1, "the rules alone sent the first back"


async def test_the_grade_comes_from_rules_and_never_from_a_model() -> None:
    critic = Opinion(Verdict(decision="accept", score=0.9, criteria={"grounded": 0.9}, grade="fail"))
    verdict = (await judged([GOOD], with_judge(critic)))[-1]["verdict"]

    assert (verdict.grade, verdict.score, verdict.criteria["grounded"]) == ("pass", 0.9, 0.9)
    assert verdict.criteria["well_formed"] == 1
