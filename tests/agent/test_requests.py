"""The wire format: what is read, what is refused and in which words."""

import pytest

from agent.requests import (
    EndSessionRequest,
    FeedbackRequest,
    InvocationReply,
    QueryRequest,
    RequestInvalid,
    parse_request,
    reply_body,
)
from memory.turns import TurnReply


def refused(body: bytes) -> RequestInvalid:
    with pytest.raises(RequestInvalid) as caught:
        parse_request(body)
    return caught.value


@pytest.mark.parametrize("name", ["query", "prompt"])
def test_a_question_comes_under_either_name(name: str) -> None:
    request = parse_request(b'{"%b": "Why?"}' % name.encode())

    assert isinstance(request, QueryRequest)
    assert (request.text, request.action) == ("Why?", "query")


def test_each_action_has_its_own_keys() -> None:
    feedback = parse_request(b'{"action": "feedback", "rating": 4.0, "comment": "good", "session_id": "s-1"}')
    end = parse_request(b'{"action": "end_session", "session_id": "s-1"}')

    assert isinstance(feedback, FeedbackRequest)
    assert (feedback.rating, feedback.comment) == (4, "good")
    assert isinstance(end, EndSessionRequest)


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    request = parse_request(b'{"query": "first", "query": "second"}')

    assert isinstance(request, QueryRequest)
    assert request.text == "second"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "zero-length"),
        (b"{", "not valid JSON"),
        (b'{"query": "x", "stream": NaN}', "not valid JSON"),
        (b'{"query": "x", "stream": Infinity}', "not valid JSON"),
        (b'{"query": "x", "stream": 1e999}', "infinity"),
        (b'{"query": "\\ud800"}', "surrogate"),
        (b'{"query": "\xed\xa0\x80"}', "not valid UTF-8"),
        (b"\xff\xfe", "not valid UTF-8"),
        (b"[" * 100_000, "depth"),
        (b'{"a":' * 100_000, "depth"),
        (b"[1, 2, 3]", "an array of 3"),
        (b'"text"', '`"text"`'),
        (b"null", "`null`"),
        (b"[" * 1000 + b"]" * 1000, "an array of 1"),
    ],
)
def test_what_is_not_a_json_object_is_refused(body: bytes, told: str) -> None:
    error = refused(body)

    assert told in str(error)
    assert error.fix.startswith("Send")


@pytest.mark.parametrize(
    ("body", "message", "fix"),
    [
        (b'{"promt": "x"}', "There is no key `promt`.", "Write `prompt` instead"),
        (b'{"query": "x", "user": "eve"}', "There is no key `user`.", "Remove it: who is asking"),
        (b'{"query": "x", "tenant": "other"}', "There is no key `tenant`.", "Remove it: who is asking"),
        (b'{"query": "x", "runtimeSessionId": "s"}', "`runtimeSessionId`", "Write `session_id` instead"),
        (b'{"query": "x", "zzz": 1}', "There is no key `zzz`.", "Remove it. Known keys are"),
        (b'{"rating": 5}', "There is no key `rating`.", '`rating` belongs to {"action": "feedback"}.'),
        (b'{"action": "delete"}', '`query`, `feedback`, `end_session`, got `"delete"`', "Leave it out"),
        (b'{"action": {}}', "got an object of 0.", ""),
        (b"{}", "both are absent", ""),
        (b'{"query": "x", "prompt": "y"}', "both are there", ""),
        (b'{"query": " \\n "}', "`query` is blank", "Write a question."),
        (b'{"query": 5}', "`query`: input should be a valid string, got `5`.", ""),
        (b'{"query": ["x"]}', "valid string, got an array of 1.", ""),
        (b'{"query": "x", "stream": "yes"}', '`stream`: input should be a valid boolean, got `"yes"`', ""),
        (b'{"query": "x", "session_id": "../etc"}', '`session_id`: string should match', ""),
        (b'{"query": "x", "request_id": "a b"}', "`request_id`: string should match", ""),
        (b'{"action": "feedback"}', "all are absent", ""),
        (b'{"action": "feedback", "comment": "  "}', "all are absent", ""),
        (b'{"action": "feedback", "rating": 6}', "less than or equal to 5, got `6`.", ""),
        (b'{"action": "feedback", "rating": "5"}', 'valid integer, got `"5"`.', ""),
        (b'{"action": "feedback", "rating": true}', "valid integer, got `true`.", ""),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_named_with_what_to_do(body: bytes, message: str, fix: str) -> None:
    error = refused(body)

    assert message in str(error)
    assert fix in error.fix


def test_a_long_value_is_clipped_in_the_message() -> None:
    error = refused(b'{"query": "' + b"a" * 8001 + b'"}')

    assert "at most 8000 characters" in str(error)
    assert len(str(error)) < 200


def test_the_longest_question_is_taken_however_it_is_escaped() -> None:
    request = parse_request(b'{"query": "' + b"\\u00e4" * 8000 + b'"}')

    assert isinstance(request, QueryRequest)
    assert len(request.text) == 8000


def test_the_digest_tells_what_is_asked_not_how_it_is_sent() -> None:
    one = parse_request(b'{"query": "x"}').digest()

    assert (
        parse_request(b'{ "prompt":"x", "stream":true, "session_id":"s", "request_id":"r"}').digest() == one
    )
    assert parse_request(b'{"query": "x", "domain": "d"}').digest() != one
    assert parse_request(b'{"query": "y"}').digest() != one


def test_a_reply_says_its_text_under_the_name_that_aws_clients_print() -> None:
    reply = TurnReply(session_id="s", request_id="r", domain="d", turn=1, reply="Yes.")

    body = reply_body(reply)

    assert InvocationReply.model_validate_json(body) == InvocationReply(**reply.model_dump(), result="Yes.")
