"""Events as they go over the wire."""

from agent.requests import error_detail
from memory.errors import AgentError
from memory.turns import StreamEvent


def event_frame(event: StreamEvent) -> bytes:
    """Return an event as it is sent."""
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()


def final_frame(number: int, body: bytes) -> bytes:
    """Return the event that carries a whole answer."""
    return b'id: %d\nevent: final\ndata: {"type":"final","id":%d,"data":%b}\n\n' % (number, number, body)


def error_frame(number: int, error: AgentError) -> bytes:
    """Return the event that ends a stream without an answer."""
    return event_frame(StreamEvent(type="error", id=number, data=error_detail(error)))


def heartbeat_frame(number: int) -> bytes:
    """Return the event that only says that the turn goes on; without an `id` line: nothing resumes there."""
    return b'event: heartbeat\ndata: {"type":"heartbeat","id":%d,"data":{}}\n\n' % number
