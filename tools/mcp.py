"""Tools that MCP servers offer."""

import asyncio
import shlex
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp.types import TextContent
from mcp.types import Tool as McpTool

from memory.errors import AgentError
from memory.text import terms
from tools.catalog import Tool, ToolFailed

OPEN_S = 15.0
"""Longest wait for a server to start and list its tools (seconds)."""


class McpServerUnreachable(AgentError):
    """A configured MCP server did not start or answer."""

    code = "tools.mcp_server_unreachable"
    kind = "unavailable"

    def __init__(self, name: str, address: str, reason: str) -> None:
        super().__init__(
            f"MCP server `{name}` (`{address}`) cannot be used: {reason}.",
            fix="Start it, correct `mcp_servers`, or switch it off with `MCP_ENABLED=false`.",
        )


class McpConnection:
    """A connection to one server, held by a task of its own: MCP opens and closes in the same task only."""

    def __init__(self, name: str, address: str) -> None:
        self.tools: dict[str, Tool] = {}
        """What the server offers, by `server.tool`."""

        self._name = name
        self._address = address
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold())

    async def ready(self) -> None:
        """Wait until the tools are known.

        Raises:
            McpServerUnreachable: the server did not start or answer in time.
        """
        try:
            async with asyncio.timeout(OPEN_S):
                await asyncio.shield(self._ready)
        except TimeoutError:
            await self.close()
            reason = f"no answer within {OPEN_S:g} s"
            raise McpServerUnreachable(self._name, self._address, reason) from None

    async def close(self) -> None:
        """End the connection, and the server when it was started here."""
        self._stop.set()
        _, waiting = await asyncio.wait({self._task}, timeout=OPEN_S)
        for task in waiting:
            task.cancel()

    async def _hold(self) -> None:
        try:
            async with Client(_target(self._address), read_timeout_seconds=OPEN_S) as client:
                listed = await client.list_tools()
                self.tools = {tool.name: tool for tool in (self._as_tool(client, t) for t in listed.tools)}
                self._ready.set_result(None)
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001  whatever the library raises, the caller gets one clear error
            if not self._ready.done():
                reason = type(error).__name__
                self._ready.set_exception(McpServerUnreachable(self._name, self._address, reason))

    def _as_tool(self, client: Client, offered: McpTool) -> Tool:
        name = f"{self._name}.{offered.name}"

        async def run(arguments: dict[str, Any]) -> str:
            try:
                result = await client.call_tool(offered.name, arguments)
            except MCPError:
                raise ToolFailed(name, "the server does not answer") from None
            text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
            if result.is_error:
                raise ToolFailed(name, "the server reports an error")
            return text

        def plan(question: str, entities: dict[str, str]) -> dict[str, Any] | None:
            return _plan(offered, question, entities)

        return Tool(
            name=name,
            description=offered.description or offered.name,
            run=run,
            plan=plan,
            schema=offered.input_schema,
        )


async def open_mcp_servers(addresses: dict[str, str]) -> list[McpConnection]:
    """Connect to every server, by name and command line or URL; all of them or none.

    Raises:
        McpServerUnreachable: one of them cannot be used.
    """
    connections = [McpConnection(name, address) for name, address in addresses.items()]
    try:
        await asyncio.gather(*(connection.ready() for connection in connections))
    except McpServerUnreachable:
        await asyncio.gather(*(connection.close() for connection in connections))
        raise
    return connections


def _target(address: str) -> str | StdioServerParameters:
    if address.startswith(("http://", "https://")):
        return address
    command, *arguments = shlex.split(address)
    return StdioServerParameters(command=command, args=arguments)


def _plan(offered: McpTool, question: str, entities: dict[str, str]) -> dict[str, Any] | None:
    """Choose a tool when the question holds every word of its name; fill what it requires from the entities.

    A single required text that no entity fills gets the whole question.
    """
    words = set(terms(question))
    if not set(terms(offered.name.replace("_", " ").replace("-", " "))) <= words:
        return None
    properties = offered.input_schema.get("properties", {})
    required = offered.input_schema.get("required", [])
    arguments: dict[str, Any] = {name: value for name, value in entities.items() if name in properties}
    left = [name for name in required if name not in arguments]
    if len(left) == 1 and properties.get(left[0], {}).get("type") == "string":
        arguments[left[0]] = question
        left = []
    return None if left else arguments
