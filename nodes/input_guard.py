"""Stops or cleans what must not come in."""

import re

from graph.state import GraphContext, GraphState, GraphUpdate

SECRET = re.compile(r"<(AWS_KEY|AWS_SECRET|PRIVATE_KEY|PASSWORD|TOKEN)>")
"""Placeholders that the redactor puts in place of what opens doors."""

INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|rules?|prompts?|guidelines?)\b"
    r"|\b(?:reveal|print|show|repeat|output|tell me)\b.{0,30}\b(?:system|hidden|initial|your)\s+"
    r"(?:prompt|instructions)\b"
    r"|\byou are (?:now|no longer)\b.{0,60}\b(?:assistant|model|ai|bound|restricted|dan)\b"
    r"|\b(?:developer|jailbreak|dan) mode\b",
    re.IGNORECASE | re.DOTALL,
)
_CREDENTIALS = r"(?:passwords?|credentials?|secret keys?|access keys?|private keys?)\b"
CREDENTIAL_REQUEST = re.compile(
    r"\b(?:give|send|tell|show|share)\s+(?:me|us)\b.{0,30}"
    r"\b(?:admin|root|master|service|database|operator|his|her|their|someone'?s|your)\b.{0,20}\b"
    + _CREDENTIALS
    + r"|\bwhat(?:'s| is| are)\s+(?:the|your|his|her|their)\s+(?:\w+\s+){0,2}"
    + _CREDENTIALS,
    re.IGNORECASE | re.DOTALL,
)

REPLIES = {
    "secret": "Your message held a secret ({kinds}). I removed it and did not store it. "
    "Revoke or change it now, then ask again without it.",
    "injection": "I cannot change my instructions or show them. Ask me about {title} and I will help.",
    "credential_request": "I cannot give out credentials. Ask your administrator.",
}


async def input_guard(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Replace secrets and personal data; stop what must not come in, with a reply of its own."""
    services = context.services
    query = services.redact(context.raw_query).strip()
    fresh: GraphUpdate = {"query": query, "search_query": query}
    rule, reply = _hit(query, context)
    if rule is None:
        return fresh
    return {**fresh, "blocked_by": rule, "reply": reply, "reply_kind": "blocked"}


def _hit(query: str, context: GraphContext) -> tuple[str | None, str]:
    """Return the first rule that the message breaks, with the sentence for it."""
    domain = context.services.domain
    kinds = sorted(set(SECRET.findall(query)))
    if kinds:
        names = ", ".join(kind.lower().replace("_", " ") for kind in kinds)
        return "secret", REPLIES["secret"].format(kinds=names)
    if CREDENTIAL_REQUEST.search(query):
        return "credential_request", REPLIES["credential_request"]
    if INJECTION.search(query):
        return "injection", REPLIES["injection"].format(title=domain.title)
    for name, topic in domain.forbidden.items():
        if topic.matches(query):
            return name, topic.reply
    return None, ""
