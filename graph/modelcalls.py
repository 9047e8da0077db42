"""Notes every request to a chat model, whichever node or tool makes it."""

import time
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from graph.turnlog import TurnLog
from memory.records import ModelCalled


class ModelCallRecorder(AsyncCallbackHandler):
    """Turns LangChain's callbacks into `ModelCalled` events; reads counts, never texts."""

    ignore_chain = True
    ignore_retriever = True
    ignore_agent = True
    run_inline = True

    def __init__(self, log: TurnLog) -> None:
        self._log = log
        self._open: dict[UUID, tuple[str, str, float]] = {}

    async def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Remember who asked which model, and when."""
        known = metadata or {}
        model = str(known.get("ls_model_name") or (serialized or {}).get("name") or "unknown")
        self._open[run_id] = (str(known.get("langgraph_node", "unknown")), model, time.perf_counter())

    async def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Write the event with the tokens that the model reports."""
        if run_id not in self._open:
            return
        node, model, start = self._open.pop(run_id)
        usage = _usage(response)
        self._log.add(
            ModelCalled,
            node=node,
            model=model,
            duration_ms=round((time.perf_counter() - start) * 1000, 3),
            input_tokens=usage.get("input_tokens"),
            output_tokens=usage.get("output_tokens"),
        )


def _usage(response: LLMResult) -> dict[str, Any]:
    for generations in response.generations:
        for generation in generations:
            if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                return dict(generation.message.usage_metadata or {})
    return {}
