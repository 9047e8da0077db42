"""HTTP by hand for the paths that every request takes: headers, bodies, answers."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.types import Receive, Scope, Send

from agent.requests import MAX_BODY_BYTES, RequestInvalid, error_body
from memory.errors import AgentError, ErrorKind

STATUS: dict[ErrorKind, int] = {
    "input": 400,
    "not_found": 404,
    "conflict": 409,
    "unavailable": 503,
    "internal": 500,
}

AWS_NAMES = {
    401: "AccessDeniedException",
    404: "ResourceNotFoundException",
    500: "InternalServerException",
    503: "ThrottlingException",
}
"""What `InvokeAgentRuntime` calls these; all other errors are about the request."""

RETRY_AFTER_S = 1
"""What `Retry-After` says when the answer is 503: an opening or a turn takes about that long."""

JSON_TYPE = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")

Header = tuple[bytes, bytes]


class EdgeRefused(AgentError):
    """A request was refused before any work began, with a status of its own."""

    status: ClassVar[int] = 400


class BodyTooLarge(EdgeRefused):
    """A body is longer than any request needs to be."""

    code = "agent.body_too_large"
    status = 413

    def __init__(self) -> None:
        super().__init__(
            f"The body is longer than {MAX_BODY_BYTES} bytes.", fix="Send a shorter query, without files."
        )


class ClientGone(Exception):
    """The client closed the connection before its request was complete; there is nobody to answer."""


def http_status(error: AgentError) -> int:
    """Return the status that tells `error`."""
    return error.status if isinstance(error, EdgeRefused) else STATUS[error.kind]


def read_headers(scope: Scope, once: frozenset[bytes]) -> dict[bytes, str]:
    """Return the headers by lower-case name; where one comes twice the first counts.

    Raises:
        RequestInvalid: a header of `once` comes twice, so that it is not clear what it says.
    """
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name not in found:
            found[name] = value.decode("latin-1")
        elif name in once:
            raise RequestInvalid(f"The header `{name.decode('latin-1')}` comes twice.", fix="Send it once.")
    return found


async def read_body(headers: Mapping[bytes, str], receive: Receive) -> bytes:
    """Return the body; what is too long is not read to its end.

    Raises:
        BodyTooLarge: it says so itself, or proves so while it is read.
        ClientGone: the client left before the end.
    """
    stated = headers.get(b"content-length", "")
    if stated.isdigit() and int(stated) > MAX_BODY_BYTES:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > MAX_BODY_BYTES:
            raise BodyTooLarge
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def send_json(send: Send, status: int, body: bytes, headers: tuple[Header, ...] = ()) -> None:
    """Send a whole answer."""
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status}
    await send(start | {"headers": [JSON_TYPE, length, NO_STORE, *headers]})
    await send({"type": "http.response.body", "body": body})


async def send_error(
    send: Send, error: AgentError, headers: tuple[Header, ...] = (), *, for_boto3: bool = False
) -> None:
    """Send an error with its status; one that passes by itself says when to try again.

    `for_boto3`: name it as the service would, so that a local boto3 raises an exception with its text.
    """
    status = http_status(error)
    if status == STATUS["unavailable"]:
        headers = (*headers, (b"retry-after", str(RETRY_AFTER_S).encode()))
    aws_name = AWS_NAMES.get(status, "ValidationException") if for_boto3 else None
    await send_json(send, status, error_body(error, aws_name), headers)
