"""Identities: the same for the same thing written twice, fresh for each new one."""

import hashlib
import secrets
from collections.abc import Sequence


def make_event_id(session_id: str, request_id: str, turn: int, seq: int, *, tenant: str) -> str:
    """Return 32 hex digits that follow from the arguments: written again, it is the same event.

    Clients choose the ids of sessions and requests; with the tenant in it, no event of another can pass for a
    repeat of this one. Ids of one request share their first half, so that an index keeps them side by side.
    """
    request = hashlib.sha256(f"{tenant}\x00{session_id}\x00{request_id}".encode()).hexdigest()
    return f"{request[:20]}{turn & 0xFFFFFF:06x}{seq & 0xFFFFFF:06x}"


def make_pattern_id(domain: str, pattern_type: str, labels: Sequence[str]) -> str:
    """Return `p-` and 16 hex digits that follow from the arguments: the same in every release."""
    text = "\x00".join([domain, pattern_type, *labels])
    return f"p-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def new_session_id() -> str:
    """Return a random id of 36 characters, as long as AgentCore wants them (33 or more)."""
    return f"ses-{secrets.token_hex(16)}"


def new_request_id() -> str:
    """Return a random id; made for each request and never at start, which a snapshot would share."""
    return secrets.token_hex(16)
