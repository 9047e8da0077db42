"""Remembers the turn: the session's memory and the user's profile."""

from typing import Any

from graph.state import KEEP_STEPS, KEEP_TURNS, GraphContext, GraphState, GraphUpdate, PastTurn
from memory.errors import StorageFailed
from memory.records import Analysis, Profile
from memory.text import WORD, clip

TERSE_WORDS = 5.0
DETAILED_WORDS = 25.0
"""Mean words a question below and above which a user counts as terse or detailed."""

KEPT_COUNTS = 50
"""Labels and entities kept in a profile, the most frequent ones."""

REPLY_CHARACTERS = 1000
"""How much of a reply is kept as context for the next turn."""


async def memory_updater(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Append the turn; a turn that was understood is a step of the flow and goes into the profile."""
    step = None if state.is_unclear else state.analysis
    label = step.step.label if step else ""
    turn: PastTurn = {
        "query": state.query,
        "reply": clip(state.reply, REPLY_CHARACTERS),
        "label": label,
        "at": context.now().timestamp(),
    }
    update: GraphUpdate = {
        "turns": [*state.turns, turn][-KEEP_TURNS:],
        "unclear_turns": state.unclear_turns + 1 if state.reply_kind == "clarification" else 0,
        "offered": state.offered if state.reply_kind == "clarification" else [],
        "last_reply": _last_reply(state, context),
    }
    if step is None:
        return update
    update["flow"] = [*state.flow, label][-KEEP_STEPS:]
    shown = state.guidance.suggestions if state.guidance else []
    update["suggested"] = [suggestion.label for suggestion in shown]
    if context.services.profiles is not None:
        try:
            await _remember(state, step, context)
        except StorageFailed as failed:  # the session goes on from this turn all the same
            told = f"profile: {failed.code}"
            if told not in context.log.degraded:
                context.log.degraded.append(told)
    return update


def _last_reply(state: GraphState, context: GraphContext) -> dict[str, Any]:
    citations = state.draft.citations if state.draft and state.reply_kind == "answer" else []
    return {
        "request_id": context.request_id,
        "turn": context.turn,
        "reply": state.reply,
        "kind": state.reply_kind,
        "citations": [citation.model_dump(mode="json") for citation in citations],
    }


async def _remember(state: GraphState, analysis: Analysis, context: GraphContext) -> None:
    profiles = context.services.profiles
    assert profiles is not None
    old = state.profile or await profiles.get(context.user)
    words = len(WORD.findall(state.query))
    mean = (old.words_per_question * old.turns + words) / (old.turns + 1)
    await profiles.put(
        Profile(
            user=context.user,
            sessions=old.sessions + (not state.flow),
            turns=old.turns + 1,
            intents=_count(old.intents, [analysis.step.label]),
            entities=_count(old.entities, [f"{kind}:{value}" for kind, value in analysis.entities.items()]),
            style="terse" if mean < TERSE_WORDS else "detailed" if mean > DETAILED_WORDS else "plain",
            words_per_question=round(mean, 2),
            preferences=_preferences(old, analysis),
            updated_at=context.now(),
        )
    )


def _count(counts: dict[str, int], names: list[str]) -> dict[str, int]:
    grown = dict(counts)
    for name in names:
        grown[name] = grown.get(name, 0) + 1
    if len(grown) <= KEPT_COUNTS:
        return grown
    return dict(sorted(grown.items(), key=lambda item: (-item[1], item[0]))[:KEPT_COUNTS])


def _preferences(old: Profile, analysis: Analysis) -> dict[str, str]:
    """A thing that the user names most often is taken for theirs when they name none."""
    usual: dict[str, tuple[int, str]] = {}
    for key, count in _count(old.entities, [f"{k}:{v}" for k, v in analysis.entities.items()]).items():
        kind, _, value = key.partition(":")
        usual[kind] = max(usual.get(kind, (0, "")), (count, value))
    return {kind: value for kind, (count, value) in usual.items() if count >= 3}
