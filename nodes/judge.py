"""Decides whether an answer may leave."""

from graph.state import GraphContext, GraphState, GraphUpdate
from memory.records import Draft, Verdict, VerdictGiven


async def judge(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Accept, ask for another draft, or refuse; when the tries are spent the best draft so far decides."""
    domain = context.services.domain
    draft = state.draft
    assert draft is not None, "generator runs first"
    verdict = await context.skills.judge.judge(state, domain)
    best = _better(state.best, (draft, verdict))
    if verdict.decision == "revise" and state.tries > domain.judge.revise_at_most:
        draft, verdict = best
        refuses = verdict.score < domain.judge.refuse_below
        verdict = verdict.model_copy(update={"decision": "refuse" if refuses else "accept"})
    context.log.add(VerdictGiven, verdict=verdict, attempt=state.tries)
    return {"verdict": verdict, "best": best, "draft": draft}


def _better(old: tuple[Draft, Verdict] | None, new: tuple[Draft, Verdict]) -> tuple[Draft, Verdict]:
    """Return the draft with the higher score; the earlier one when they are equal."""
    return new if old is None or new[1].score > old[1].score else old
