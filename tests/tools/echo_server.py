"""A real MCP server on standard input and output; started by the tests of MCP."""

import os

from mcp.server import MCPServer

server = MCPServer("echo")


@server.tool()
def echo_text(text: str) -> str:
    """Say the text again."""
    return f"echo: {text}"


@server.tool()
def seal_age(model: str, unit: str = "h") -> str:
    """Say how old the seal of a model is."""
    return f"{model}: 8000 {unit}"


@server.tool()
def break_down() -> str:
    """Fail with a text that nobody should see."""
    raise RuntimeError("password=hunter2")


@server.tool()
def process_number() -> str:
    """Say which process this is."""
    return str(os.getpid())


@server.tool()
def vanish() -> str:
    """End the process without an answer."""
    os._exit(3)


if __name__ == "__main__":
    server.run()
