"""Decides whether an answer may leave."""

from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Draft, Verdict, VerdictGiven


async def judge(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Accept, ask for another draft, or refuse; what leaves in the end is the best draft, not the last."""
    domain = context.services.domain
    draft = state.draft
    assert draft is not None, "generator runs first"
    verdict = await _judge(state, context)
    best = _better(state.best, (draft, verdict))
    if verdict.decision == "accept" or state.tries > domain.judge.revise_at_most:
        draft, verdict = best
        if verdict.decision == "revise":
            refuses = verdict.score < domain.judge.refuse_below
            verdict = verdict.model_copy(update={"decision": "refuse" if refuses else "accept"})
    context.log.add(VerdictGiven, verdict=verdict, attempt=state.tries)
    return {"verdict": verdict, "best": best, "draft": draft}


async def _judge(state: GraphState, context: GraphContext) -> Verdict:
    """Hold the draft against the rules, and ask the model where there is one and the rules have no objection.

    What the rules find certain, no model talks away: its scores stand beside theirs.
    """
    domain, local = context.services.domain, context.services.local.judge
    floor = await local.judge(state, domain)
    if context.skills.judge is local or floor.grade == "fail":
        return floor
    verdict = await context.skills.judge.judge(state, domain)
    criteria = {**floor.criteria, **verdict.criteria}
    return verdict.model_copy(update={"criteria": criteria, "grade": floor.grade})


def _better(old: tuple[Draft, Verdict] | None, new: tuple[Draft, Verdict]) -> tuple[Draft, Verdict]:
    """Return the better draft; the earlier one when they are equal."""
    return new if old is None or _rank(new[1]) > _rank(old[1]) else old


def _rank(verdict: Verdict) -> tuple[bool, bool, float]:
    """Order: what breaks no rule, then what was accepted, then the score."""
    return verdict.grade != "fail", verdict.decision == "accept", verdict.score
