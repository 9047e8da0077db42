"""Session events as JSON, and back."""

from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from memory.records import SessionEvent


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[SessionEvent]:
    """Built at first use: it costs milliseconds that `--help` should not pay."""
    return TypeAdapter(SessionEvent)


def dump_event(event: SessionEvent) -> bytes:
    """Return the event as JSON (UTF-8)."""
    return _adapter().dump_json(event, exclude_none=True)


def parse_event(body: bytes | str) -> SessionEvent:
    """Read an event back.

    Raises:
        ValueError: it is no JSON, or of a kind that this version does not know.
    """
    try:
        return _adapter().validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{problem['type']} at {problem['loc']}") from None
