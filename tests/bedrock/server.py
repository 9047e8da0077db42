"""A stand-in for Bedrock Runtime on loopback: Converse, ConverseStream, InvokeModel, and what goes wrong.

It speaks what the real boto3 client expects: JSON, errors named by `x-amzn-ErrorType`, and frames of
`application/vnd.amazon.eventstream` with both checksums. Signatures are not checked.
"""

import binascii
import hashlib
import json
import random
import re
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, get_args
from urllib.parse import unquote

Fault = Literal[
    "throttled",
    "timed out",
    "model timeout",
    "5xx",
    "malformed",
    "empty",
    "refused",
    "denied",
    "cut",
    "cut by an exception",
]
"""`timed out`: no answer at all; `model timeout`: Bedrock says that the model took too long; `refused`: a
guardrail stepped in; `denied`: no access to the model; `cut`: the connection closes half-way; `cut by an
exception`: a stream ends in an exception frame (without a stream the same as `throttled`)."""

FAULTS: tuple[Fault, ...] = get_args(Fault)

ERRORS: dict[str, tuple[int, str]] = {
    "throttled": (429, "ThrottlingException"),
    "cut by an exception": (429, "ThrottlingException"),
    "model timeout": (408, "ModelTimeoutException"),
    "5xx": (503, "ServiceUnavailableException"),
    "denied": (403, "AccessDeniedException"),
}
USAGE = {"inputTokens": 7, "outputTokens": 5, "totalTokens": 12}
METRICS = {"latencyMs": 3}
DIMENSIONS = 64
PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke)$")

Plan = Callable[[str, int], Fault | None]
"""From a model id and the number of the call (from 0, over all models) to what goes wrong in it."""

Answer = Callable[[str], str]
"""From a prompt to what the model says."""


def all_well(_: str, __: int) -> Fault | None:
    """Plan nothing bad."""
    return None


def by_seed(seed: int, share: float, faults: tuple[Fault, ...] = FAULTS) -> Plan:
    """Plan that a share (0 to 1) of the calls go wrong, how is drawn by the seed and the call's number."""

    def plan(_: str, call: int) -> Fault | None:
        drawn = random.Random(f"{seed}:{call}")
        return drawn.choice(faults) if drawn.random() < share else None

    return plan


class BedrockServer:
    """Answers until it is closed; `calls` counts what was asked, by model id and operation."""

    def __init__(self, answer: Answer, plan: Plan = all_well) -> None:
        self.plan = plan
        self.answer = answer
        self.calls: list[tuple[str, str]] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Listener(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the address to hand to a client as its `endpoint_url`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def next_fault(self, model: str, operation: str) -> Fault | None:
        """Count a call and return what goes wrong in it."""
        with self._lock:
            number = len(self.calls)
            self.calls.append((model, operation))
        return self.plan(model, number)

    def close(self) -> None:
        """Let go of all that wait, and stop."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, bedrock: BedrockServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bedrock = bedrock


@contextmanager
def serve_bedrock(answer: Answer, plan: Plan = all_well) -> Iterator[BedrockServer]:
    """Yield a server that runs until the block ends."""
    server = BedrockServer(answer, plan)
    try:
        yield server
    finally:
        server.close()


def frame(kind: str, body: dict[str, Any], message: Literal["event", "exception"] = "event") -> bytes:
    """Return one message of an event stream: lengths, checksum, headers, JSON, checksum of all."""
    headers = {f":{message}-type": kind, ":content-type": "application/json", ":message-type": message}
    head = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack("!H", len(value))
        + value.encode()
        for name, value in headers.items()
    )
    data = json.dumps(body).encode()
    start = struct.pack("!II", 16 + len(head) + len(data), len(head))
    start += struct.pack("!I", binascii.crc32(start)) + head + data
    return start + struct.pack("!I", binascii.crc32(start))


def frames(text: str, stop: str) -> Iterator[bytes]:
    """Return the events of an answer, a word a time."""
    yield frame("messageStart", {"role": "assistant"})
    for word in re.findall(r"\S+\s*", text):
        yield frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}})
    yield frame("contentBlockStop", {"contentBlockIndex": 0})
    yield frame("messageStop", {"stopReason": stop})
    yield frame("metadata", {"usage": USAGE, "metrics": METRICS})


def vector(text: str) -> list[float]:
    """Return a vector that like texts share: each word adds to the dimension that its digest names."""
    sums = [0.0] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        sums[hashlib.sha256(word.encode()).digest()[0] % DIMENSIONS] += 1.0
    return sums


def _embedded(model: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return vectors in the form of Titan or Cohere; their lengths are not 1, as Cohere's are not."""
    if "inputText" in body:
        return {"embedding": vector(body["inputText"]), "inputTextTokenCount": 3}
    vectors = [vector(text) for text in body["texts"]]
    return {"embeddings": {"float": vectors} if "v4" in model else vectors, "id": "1", "texts": body["texts"]}


def _converse(text: str, stop: str) -> dict[str, Any]:
    content = [{"text": text}] if text else []
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": METRICS}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = PATH.match(self.path)
        if found is None:
            return self._error(404, "UnknownOperationException")
        model, operation = unquote(found[1]), found[2]
        fault = self._bedrock.next_fault(model, operation)
        is_stream = operation == "converse-stream"
        if fault == "timed out":
            self._bedrock.closing.wait(60)
            self.close_connection = True
            return None
        if fault in ERRORS and not (is_stream and fault == "cut by an exception"):
            return self._error(*ERRORS[fault])
        if operation == "invoke":
            return self._json({} if fault == "empty" else _embedded(model, body), fault)
        stop = "guardrail_intervened" if fault == "refused" else "end_turn"
        text = "" if fault == "empty" else self._bedrock.answer(body["messages"][-1]["content"][0]["text"])
        return self._stream(text, stop, fault) if is_stream else self._json(_converse(text, stop), fault)

    @property
    def _bedrock(self) -> BedrockServer:
        server = self.server
        assert isinstance(server, _Listener)
        return server.bedrock

    def _error(self, status: int, code: str) -> None:
        data = json.dumps({"message": f"{code} on purpose"}).encode()
        self._head(status, "application/json", len(data), {"x-amzn-ErrorType": code})
        self.wfile.write(data)

    def _json(self, answer: dict[str, Any], fault: Fault | None) -> None:
        data = json.dumps(answer).encode()
        whole = len(data)
        if fault in ("malformed", "cut"):
            data = data[: whole // 2]
        self._head(200, "application/json", len(data) if fault == "malformed" else whole)
        self.wfile.write(data)
        if fault == "cut":
            self.close_connection = True

    def _stream(self, text: str, stop: str, fault: Fault | None) -> None:
        self._head(200, "application/vnd.amazon.eventstream", None, {"Connection": "close"})
        sent = list(frames(text, stop))
        if fault == "malformed":
            sent[1] = sent[1][:-1] + bytes([sent[1][-1] ^ 1])  # the checksum is wrong
        if fault in ("cut", "cut by an exception"):
            sent = sent[: len(sent) // 2]
        if fault == "cut by an exception":
            sent.append(frame("throttlingException", {"message": "slow down"}, "exception"))
        if fault == "cut":
            sent[-1] = sent[-1][:-5]
        self.wfile.write(b"".join(sent))
        self.close_connection = True

    def _head(self, status: int, kind: str, length: int | None, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
