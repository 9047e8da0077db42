"""What a tool is and how it answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from memory.errors import AgentError
from memory.records import Record


class ToolResult(Record):
    """What a tool gave back; data, never instructions."""

    tool: str
    arguments: dict[str, Any]
    text: str
    """The result as a reader would cite it; "" when it failed."""

    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something a domain may call."""

    name: str
    description: str
    run: Callable[[dict[str, Any]], Awaitable[str]]
    """Takes the arguments, returns text; raises `ToolFailed`."""

    plan: Callable[[str, dict[str, str]], dict[str, Any] | None] | None = None
    """Local planner: question and entities to arguments; `None` when the tool is not needed."""

    schema: dict[str, Any] | None = None
    """JSON schema of the arguments, for planning by a chat model."""


class ToolFailed(AgentError):
    """The tool cannot help; the turn goes on without it."""

    code = "tools.failed"
    kind = "unavailable"

    def __init__(self, tool: str, reason: str) -> None:
        super().__init__(
            f"Tool `{tool}` failed: {reason}.", fix="Ask again, or ask without what the tool gives."
        )
