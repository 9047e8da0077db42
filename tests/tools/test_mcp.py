"""Tools of a real MCP server in a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tools import mcp as module
from tools.catalog import Tool, ToolFailed
from tools.mcp import McpServerUnreachable, open_mcp_servers

pytestmark = pytest.mark.anyio

ECHO = f"{sys.executable} {Path(__file__).with_name('echo_server.py')}"
SLEEPER = f"{sys.executable} -c 'import sys; sys.stdin.read()'"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def echo_tools() -> AsyncIterator[dict[str, Tool]]:
    [connection] = await open_mcp_servers({"echo": ECHO})
    try:
        yield connection.tools
    finally:
        await connection.close()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_tools_are_listed_by_server_and_name_and_answer() -> None:
    async with echo_tools() as tools:
        answer = await tools["echo.echo_text"].run({"text": "hello"})

        assert "echo.seal_age" in tools
        assert tools["echo.echo_text"].description == "Say the text again."
        assert (tools["echo.seal_age"].schema or {})["required"] == ["model"]

    assert answer == "echo: hello"


async def test_a_tool_is_planned_only_when_the_question_holds_the_words_of_its_name() -> None:
    async with echo_tools() as tools:
        plans = {name: tool.plan for name, tool in tools.items()}

    def plan(name: str, question: str, **entities: str) -> object:
        chosen = plans[name]
        assert chosen is not None
        return chosen(question, entities)

    assert plan("echo.seal_age", "What is the age of the seals?", model="P1", part="x") == {"model": "P1"}
    assert plan("echo.seal_age", "How old is the seal?", model="P1") is None
    assert plan("echo.echo_text", "Echo this text") == {"text": "Echo this text"}
    assert plan("echo.echo_text", "Change the seal") is None
    assert plan("echo.process_number", "Which process number?") == {}


async def test_an_error_of_the_server_is_a_failed_tool_without_the_text_of_the_error() -> None:
    async with echo_tools() as tools:
        with pytest.raises(ToolFailed) as caught:
            await tools["echo.break_down"].run({})

    assert "echo.break_down" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_vanishes_fails_the_call_and_can_still_be_closed() -> None:
    async with echo_tools() as tools:
        with pytest.raises(ToolFailed) as caught:
            await tools["echo.vanish"].run({})

    assert "the server does not answer" in str(caught.value)


async def test_closing_ends_the_process() -> None:
    async with echo_tools() as tools:
        pid = int(await tools["echo.process_number"].run({}))
        assert is_running(pid)

    assert not is_running(pid)


@pytest.mark.parametrize(
    "address",
    ["no-such-command-anywhere", "", "'unclosed", f"{sys.executable} -c 'raise SystemExit(1)'"],
)
async def test_a_server_that_does_not_start_is_named(address: str) -> None:
    with pytest.raises(McpServerUnreachable) as caught:
        await open_mcp_servers({"gauges": address})

    assert "`gauges`" in str(caught.value)
    assert caught.value.fix


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_S", 0.5)

    with pytest.raises(McpServerUnreachable):
        await open_mcp_servers({"silent": SLEEPER})


async def test_one_server_that_fails_closes_the_others() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(McpServerUnreachable) as caught:
        await open_mcp_servers({"echo": ECHO, "gauges": "no-such-command-anywhere"})

    assert "`gauges`" in str(caught.value)
    assert asyncio.all_tasks() == before


async def test_no_servers_is_fine() -> None:
    assert await open_mcp_servers({}) == []
