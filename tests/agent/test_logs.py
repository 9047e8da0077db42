"""Log lines: JSON, tied to the request, without secrets, personal data or exception texts."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from agent.logs import REQUEST_ID, SESSION_ID, JsonFormatter, set_up_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Give what is logged, on a root logger that is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    out = io.StringIO()
    set_up_logs("info", stream=out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_the_ids_of_its_request(stream: io.StringIO) -> None:
    tokens = REQUEST_ID.set("r-1"), SESSION_ID.set("s-1")
    logging.getLogger("agent.x").info("answered %d", 200)
    REQUEST_ID.reset(tokens[0])
    SESSION_ID.reset(tokens[1])
    logging.getLogger("agent.x").info("idle")

    first, second = lines(stream)
    assert (first["requestId"], first["sessionId"], first["message"]) == ("r-1", "s-1", "answered 200")
    assert (first["level"], first["logger"]) == ("INFO", "agent.x")
    assert first["timestamp"].endswith("Z")
    assert "requestId" not in second


def test_personal_data_does_not_reach_the_log(stream: io.StringIO) -> None:
    logging.getLogger("x").warning("mail from %s", "jane.doe@example.com")

    assert "jane.doe" not in stream.getvalue()


def test_of_an_exception_its_class_and_place_are_told_not_its_text(stream: io.StringIO) -> None:
    try:
        int("words of a user")
    except ValueError:
        logging.getLogger("x").exception("It failed")

    (line,) = lines(stream)
    assert line["errorType"] == "ValueError"
    assert "test_of_an_exception" in line["location"][-1]
    assert "words of a user" not in stream.getvalue()


def test_tracebacks_are_shown_when_asked_for_and_setting_up_again_adds_no_handler(
    stream: io.StringIO,
) -> None:
    set_up_logs("debug", show_tracebacks=True)
    try:
        int("a")
    except ValueError:
        logging.getLogger("x").debug("It failed", exc_info=True)

    (line,) = lines(stream)
    assert "invalid literal" in line["stackTrace"]
    ours = [one for one in logging.getLogger().handlers if isinstance(one.formatter, JsonFormatter)]
    assert len(ours) == 1


def test_libraries_do_not_log_what_they_carry(stream: io.StringIO) -> None:
    set_up_logs("debug")

    logging.getLogger("aiosqlite").debug("executing with %s", ("words of a user",))
    logging.getLogger("botocore.endpoint").debug("body=%s", "words of a user")

    assert stream.getvalue() == ""
