"""The stand-in for Bedrock, as the real clients see it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError

from tests.bedrock.clients import aimed_at, runtime_client
from tests.bedrock.server import FAULTS, BedrockServer, Fault, by_seed, serve_bedrock, vector

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASKED = [{"role": "user", "content": [{"text": "hello"}]}]


@pytest.fixture
def server() -> Iterator[BedrockServer]:
    with serve_bedrock(lambda prompt: f"You said: {prompt}") as server:
        yield server


@pytest.fixture
def client(server: BedrockServer) -> Iterator[Any]:
    with aimed_at(server):
        client = runtime_client()
    yield client
    client.close()


def streamed(client: Any) -> str:
    events = client.converse_stream(modelId=CLAUDE, messages=ASKED)["stream"]
    return "".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e)


def test_an_answer_comes_in_one_piece(server: BedrockServer, client: Any) -> None:
    answer = client.converse(modelId=CLAUDE, messages=ASKED)

    assert answer["output"]["message"]["content"] == [{"text": "You said: hello"}]
    assert answer["usage"]["totalTokens"] == 12
    assert server.calls == [(CLAUDE, "converse")]


def test_an_answer_comes_in_frames_whose_checksums_hold(client: Any) -> None:
    events = list(client.converse_stream(modelId=CLAUDE, messages=ASKED)["stream"])

    assert [next(iter(event)) for event in events] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert streamed(client) == "You said: hello"


@pytest.mark.parametrize(
    "model", ["amazon.titan-embed-text-v2:0", "cohere.embed-v4:0", "cohere.embed-english-v3"]
)
def test_vectors_come_in_the_form_of_each_maker(client: Any, model: str) -> None:
    asked = (
        {"inputText": "a pump"} if "titan" in model else {"texts": ["a pump"], "input_type": "search_query"}
    )
    answer = json.loads(client.invoke_model(modelId=model, body=json.dumps(asked))["body"].read())

    found = answer["embedding"] if "titan" in model else answer["embeddings"]
    found = found["float"] if "v4" in model else found
    assert found in (vector("a pump"), [vector("a pump")])


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("throttled", ClientError, "ThrottlingException"),
        ("model timeout", ClientError, "ModelTimeoutException"),
        ("5xx", ClientError, "ServiceUnavailableException"),
        ("denied", ClientError, "AccessDeniedException"),
        ("timed out", BotoCoreError, "ReadTimeoutError"),
    ],
)
def test_a_call_fails_as_it_does_on_aws(
    server: BedrockServer, client: Any, fault: Fault, error: type[Exception], code: str
) -> None:
    server.plan = lambda _, __: fault
    with pytest.raises(error) as caught:
        client.converse(modelId=CLAUDE, messages=ASKED)

    response = getattr(caught.value, "response", None) or {}
    assert code == response.get("Error", {}).get("Code", type(caught.value).__name__)


@pytest.mark.parametrize("fault", ["malformed", "cut"])
def test_half_an_answer_is_no_error_to_boto3_but_holds_nothing(
    server: BedrockServer, client: Any, fault: Fault
) -> None:
    server.plan = lambda _, __: fault

    assert "output" not in client.converse(modelId=CLAUDE, messages=ASKED)


def test_an_answer_may_be_empty_or_held_back_by_a_guardrail(server: BedrockServer, client: Any) -> None:
    faults: Iterator[Fault] = iter(("empty", "refused"))
    server.plan = lambda _, __: next(faults)

    assert client.converse(modelId=CLAUDE, messages=ASKED)["output"]["message"]["content"] == []
    assert client.converse(modelId=CLAUDE, messages=ASKED)["stopReason"] == "guardrail_intervened"


def test_a_stream_may_end_in_an_exception_or_just_end(server: BedrockServer, client: Any) -> None:
    faults: Iterator[Fault] = iter(("cut by an exception", "cut"))
    server.plan = lambda _, __: next(faults)

    with pytest.raises(EventStreamError) as caught:
        streamed(client)
    assert caught.value.response["Error"]["Code"] == "throttlingException"
    assert streamed(client) == "You "  # boto3 takes a cut stream for a short one: nothing tells them apart


def test_a_damaged_frame_is_noticed(server: BedrockServer, client: Any) -> None:
    server.plan = lambda _, __: "malformed"

    with pytest.raises(Exception, match=r"[Cc]hecksum"):
        streamed(client)


def test_a_seed_plans_the_same_faults_again_and_all_of_them() -> None:
    plan, again = by_seed(7, 0.5), by_seed(7, 0.5)
    drawn = [plan("m", call) for call in range(500)]

    assert drawn == [again("other", call) for call in range(500)]
    assert set(drawn) == {None, *FAULTS}
    assert 200 < drawn.count(None) < 300
    assert drawn != [by_seed(8, 0.5)("m", call) for call in range(500)]
