"""Session events as JSON, and back."""

from functools import lru_cache

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from memory.records import SessionEvent


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[SessionEvent]:
    """Built at first use: it costs milliseconds that `--help` should not pay."""
    return TypeAdapter(SessionEvent)


def dump_event(event: SessionEvent) -> bytes:
    """Return the event as JSON (UTF-8); half a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD."""
    try:
        return _adapter().dump_json(event, exclude_none=True)
    except PydanticSerializationError:
        whole = _adapter().validate_python(_repaired(event.model_dump()))
        return _adapter().dump_json(whole, exclude_none=True)


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


def _repaired(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    return value
