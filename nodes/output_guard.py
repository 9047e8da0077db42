"""Has the last word on what leaves."""

import re

from domains.model import Domain
from graph.state import GraphContext, GraphState, GraphUpdate, Services
from memory.guard import check_output

SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?![\s\[]|$))*(?:[.!?](?: *\[\d{1,3}\])*|\n|$)")
"""A sentence with the citations behind it; a point inside a number or a name ends none."""

REPLIES = {
    "sensitive_data": "The answer held a secret or personal data, so I do not show it. "
    "Ask the owner of the data, or ask me without it.",
    "future_commitment": "I cannot promise what comes. Look at the published release notes, "
    "or ask me what {title} offers today.",
    "competitor_disparagement": "I do not rate other providers. Tell me what you need, "
    "and I will show what {title} offers for it.",
}
"""What the user reads when nothing of an answer is left, by rule; each names the next step."""


async def output_guard(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Form the reply: the guard's own sentence, the accepted draft, or an honest refusal."""
    services = context.services
    if state.blocked_by:
        return {"reply": state.reply}
    replies = services.domain.replies
    if state.draft is None or (state.verdict is not None and state.verdict.decision == "refuse"):
        return {"reply": replies.off_topic, "reply_kind": "refusal"}
    text = _masked(state.draft.text, services)
    if state.draft.abstained:
        return {"reply": text, "reply_kind": "refusal"}
    text, rules = _kept(text, services)
    if text.strip():
        return {"reply": text, "reply_kind": "answer"}
    reply = _reply(rules[0], services.domain) if rules else replies.off_topic
    return {"reply": reply, "reply_kind": "refusal"}


def _masked(text: str, services: Services) -> str:
    """Replace secrets and personal data, except where the domain is about them."""
    return text if "sensitive_data" in services.domain.guards.off else services.redact(text)


def _kept(text: str, services: Services) -> tuple[str, list[str]]:
    """Drop the sentences that break a rule; returns the rest, and the rules."""
    guards = services.domain.guards

    def rules_of(part: str) -> list[str]:
        found = check_output(part, services.redact, competitors=tuple(guards.competitors), off=guards.off)
        return [finding.rule for finding in found]

    if not rules_of(text):
        return text, []
    parts = [(part, rules_of(part)) for part in SENTENCE.findall(text)]
    kept = "".join(part for part, rules in parts if not rules).strip()
    return kept, [rule for _, rules in parts for rule in rules]


def _reply(rule: str, domain: Domain) -> str:
    return domain.guards.replies.get(rule) or REPLIES[rule].format(title=domain.title)
