"""The graph for clients of LangGraph: a clarifying question interrupts the run, the answer resumes it."""

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from agent import studio
from agent.studio import ANSWER_WANTED, studio_graph
from graph.build import STOPS
from graph.state import GraphContext
from memory.records import Analysis
from tests.nodes.parts import context
from tests.turns import Scripted

pytestmark = pytest.mark.anyio

THREAD: RunnableConfig = {"configurable": {"thread_id": "studio-1"}}
ASKED = "What about the valve"
DOUBTFUL = Analysis(intent="procedure", intent_confidence=0.2, runner_up="troubleshooting", margin=0.01)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the graph with a checkpointer, as `langgraph dev` has one, and parts of the small domain."""

    async def small(query: str, thread: str) -> GraphContext:
        return context(query, classifier=Scripted(answers={ASKED: DOUBTFUL}), session_id=thread)

    monkeypatch.setattr(studio, "_context", small)
    monkeypatch.setattr(studio, "TURNS", {})
    return studio_graph().compile(checkpointer=InMemorySaver())


async def test_a_question_interrupts_and_the_answer_resumes_with_what_was_asked(graph: Any) -> None:
    paused = await graph.ainvoke({"query": ASKED}, THREAD)

    [asked] = paused["__interrupt__"]
    assert asked.value["readings"] == ["procedure", "troubleshooting"]
    assert "Which of these is it?" in asked.value["question"]
    assert (await graph.aget_state(THREAD)).next == (ANSWER_WANTED,)

    resumed = await graph.ainvoke(Command(resume="2"), THREAD)

    assert "__interrupt__" not in resumed
    assert [turn["query"] for turn in resumed["session"]["turns"]] == [
        ASKED,
        f"{ASKED} (Something is wrong.)",
    ]
    assert resumed["session"]["flow"] == ["troubleshooting/seal"]
    assert resumed["session"]["offered"] == []
    assert (await graph.aget_state(THREAD)).next == ()


async def test_an_answer_passes_the_guards_like_any_message(graph: Any) -> None:
    await graph.ainvoke({"query": ASKED}, THREAD)
    resumed = await graph.ainvoke(Command(resume="What are your prices?"), THREAD)

    assert resumed["reply"] == "Ask sales about prices."


async def test_after_two_questions_in_a_row_a_person_takes_over(graph: Any) -> None:
    await graph.ainvoke({"query": ASKED}, THREAD)
    again = await graph.ainvoke(Command(resume="neither"), THREAD)
    assert again["__interrupt__"]
    last = await graph.ainvoke(Command(resume="no"), THREAD)

    assert "__interrupt__" not in last
    assert last["reply"].startswith("A person will take over.")


async def test_a_new_question_instead_of_an_answer_is_a_turn_of_its_own(graph: Any) -> None:
    await graph.ainvoke({"query": ASKED}, THREAD)
    other = await graph.ainvoke({"query": "How do I change the seal of the P1?"}, THREAD)

    assert "__interrupt__" not in other
    assert other["session"]["turns"][-1]["query"] == "How do I change the seal of the P1?"


async def test_the_nodes_are_those_of_a_turn_and_the_one_that_waits(graph: Any) -> None:
    assert set(graph.nodes) - {"__start__"} == {*STOPS, ANSWER_WANTED}
