"""Where a turn goes next: pure functions of the state."""

from typing import Literal

from graph.state import GraphState


def after_input_guard(state: GraphState) -> Literal["query_analyzer", "output_guard"]:
    """A blocked message goes straight to its reply."""
    return "output_guard" if state.blocked_by else "query_analyzer"


def after_query_analyzer(state: GraphState) -> Literal["clarifier", "query_transformer"]:
    """An unclear message is asked about first, unless it follows steps that may tell what it means."""
    person = state.analysis is not None and state.analysis.asks_for_person
    return "clarifier" if state.is_unclear and (person or not state.flow) else "query_transformer"


def after_query_transformer(state: GraphState) -> Literal["clarifier", "retriever"]:
    """What the patterns could not make clear either is asked about."""
    return "clarifier" if state.is_unclear else "retriever"


def after_retriever(state: GraphState) -> Literal["task_planner", "generator"]:
    """A domain without tools needs no plan."""
    return "task_planner" if state.has_tools else "generator"


def after_task_planner(state: GraphState) -> Literal["tool_runner", "generator"]:
    """Without tasks there is nothing to run."""
    return "tool_runner" if state.tasks else "generator"


def after_judge(state: GraphState) -> Literal["generator", "output_guard"]:
    """A draft to revise goes back; the judge sees to it that this ends."""
    return "generator" if state.verdict is not None and state.verdict.decision == "revise" else "output_guard"
