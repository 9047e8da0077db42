"""Finding who said what, in the forms in which logs keep messages."""

import json

import pytest

from learning.importing.messages import agent_text, user_text

HUMAN = {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": "Why?"}}
AI = {"lc": 1, "type": "constructor", "id": ["langchain", "AIMessage"], "kwargs": {"content": "Because."}}
CHAT = [
    {"role": "system", "content": "You help."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Because."},
    {"role": "user", "content": "Why?"},
]


@pytest.mark.parametrize(
    "payload",
    [
        "Why?",
        "  Why?\n",
        {"input": "Why?"},
        {"question": "Why?", "chat_id": "7"},
        {"input": {"question": "Why?"}},
        CHAT,
        {"messages": CHAT},
        {"messages": [CHAT]},
        json.dumps({"messages": CHAT}),
        [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}],
        [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Why?"}, {"type": "image_url", "image_url": {}}],
            }
        ],
        {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]},
        {"messages": [HUMAN]},
        {"messages": [{"type": "human", "content": "Why?"}, {"type": "tool", "content": "rows"}]},
        [
            {"role": "user", "content": "Why?"},
            {"role": "user", "parts": [{"type": "tool_call_response", "result": 3}]},
        ],
        ["Hello", "Why?"],
    ],
)
def test_what_the_user_said_last_is_found(payload: object) -> None:
    assert user_text(payload) == "Why?"


@pytest.mark.parametrize(
    "payload",
    [
        "Because.",
        {"output": "Because."},
        {"answer": "Because."},
        [*CHAT[:2], {"role": "assistant", "content": "Because."}],
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}}]},
        {"generations": [[{"text": "Because."}]]},
        {"messages": [HUMAN, AI]},
        [{"role": "assistant", "parts": [{"type": "text", "content": "Because."}], "finish_reason": "stop"}],
    ],
)
def test_what_the_agent_said_last_is_found(payload: object) -> None:
    assert agent_text(payload) == "Because."


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        "",
        " ",
        [],
        {},
        {"unit": 3},
        [{"role": "system", "content": "You help."}],
        {"messages": [AI]},
        [None],
    ],
)
def test_what_is_nobodys_words_is_none(payload: object) -> None:
    assert user_text(payload) is None


def test_a_text_that_only_looks_like_json_is_a_text() -> None:
    assert user_text("[unit 3] why?") == "[unit 3] why?"


def test_endless_nesting_ends() -> None:
    nested: object = "Why?"
    for _ in range(50):
        nested = {"input": nested}

    assert user_text(nested) is None
