"""Logs: one JSON object a line on stderr, tied to its request, free of secrets and personal data."""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

REQUEST_ID: ContextVar[str] = ContextVar("slipstream_request_id", default="")
SESSION_ID: ContextVar[str] = ContextVar("slipstream_session_id", default="")


CARRIERS = ("aiosqlite", "boto3", "botocore", "httpcore", "httpx", "s3transfer", "urllib3")
"""Libraries that log what they carry when they log for debugging: whole sessions, request bodies."""


class JsonFormatter(logging.Formatter):
    """Writes the keys that AgentCore's own log lines have.

    Of an exception only its class and where it passed are written: its text may hold what a user wrote.
    """

    def __init__(self, *, show_tracebacks: bool = False) -> None:
        super().__init__()
        self.show_tracebacks = show_tracebacks

    def format(self, record: logging.LogRecord) -> str:
        from memory.redact import redact  # its patterns are compiled with the first line, not at start

        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "message": redact(record.getMessage()),
            "logger": record.name,
        }
        if request_id := REQUEST_ID.get():
            line["requestId"] = request_id
        if session_id := SESSION_ID.get():
            line["sessionId"] = session_id
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["errorType"] = type(error).__name__
            line["location"] = _places(error)
            if self.show_tracebacks:
                line["stackTrace"] = redact("".join(traceback.format_exception(error)))
        return json.dumps(line, ensure_ascii=False)


def set_up_logs(level: str, *, show_tracebacks: bool = False, stream: TextIO | None = None) -> None:
    """Log from `level` up as JSON lines; called again it changes level and tracebacks, nothing else."""
    root = logging.getLogger()
    known = next((one for one in root.handlers if isinstance(one.formatter, JsonFormatter)), None)
    handler = known or logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(show_tracebacks=show_tracebacks))
    if known is None:
        root.addHandler(handler)
    root.setLevel(level.upper())
    for carrier in CARRIERS:
        logging.getLogger(carrier).setLevel(max(root.level, logging.INFO))


def _places(error: BaseException) -> list[str]:
    """Return the last places that the exception passed, innermost last, as `file:line function`."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
