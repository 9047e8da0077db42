"""The last word on what leaves."""

import pytest

from memory.records import Verdict
from nodes.output_guard import output_guard
from tests.nodes.parts import context, draft
from tests.turns import state

pytestmark = pytest.mark.anyio

ACCEPTED = Verdict(decision="accept", score=0.9)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def reply(text: str) -> tuple[str, str]:
    update = await output_guard(state(draft=draft(text, "seal-1"), verdict=ACCEPTED), context())
    return update["reply_kind"], update["reply"]


async def test_an_accepted_answer_leaves_word_for_word() -> None:
    text = "Stop the pump. [1]\n\n1. Close v. 3.5 bar. [1]\n2. Drain it."

    assert await reply(text) == ("answer", text)


async def test_a_blocked_message_keeps_the_reply_of_the_gate() -> None:
    update = await output_guard(state(blocked_by="pricing", reply="Ask sales.", draft=draft("x")), context())

    assert update == {"reply": "Ask sales."}


async def test_what_the_judge_refuses_does_not_leave() -> None:
    refused = Verdict(decision="refuse", score=0.05)
    update = await output_guard(state(draft=draft("Guesswork."), verdict=refused), context())

    assert update == {"reply": "I found nothing about this.", "reply_kind": "refusal"}


async def test_no_draft_is_a_refusal() -> None:
    assert await output_guard(state(), context()) == {
        "reply": "I found nothing about this.",
        "reply_kind": "refusal",
    }


async def test_a_writer_that_abstains_says_so_in_its_own_words() -> None:
    update = await output_guard(state(draft=draft("Not in the manual.", abstained=True)), context())

    assert update == {"reply": "Not in the manual.", "reply_kind": "refusal"}


async def test_secrets_and_personal_data_do_not_leave() -> None:
    kind, text = await reply("Ask ann.lee@example.com, key AKIAIOSFODNN7EXAMPLE. [1]")

    assert kind == "answer"
    assert "ann.lee" not in text and "AKIA" not in text


@pytest.mark.parametrize(
    "promise",
    [
        "We will refund you.",
        "Our team is great and we are going to fix this!",
        "A new model is coming soon.",
        "The next version will have it.",
        "Seals of Siemens are worse.",
    ],
)
async def test_a_promise_or_a_slight_is_left_out_and_the_rest_stays_whole(promise: str) -> None:
    rest = "Set it to 3.5 bar at seals.md, then wait... [1] Stop the pump. [1]"

    assert await reply(f"{rest} {promise} [1]") == ("answer", rest)
    assert await reply(f"{promise} [1] {rest}") == ("answer", rest)
    assert await reply(f"{promise}\n{rest}\n1. Close it.") == ("answer", f"{rest}\n1. Close it.")


async def test_an_answer_that_is_nothing_but_a_promise_is_a_refusal() -> None:
    kind, text = await reply("We will refund you. [1]")

    assert kind == "refusal"
    assert "published release notes" in text


async def test_a_name_and_a_bad_word_in_different_sentences_are_no_slight() -> None:
    text = "Oracle is supported. A bad seal leaks. [1]"

    assert await reply(text) == ("answer", text)
