"""The machine: nodes and edges, nothing else."""

from collections.abc import Callable

from langgraph.graph import END, START, StateGraph

from graph.noderun import Node, as_run
from graph.routes import (
    after_input_guard,
    after_judge,
    after_query_analyzer,
    after_retriever,
    after_task_planner,
)
from graph.state import GraphContext, GraphState, NodeName
from nodes.clarifier import clarifier
from nodes.generator import generator
from nodes.input_guard import input_guard
from nodes.judge import judge
from nodes.memory_updater import memory_updater
from nodes.output_guard import output_guard
from nodes.query_analyzer import query_analyzer
from nodes.query_transformer import query_transformer
from nodes.retriever import retriever
from nodes.task_planner import task_planner
from nodes.tool_runner import tool_runner

NODES: dict[NodeName, Node] = {
    "input_guard": input_guard,
    "query_analyzer": query_analyzer,
    "clarifier": clarifier,
    "query_transformer": query_transformer,
    "retriever": retriever,
    "task_planner": task_planner,
    "tool_runner": tool_runner,
    "generator": generator,
    "judge": judge,
    "output_guard": output_guard,
    "memory_updater": memory_updater,
}

EDGES: list[tuple[str, str]] = [
    (START, "input_guard"),
    ("clarifier", "memory_updater"),
    ("query_transformer", "retriever"),
    ("tool_runner", "generator"),
    ("generator", "judge"),
    ("output_guard", "memory_updater"),
    ("memory_updater", END),
]

ROUTES: dict[str, Callable[[GraphState], str]] = {
    "input_guard": after_input_guard,
    "query_analyzer": after_query_analyzer,
    "retriever": after_retriever,
    "task_planner": after_task_planner,
    "judge": after_judge,
}

StepGraph = StateGraph[GraphState, GraphContext, GraphState, GraphState]


def build_graph(nodes: dict[NodeName, Node] = NODES) -> StepGraph:
    """Return the graph of one turn, not yet compiled; all domains share it."""
    graph: StepGraph = StateGraph(GraphState, context_schema=GraphContext)
    for name, node in nodes.items():
        graph.add_node(name, as_run(name, node))
    for start, end in EDGES:
        graph.add_edge(start, end)
    for start, route in ROUTES.items():
        graph.add_conditional_edges(start, route)
    return graph


def most_steps(revisions: int) -> int:
    """Return how many steps the longest turn takes with that many revisions: the recursion limit of a run."""
    return len(NODES) + 2 * revisions + 2
