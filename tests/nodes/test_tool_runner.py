"""Tools run at once; one that cannot help never takes the others with it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from memory.records import ToolCalled
from nodes import tool_runner as module
from nodes.tool_runner import RESULT_CHARACTERS, tool_runner
from tests.nodes.parts import context
from tests.turns import state
from tools.catalog import Tool, ToolFailed, ToolResult

pytestmark = pytest.mark.anyio

KEY = "AKIAIOSFODNN7EXAMPLE"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def pressure(arguments: dict[str, Any]) -> str:
    return f"The {arguments['model']} is at 3.5 bar."


async def failing(arguments: dict[str, Any]) -> str:
    raise ToolFailed("gauge", "the sensor is off")


async def broken(arguments: dict[str, Any]) -> str:
    raise ConnectionResetError("https://user:secret@host")


async def stuck(arguments: dict[str, Any]) -> str:
    await asyncio.Event().wait()
    return ""


async def run(
    *runs: Callable[[dict[str, Any]], Awaitable[str]],
) -> tuple[list[ToolResult], list[ToolCalled], list[str]]:
    """Plan each tool once; return results, events and what the turn calls degraded."""
    tools = {r.__name__: Tool(name=r.__name__, description="", run=r) for r in runs}
    given = context(tools=tools)
    tasks = [{"tool": name, "arguments": {"model": "P1"}} for name in tools]
    update = await tool_runner(state(tasks=tasks), given)
    called = [event for event in given.log.events if isinstance(event, ToolCalled)]
    return update["tool_results"], called, given.log.degraded


async def test_a_result_is_kept_with_its_arguments_and_noted() -> None:
    results, called, degraded = await run(pressure)

    assert results == [ToolResult(tool="pressure", arguments={"model": "P1"}, text="The P1 is at 3.5 bar.")]
    assert [(event.tool, event.error) for event in called] == [("pressure", None)]
    assert degraded == []


async def test_no_plan_gives_no_results() -> None:
    assert await tool_runner(state(), context()) == {"tool_results": []}


async def test_a_tool_that_fails_is_noted_and_the_others_answer() -> None:
    results, called, degraded = await run(failing, pressure)

    assert [result.text for result in results] == ["", "The P1 is at 3.5 bar."]
    assert "the sensor is off" in (results[0].error or "")
    assert sorted(event.tool for event in called if event.error) == ["failing"]
    assert degraded == ["tool_runner: failing failed"]


async def test_a_tool_that_breaks_is_noted_by_the_kind_of_error_and_the_others_answer() -> None:
    results, called, degraded = await run(broken, pressure)

    assert [result.text for result in results] == ["", "The P1 is at 3.5 bar."]
    assert results[0].error == "ConnectionResetError"
    assert "secret" not in str(called)
    assert degraded == ["tool_runner: broken failed"]


async def test_a_slow_tool_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOOL_S", 0.01)
    results, _, degraded = await run(stuck, pressure)

    assert [result.error for result in results] == ["no answer within 0.01 s", None]
    assert degraded == ["tool_runner: stuck failed"]


async def test_tools_run_side_by_side() -> None:
    met = asyncio.Barrier(2)

    async def first(arguments: dict[str, Any]) -> str:
        await met.wait()
        return "first"

    async def second(arguments: dict[str, Any]) -> str:
        await met.wait()
        return "second"

    results, _, _ = await run(first, second)

    assert [result.text for result in results] == ["first", "second"]


async def test_a_result_is_cut_and_a_secret_at_the_cut_is_not_left_in_half() -> None:
    async def long(arguments: dict[str, Any]) -> str:
        return "x" * (RESULT_CHARACTERS - 18) + "," + KEY + " more" * 100

    [result], _, _ = await run(long)

    assert len(result.text) <= RESULT_CHARACTERS
    assert KEY[:8] not in result.text
