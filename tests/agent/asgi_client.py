"""A client that talks to an ASGI application without a server, so that tests see every message."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any, NamedTuple

from starlette.types import ASGIApp

SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
REQUEST = "X-Amzn-Bedrock-AgentCore-Runtime-Request-Id"
USER = "X-Amzn-Bedrock-AgentCore-Runtime-User-Id"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Connection:
    """One request under way."""

    def __init__(
        self,
        app: ASGIApp,
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        *,
        is_complete: bool = True,
    ) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        chunks = [body] if isinstance(body, bytes) else body
        for number, chunk in enumerate(chunks, 1):
            self.incoming.put_nowait(
                {"type": "http.request", "body": chunk, "more_body": number < len(chunks) or not is_complete}
            )
        pairs = list(headers.items()) if isinstance(headers, dict) else headers or []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
        }
        self.is_broken = False
        """The server can send nothing any more, and says so."""

        self.task = asyncio.create_task(app(scope, self.incoming.get, self._send))  # type: ignore[arg-type]

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if self.is_broken:
            raise BrokenPipeError
        self.outgoing.put_nowait(dict(message))

    def leave(self) -> None:
        """Close the connection as a client would."""
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def message(self) -> dict[str, Any]:
        """Return the next message of the application."""
        return await asyncio.wait_for(self.outgoing.get(), 120)

    async def answer(self) -> Answer:
        """Return the whole answer."""
        start = await self.message()
        body = b""
        while True:
            message = await self.message()
            body += message["body"]
            if not message.get("more_body", False):
                break
        await self.task
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], headers, body)


async def call(
    app: ASGIApp,
    method: str,
    path: str,
    body: bytes | list[bytes] = b"",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
) -> Answer:
    return await Connection(app, method, path, body, headers).answer()


async def ask(app: ASGIApp, payload: object, headers: dict[str, str] | None = None) -> Answer:
    """Send one invocation."""
    return await call(app, "POST", "/invocations", json.dumps(payload).encode(), headers)


def events(body: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream, checking that `id:` and `event:` say what the data says."""
    found = []
    for block in body.decode().split("\n\n"):
        if not block:
            continue
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        event = json.loads(lines["data"])
        assert lines["event"] == event["type"]
        if event["type"] != "heartbeat":
            assert lines["id"] == str(event["id"])
        found.append(event)
    return found
