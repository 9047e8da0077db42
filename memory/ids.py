"""Identities: the same for the same thing written twice, fresh for each new one."""

import hashlib
import secrets


def make_event_id(session_id: str, request_id: str, turn: int, seq: int) -> str:
    """Return 32 hex digits that follow from the arguments: written again, it is the same event."""
    return hashlib.sha256(f"{session_id}\x00{request_id}\x00{turn}\x00{seq}".encode()).hexdigest()[:32]


def new_session_id() -> str:
    """Return a random id of 36 characters, as long as AgentCore wants them (33 or more)."""
    return f"ses-{secrets.token_hex(16)}"


def new_request_id() -> str:
    """Return a random id; made for each request and never at start, which a snapshot would share."""
    return secrets.token_hex(16)
