"""The machine: nodes and where they lead, nothing else."""

from collections.abc import Mapping
from typing import NamedTuple

from langgraph.graph import END, START, StateGraph

from graph.noderun import Node, Route, as_run
from graph.routes import (
    after_input_guard,
    after_judge,
    after_query_analyzer,
    after_query_transformer,
    after_retriever,
    after_task_planner,
)
from graph.state import Channels, GraphContext, NodeName
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


class Stop(NamedTuple):
    """A node and where it leads."""

    node: Node
    leads_to: tuple[str, ...]
    route: Route | None = None
    """Chooses when it leads to more than one."""


STOPS: dict[NodeName, Stop] = {
    "input_guard": Stop(input_guard, ("query_analyzer", "output_guard"), after_input_guard),
    "query_analyzer": Stop(query_analyzer, ("clarifier", "query_transformer"), after_query_analyzer),
    "clarifier": Stop(clarifier, ("memory_updater",)),
    "query_transformer": Stop(query_transformer, ("clarifier", "retriever"), after_query_transformer),
    "retriever": Stop(retriever, ("task_planner", "generator"), after_retriever),
    "task_planner": Stop(task_planner, ("tool_runner", "generator"), after_task_planner),
    "tool_runner": Stop(tool_runner, ("generator",)),
    "generator": Stop(generator, ("judge",)),
    "judge": Stop(judge, ("generator", "output_guard"), after_judge),
    "output_guard": Stop(output_guard, ("memory_updater",)),
    "memory_updater": Stop(memory_updater, (END,)),
}
"""The nodes of a turn; the first one is where it begins."""

TurnStateGraph = StateGraph[Channels, GraphContext, Channels, Channels]


def build_graph(stops: Mapping[NodeName, Stop] = STOPS) -> TurnStateGraph:
    """Return the graph of one turn, not yet compiled; all domains share it."""
    graph: TurnStateGraph = StateGraph(Channels, context_schema=GraphContext)
    for name, stop in stops.items():
        run = as_run(name, stop.node, stop.route or _always(stop.leads_to[0]))
        graph.add_node(name, run, destinations=stop.leads_to)
    graph.add_edge(START, next(iter(stops)))
    return graph


def _always(target: str) -> Route:
    return lambda _: target


def most_steps(revisions: int) -> int:
    """Return how many steps the longest turn takes with that many revisions: the recursion limit of a run."""
    return len(STOPS) + 2 * revisions + 2
