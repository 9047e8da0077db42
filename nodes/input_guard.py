"""Stops or cleans what must not come in."""

from domains.model import Domain
from graph.state import GraphContext, GraphState, GraphUpdate
from memory.guard import BLOCK_AT, GREY_FROM, SECRET_RULES, Finding, check_input

_REVOKE = (
    "Your message held {what}. I removed it and did not store it. Revoke or change it now, "
    "then ask again without it."
)
REPLIES = {
    "private_key": _REVOKE.format(what="a private key"),
    "aws_key": _REVOKE.format(what="an AWS key"),
    "password": _REVOKE.format(what="a password"),
    "token": _REVOKE.format(what="an access token"),
    "prompt_injection": "I cannot change my instructions or show them. Ask me about {title} and I will help.",
    "credential_request": (
        "I cannot give out credentials. Ask the administrator who owns them, or reset your own."
    ),
    "future_feature": "I cannot talk about what has not been announced. Look at the published release notes, "
    "or ask me what {title} offers today.",
}
"""What the user reads, by rule; each names the next step."""


async def input_guard(state: GraphState, context: GraphContext) -> GraphUpdate:
    """Replace secrets and personal data; stop what must not come in, with a reply of its own."""
    query = context.services.redact(context.raw_query).strip()
    fresh: GraphUpdate = {"query": query, "search_query": query}
    rule, reply = await _broken(query, context)
    if rule is None:
        return fresh
    return {**fresh, "blocked_by": rule, "reply": reply, "reply_kind": "blocked"}


async def _broken(query: str, context: GraphContext) -> tuple[str | None, str]:
    """Return the first rule that the message breaks, with the sentence for it; secrets come first."""
    services = context.services
    domain = services.domain
    found = check_input(context.raw_query, off=domain.guards.off)
    surely = [finding.rule for finding in found if await _is_sure(finding, context)]
    secrets = [rule for rule in surely if rule in SECRET_RULES]
    forbidden = [name for name, topic in domain.forbidden.items() if topic.matches(query)]
    rule = next(iter((*secrets, *forbidden, *surely)), None)
    if rule is None:
        return None, ""
    return rule, _reply(rule, domain)


async def _is_sure(finding: Finding, context: GraphContext) -> bool:
    """Let the second opinion, where there is one, decide what the detector is unsure about."""
    if finding.score >= BLOCK_AT:
        return True
    second = context.services.second_opinion
    if finding.score < GREY_FROM or second is None:
        return False
    return await second.is_attack(context.services.redact(context.raw_query))


def _reply(rule: str, domain: Domain) -> str:
    if rule in domain.forbidden:
        return domain.forbidden[rule].reply
    return domain.guards.replies.get(rule) or REPLIES[rule].format(title=domain.title)
