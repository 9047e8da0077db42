"""The peer: a hello-world `BedrockAgentCoreApp` with a graph of three nodes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypedDict

from bedrock_agentcore.runtime import BedrockAgentCoreApp
from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    """What the three nodes pass on."""

    prompt: str
    result: str


async def first(state: State) -> State:
    """Do nothing."""
    return {"result": state["prompt"]}


async def second(state: State) -> State:
    """Do nothing."""
    return {"result": state["result"]}


async def third(state: State) -> State:
    """Do nothing."""
    return {"result": state["result"]}


builder = StateGraph(State)
for name, node, before in (("a", first, START), ("b", second, "a"), ("c", third, "b")):
    builder.add_node(name, node)
    builder.add_edge(before, name)
builder.add_edge("c", END)
graph = builder.compile()

app = BedrockAgentCoreApp()


@app.entrypoint
async def invoke(payload: dict[str, Any]) -> Any:
    """Answer; stream `events` events, or stay silent for `silent_s` seconds, when the payload asks for it."""
    if "events" in payload:
        return _events(int(payload["events"]))
    if "silent_s" in payload:
        return _silence(float(payload["silent_s"]))
    return await graph.ainvoke({"prompt": payload.get("prompt", "")})


async def _events(count: int) -> AsyncIterator[dict[str, Any]]:
    for number in range(count):
        yield {"type": "token", "id": number, "data": {"text": "a few words of it"}}


async def _silence(seconds: float) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "start"}
    await asyncio.sleep(seconds)
    yield {"type": "final"}
