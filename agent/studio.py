"""The graph for `langgraph dev`: the same nodes and routes, with a state that Studio can show and edit.

`langgraph dev` brings its own checkpointer and can hand in plain JSON only, so each node gets its context
here. Turns asked in Studio are looked at, not recorded.

Clients of LangGraph can resume a run, so here a clarifying question interrupts it, and the answer goes on as
the next turn: `command={"resume": "2"}`. Other clients get the question as a reply, and answer when they
like; both ways the same nodes read the answer.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from agent.settings import load_settings
from agent.wiring import open_runtime
from graph.build import STOPS, Stop
from graph.noderun import as_run
from graph.state import Channels, GraphContext, GraphState, NodeName
from graph.turnlog import TurnLog
from memory.ids import new_request_id

ANSWER_WANTED = "answer_wanted"
"""Node that waits for the answer to a clarifying question."""


class StudioInput(TypedDict):
    """What is asked."""

    query: str


class StudioState(StudioInput, total=False):
    """What Studio shows: the session's memory, the reply, and what the last node changed."""

    session: dict[str, Any]
    reply: str
    changed: dict[str, Any]


class Running:
    """A turn on its way through the graph."""

    def __init__(self, context: GraphContext, session: dict[str, Any]) -> None:
        self.context = context
        self.channels = Channels(session=session, turn=GraphState(**session))


TURNS: dict[str, Running] = {}
"""Turns on their way, by thread."""


def studio_graph() -> StateGraph[StudioState, None, StudioInput, StudioState]:
    """Return the graph, not yet compiled."""
    graph: StateGraph[StudioState, None, StudioInput, StudioState] = StateGraph(
        StudioState, input_schema=StudioInput
    )
    for name, stop in STOPS.items():
        ways = (*stop.leads_to, ANSWER_WANTED) if END in stop.leads_to else stop.leads_to
        graph.add_node(name, _bridged(name, stop), destinations=ways)
    first = next(iter(STOPS))
    graph.add_node(ANSWER_WANTED, _answer_wanted, destinations=(first,))
    graph.add_edge(START, first)
    return graph


def _bridged(name: NodeName, stop: Stop) -> Any:
    """Return a node that keeps the whole state here and shows Studio the plain part of it."""
    run = as_run(name, stop.node, stop.route or (lambda _: stop.leads_to[0]))

    async def bridged(state: StudioState, config: RunnableConfig) -> Command[str]:
        thread = str(config.get("configurable", {}).get("thread_id", "studio"))
        if name == next(iter(STOPS)):
            TURNS[thread] = Running(await _context(state["query"], thread), state.get("session", {}))
        turn = TURNS[thread]
        command = await run(turn.channels, Runtime(context=turn.context))
        update = dict(command.update) if isinstance(command.update, dict) else {}
        turn.channels = Channels(session=update.get("session", turn.channels.session), turn=update["turn"])
        shown: dict[str, Any] = {
            "changed": turn.context.log.events[-1].model_dump(mode="json").get("changed", {}),
            "session": turn.channels.session,
            "reply": update["turn"].reply,
        }
        if command.goto != END:
            return Command(update=shown, goto=command.goto)
        del TURNS[thread]
        return Command(update=shown, goto=ANSWER_WANTED if turn.channels.session["offered"] else END)

    return bridged


async def _answer_wanted(state: StudioState) -> Command[str]:
    """Ask, and begin the next turn with the answer; a new input instead of one is a turn of its own.

    A node of its own, behind all others: LangGraph runs it again from its start when the run is resumed.
    """
    answer = interrupt({"question": state["reply"], "readings": state["session"]["offered"]})
    return Command(update={"query": str(answer)}, goto=next(iter(STOPS)))


@cache
def _opening() -> list[Any]:
    """Hold the runtime once it is open; made at the first question, in the loop of the server."""
    return []


async def _context(query: str, thread: str) -> GraphContext:
    """Make the context of one turn from the settings."""
    opened = _opening()
    if not opened:
        opened.append(await open_runtime(load_settings()))
    settings = opened[0].settings
    services = await opened[0].services(settings.domain)
    request_id = new_request_id()
    log = TurnLog(
        session_id=thread,
        request_id=request_id,
        tenant=settings.tenant,
        domain=settings.domain,
        user="studio",
        turn=1,
        release=services.release,
        now=lambda: datetime.now(UTC),
        redact=services.redact,
    )
    return GraphContext(
        services=services,
        skills=services.primary,
        session_id=thread,
        tenant=settings.tenant,
        user="studio",
        turn=1,
        raw_query=query,
        request_id=request_id,
        now=lambda: datetime.now(UTC),
        log=log,
    )


graph = studio_graph().compile(name="slipstream")
