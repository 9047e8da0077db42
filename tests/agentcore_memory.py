"""A stand-in for AgentCore Memory's events on loopback, for the real client; what it keeps is in memory."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

CREATE = re.compile(r"^/memories/([^/]+)/events$")
LIST = re.compile(r"^/memories/([^/]+)/actor/([^/]+)/sessions/([^/]+)$")
SESSIONS = re.compile(r"^/memories/([^/]+)/actor/([^/]+)/sessions$")
DELETE = re.compile(r"^/memories/([^/]+)/actor/([^/]+)/sessions/([^/]+)/events/([^/]+)$")


class AgentCoreMemory(ThreadingHTTPServer):
    """Takes events (once a client token), lists them (newest first, filtered, in pages), deletes them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.bytes = 0
        """Bytes of the payloads taken and given."""

        self.fails = False
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls.append("CreateEvent")
            self.bytes += len(json.dumps(asked["payload"]))
            for known in self.events:
                if known["clientToken"] == asked["clientToken"]:
                    return {"event": known}
            event = asked | {"eventId": f"{len(self.events):012d}#event"}
            self.events.append(event)
            return {"event": event}

    def list(self, actor: str, session: str, asked: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.calls.append("ListEvents")
            of_session = [e for e in self.events if (e["actorId"], e["sessionId"]) == (actor, session)]
        wanted = asked.get("filter", {}).get("eventMetadata", [])
        found = [event for event in of_session if all(_matches(event, one) for one in wanted)]
        found.sort(key=lambda event: (event["eventTimestamp"], event["eventId"]), reverse=True)
        start = int(asked.get("nextToken") or 0)
        end = start + asked.get("maxResults", 20)
        self.bytes += len(json.dumps([event["payload"] for event in found[start:end]]))
        return {"events": found[start:end]} | ({"nextToken": str(end)} if end < len(found) else {})

    def sessions(self, actor: str) -> dict[str, Any]:
        with self._lock:
            found = sorted({event["sessionId"] for event in self.events if event["actorId"] == actor})
        return {"sessionSummaries": [_summary(actor, session) for session in found]}

    def delete(self, actor: str, session: str, event: str) -> dict[str, Any]:
        gone = (actor, session, event)
        with self._lock:
            self.events = [e for e in self.events if (e["actorId"], e["sessionId"], e["eventId"]) != gone]
        return {"eventId": event}


def _summary(actor: str, session: str) -> dict[str, Any]:
    return {"actorId": actor, "sessionId": session, "createdAt": 0}


def _matches(event: dict[str, Any], expression: dict[str, Any]) -> bool:
    assert expression["operator"] == "EQUALS_TO"
    return (
        event.get("metadata", {}).get(expression["left"]["metadataKey"])
        == (expression["right"]["metadataValue"])
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AgentCoreMemory

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        listed = LIST.match(unquote(self.path))
        if self.server.fails:
            self.server.calls.append("failed")
            return self._send(503, {"message": "on purpose"}, "ServiceException")
        if CREATE.match(self.path):
            return self._send(201, self.server.create(asked))
        if listed:
            return self._send(200, self.server.list(listed[2], listed[3], asked))
        if found := SESSIONS.match(unquote(self.path)):
            return self._send(200, self.server.sessions(found[2]))
        return self._send(404, {"message": self.path}, "ResourceNotFoundException")

    def do_DELETE(self) -> None:
        named = DELETE.match(unquote(self.path))
        assert named is not None, self.path
        self._send(200, self.server.delete(named[2], named[3], named[4]))

    def _send(self, status: int, answer: dict[str, Any], error: str = "") -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if error:
            self.send_header("x-amzn-ErrorType", error)
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serve_agentcore_memory() -> Iterator[AgentCoreMemory]:
    """Yield a memory that runs until the block ends."""
    server = AgentCoreMemory()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
