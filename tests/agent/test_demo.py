"""The demo on a recorded log: it plays to the end, and again to the same end."""

import json
from pathlib import Path

import pytest

from agent.demo import NothingToAsk, run_demo
from agent.settings import Settings
from learning.recorded import RecordedLogBroken
from memory.turns import TurnReply

pytestmark = pytest.mark.anyio

FIX = (["greet", "ask", "fix", "bye"], ["hi there", "why does it leak", "please fix the leak", "see you"])
BUY = (["greet", "order", "pay", "bye"], ["good day", "one pump please", "by card then", "see you"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def row(number: int, labels: list[str], texts: list[str] | None = None) -> dict[str, object]:
    return {
        "session_id": f"s-{number}",
        "user_id": f"user-{number % 7}",
        "labels": labels,
        "texts": texts,
        "success": True,
    }


def log(folder: Path, rows: list[dict[str, object]], name: str = "log.jsonl") -> Path:
    file = folder / name
    file.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    return file


async def play(folder: Path, file: Path) -> tuple[TurnReply, Path, str]:
    said: list[str] = []
    reply, trace = await run_demo(
        Settings(state_dir=folder / "state"), file, say=said.append, on_progress=lambda *_: None
    )
    return reply, trace, "\n".join(said)


async def test_a_recorded_log_is_replayed_learned_and_asked_about(tmp_path: Path) -> None:
    file = log(tmp_path, [row(n, *(BUY if n % 2 else FIX)) for n in range(50)])

    reply, trace, said = await play(tmp_path, file)

    assert "1. Replaying 49 recorded sessions (196 steps)" in said
    assert f"release {reply.release}" in said
    assert "3. Answering a live question after greet > ask" in said
    assert "> please fix the leak" in said
    assert (reply.intent, reply.guidance.arm) == ("fix", "guided")
    assert [one.label for one in reply.guidance.suggestions][:1] == ["bye"]
    assert reply.citations
    assert trace.is_relative_to(tmp_path / "state")
    assert "please fix the leak" in trace.read_text()


async def test_a_demo_played_again_learns_the_same_release(tmp_path: Path) -> None:
    file = log(tmp_path, [row(n, *(BUY if n % 2 else FIX)) for n in range(50)])

    first, _, _ = await play(tmp_path, file)
    again, _, said = await play(tmp_path, file)

    assert first.release == again.release
    assert "from 49 sessions" in said


async def test_another_log_is_learned_alone(tmp_path: Path) -> None:
    await play(tmp_path, log(tmp_path, [row(n, *(BUY if n % 2 else FIX)) for n in range(50)]))
    other = log(tmp_path, [row(n + 900, *BUY) for n in range(20)], "other.jsonl")

    reply, _, said = await play(tmp_path, other)

    assert "from 19 sessions" in said
    assert reply.release


async def test_a_log_without_texts_is_asked_in_the_words_of_its_labels(tmp_path: Path) -> None:
    labels = ["greet", "query:doctor_followup", "inform/date", "bye"]

    _, _, said = await play(tmp_path, log(tmp_path, [row(n, labels) for n in range(20)]))

    assert "3. Answering a live question after greet > query:doctor_followup" in said
    assert "> inform date" in said


async def test_the_question_may_come_from_early_in_the_log(tmp_path: Path) -> None:
    rows = [row(0, *FIX), *(row(n, ["greet", "bye"]) for n in range(1, 250))]

    reply, _, said = await play(tmp_path, log(tmp_path, rows))

    assert "after greet > ask" in said
    assert reply.release


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([row(n, ["greet", "bye"]) for n in range(9)], "three steps or more"),
        ([row(0, *FIX)], "fewer than two intents"),
        ([row(n, ["ask/a", "ask/b", "ask/c"]) for n in range(9)], "fewer than two intents"),
    ],
)
async def test_a_log_that_is_too_small_is_named(
    tmp_path: Path, rows: list[dict[str, object]], problem: str
) -> None:
    file = log(tmp_path, rows)

    with pytest.raises(NothingToAsk, match=problem) as caught:
        await play(tmp_path, file)

    assert str(file) in str(caught.value)


async def test_a_broken_log_is_named_with_its_line(tmp_path: Path) -> None:
    file = log(tmp_path, [row(0, *FIX)])
    file.write_text(file.read_text() + "{broken\n")

    with pytest.raises(RecordedLogBroken, match=r"log\.jsonl:2: "):
        await play(tmp_path, file)


async def test_a_secret_in_a_log_is_said_nowhere(tmp_path: Path) -> None:
    texts = ["hi", "my key is AKIAIOSFODNN7EXAMPLE", "fix AKIAIOSFODNN7EXAMPLE fix ask", "bye"]
    file = log(tmp_path, [row(n, FIX[0], texts) for n in range(20)])

    _, _, said = await play(tmp_path, file)

    stored = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert "AKIAIOSFODNN7EXAMPLE" not in said
    assert [path for path in stored if b"AKIAIOSFODNN7EXAMPLE" in path.read_bytes()] == []
