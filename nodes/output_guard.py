"""Has the last word on what leaves."""

import re

from graph.state import GraphContext, GraphState, GraphUpdate

COMMITMENT = re.compile(
    r"\b(?:we|aws|amazon|our team|i)\s+(?:will|shall|promise to|guarantee|plan to|are going to)\s+"
    r"(?:release|launch|ship|announce|refund|credit|compensate|deliver|fix|add support)\b"
    r"|\b(?:coming soon|next (?:quarter|release|version) will)\b",
    re.IGNORECASE,
)
DISPARAGEMENT = re.compile(
    r"\b(?:azure|google cloud|gcp|oracle|siemens|ge vernova|ansaldo|mitsubishi)\b.{0,60}"
    r"\b(?:worse|inferior|unreliable|insecure|garbage|terrible|bad|poor)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"(?:[^.!?\n]|[.!?](?![\s\[]|$))*(?:[.!?](?: *\[\d{1,3}\])*|\n|$)")
"""A sentence with the citations behind it; a point inside a number or a name ends none."""


async def output_guard(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Form the reply: the guard's own sentence, the accepted draft, or an honest refusal."""
    services = context.services
    if state.blocked_by:
        return {"reply": state.reply}
    replies = services.domain.replies
    if state.draft is None or (state.verdict is not None and state.verdict.decision == "refuse"):
        return {"reply": replies.off_topic, "reply_kind": "refusal"}
    if state.draft.abstained:
        return {"reply": services.redact(state.draft.text), "reply_kind": "refusal"}
    text = _without_promises(services.redact(state.draft.text))
    if not text.strip():
        return {"reply": replies.off_topic, "reply_kind": "refusal"}
    return {"reply": text, "reply_kind": "answer"}


def _without_promises(text: str) -> str:
    """Drop sentences that promise what nobody may promise, or run others down."""
    if not (COMMITMENT.search(text) or DISPARAGEMENT.search(text)):
        return text
    kept = [
        part for part in SENTENCE.findall(text) if not (COMMITMENT.search(part) or DISPARAGEMENT.search(part))
    ]
    return "".join(kept).strip()
