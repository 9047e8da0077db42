"""Traces made from the events of real turns."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graph.state import Skills
from graph.trace import Change, TurnMissing, make_trace, make_traces
from memory.records import (
    Analysis,
    FeedbackGiven,
    ModelCalled,
    NodeFinished,
    SessionCompleted,
    SessionEvent,
    ToolCalled,
    TurnFinished,
)
from nodes.local_judge import LocalJudge
from nodes.local_writer import LocalWriter
from tests.turns import Habits, Scripted, open_bench

pytestmark = pytest.mark.anyio

LEAK = "My P1 has a leaking seal, what now?"
HOW = "How do I change the seal of a P1?"
AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ENVELOPE = {"session_id": "s-1", "tenant": "local", "domain": "pumps", "user": "u", "at": AT}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def two_turns(folder: Path) -> list[SessionEvent]:
    """Return the events of a session whose second turn is the step that the first suggested."""
    procedure = Analysis(intent="procedure", intent_confidence=0.8, topic="seal", topic_confidence=0.9)
    skills = Skills(classifier=Scripted(answers={HOW: procedure}), writer=LocalWriter(), judge=LocalJudge())
    async with open_bench(folder, patterns=Habits(), release="r-1", primary=skills, local=skills) as bench:
        await bench.ask(LEAK)
        await bench.ask(HOW)
        return await bench.events()


def model_called(seq: int, tokens: int | None, cost_usd: float | None) -> ModelCalled:
    return ModelCalled(
        **ENVELOPE,
        event_id=f"m-{seq}",
        turn=1,
        seq=seq,
        node="generator",
        model="m",
        duration_ms=10,
        input_tokens=tokens,
        output_tokens=tokens,
        cost_usd=cost_usd,
    )


def node_finished(seq: int, node: str, run: int, changed: dict[str, object]) -> NodeFinished:
    return NodeFinished(
        **ENVELOPE,
        event_id=f"n-{seq}",
        turn=1,
        seq=seq,
        node=node,
        run=run,
        start_ms=seq,
        duration_ms=1,
        changed=changed,
    )


async def test_a_trace_tells_the_whole_turn(tmp_path: Path) -> None:
    first, second = make_traces(await two_turns(tmp_path))

    assert (first.turn, first.query, first.request_id) == (1, LEAK, "session-1-1")
    assert (second.intent, second.topic, second.confidence) == ("procedure", "seal", 0.8)
    assert first.path == [
        "input_guard",
        "query_analyzer",
        "query_transformer",
        "retriever",
        "generator",
        "judge",
        "output_guard",
        "memory_updater",
    ]
    assert first.path == [run.node for run in first.runs]
    assert first.is_complete and first.reply and first.release == "r-1"
    assert first.verdict == "accept" and first.score == first.verdicts[-1].score
    assert [suggestion.label for suggestion in first.guidance.suggestions] == ["procedure/seal"]


async def test_a_session_shows_whether_guidance_was_followed(tmp_path: Path) -> None:
    first, second = make_traces(await two_turns(tmp_path))

    assert (first.hit, first.followed) == (None, True)
    assert (second.hit, second.followed) == (True, None)


async def test_order_and_repeats_of_events_do_not_matter(tmp_path: Path) -> None:
    events = await two_turns(tmp_path)
    shuffled = [*events, *events[::3]]
    random.Random(1).shuffle(shuffled)

    assert make_traces(shuffled) == make_traces(events)


async def test_a_node_run_knows_the_state_before_and_after_it(tmp_path: Path) -> None:
    [trace, _] = make_traces(await two_turns(tmp_path))
    runs = {run.node: run for run in trace.runs}

    assert runs["input_guard"].before == {}
    assert runs["judge"].before["draft"] == runs["generator"].changed["draft"]
    assert runs["judge"].after == {**runs["judge"].before, **runs["judge"].changed}
    assert "verdict" not in runs["judge"].before and "verdict" in runs["judge"].after


def test_a_diff_names_only_what_has_another_value() -> None:
    trace = make_trace(
        [
            node_finished(0, "generator", 1, {"draft": "a", "tries": 1}),
            node_finished(1, "judge", 1, {"verdict": "revise", "draft": "a"}),
            node_finished(2, "generator", 2, {"draft": "b", "tries": 2}),
        ]
    )

    assert trace.runs[1].diff == [Change(field="verdict", before=None, after="revise")]
    assert trace.runs[2].diff == [
        Change(field="draft", before="a", after="b"),
        Change(field="tries", before=1, after=2),
    ]


def test_tokens_and_cost_add_up_and_stay_unknown_when_one_call_does_not_tell() -> None:
    run = node_finished(0, "generator", 1, {})
    known = make_trace([run, model_called(1, 10, 0.5), model_called(2, 20, 0.25)])
    unknown = make_trace([run, model_called(1, 10, 0.5), model_called(2, None, None)])
    none = make_trace([run])

    assert (known.input_tokens, known.output_tokens, known.cost_usd) == (30, 30, 0.75)
    assert (unknown.input_tokens, unknown.cost_usd, len(unknown.model_calls)) == (None, None, 2)
    assert (none.input_tokens, none.cost_usd) == (None, None)


def test_tool_calls_and_feedback_belong_to_the_turn() -> None:
    tool = ToolCalled(
        **ENVELOPE, event_id="t", turn=1, seq=1, tool="lookup", duration_ms=4, error="ToolFailed"
    )
    feedback = FeedbackGiven(**ENVELOPE, event_id="f", turn=1, seq=0, rating=2, resolved=False)

    trace = make_trace([feedback, node_finished(0, "tool_runner", 1, {}), tool])

    assert [(call.tool, call.error) for call in trace.tool_calls] == [("lookup", "ToolFailed")]
    assert (trace.rating, trace.resolved) == (2, False)


def test_a_turn_without_its_end_is_incomplete_but_readable() -> None:
    trace = make_trace([node_finished(0, "input_guard", 1, {"query": "x"})])

    assert not trace.is_complete
    assert (trace.duration_ms, trace.intent, trace.confidence) == (None, None, None)


def test_a_turn_known_only_by_its_end_has_no_runs() -> None:
    finished = TurnFinished(
        **ENVELOPE,
        event_id="e",
        turn=1,
        seq=0,
        query="q",
        response="r",
        intent="none",
        confidence=0,
        duration_ms=5,
    )

    trace = make_trace([finished])

    assert (trace.query, trace.reply, trace.runs, trace.is_complete) == ("q", "r", [], False)
    assert (trace.intent, trace.confidence) == (None, None)


def test_what_belongs_to_no_turn_makes_no_trace() -> None:
    completed = SessionCompleted(**ENVELOPE, event_id="c", turn=0, seq=1, reason="client", turns=1)
    feedback = FeedbackGiven(**ENVELOPE, event_id="f", turn=3, seq=0, rating=5)

    assert make_traces([completed, feedback]) == []
    with pytest.raises(TurnMissing) as caught:
        make_trace([feedback])
    assert caught.value.code == "graph.turn_missing"


async def test_a_trace_is_plain_json_without_the_folded_states(tmp_path: Path) -> None:
    [trace, _] = make_traces(await two_turns(tmp_path))

    plain = json.loads(json.dumps(trace.model_dump(mode="json")))

    assert plain["runs"][0]["node"] == "input_guard"
    assert "before" not in plain["runs"][-1]
