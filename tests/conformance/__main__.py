"""Which adapter keeps which promise: `python -m tests.conformance` runs the suites and prints port x adapter.

The ports of `memory/ports.py` have one suite each, which every adapter passes. What stands behind a port of
LangChain, or sends and never reads back, is shown with the tests that it has.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from tests.conformance.adapters import NAMES

HERE = Path(__file__).parent
PLACES = {"state": "embedded", "dynamodb": "dynamodb", "valkey": "redis", "agentcore": "its API, faked"}
"""Where sessions are kept, and what that is tested against."""

SESSIONS = "tests/agent/test_session_memory.py"


class Row(NamedTuple):
    """A line of the table."""

    port: str
    adapter: str
    against: str


BESIDE = {
    "tests/memory/test_eventbridge.py": (
        "event bus",
        "eventbridge",
        "aws; answers of ours",
    ),
    "tests/memory/test_bedrock_knowledge.py": ("knowledge index", "bedrock-knowledge-base", "Stubber"),
    "tests/memory/test_valkey.py": ("cache", "valkey", "redis"),
    "tests/bedrock/test_server.py": ("chat model", "bedrock", "a server of ours"),
    "tests/bedrock/test_embeddings.py": ("embeddings", "bedrock", "a server of ours"),
}
"""Tests that are no suite of a port: file to port, adapter and what it is tested against."""


def row_of(nodeid: str, services: tuple[str, ...]) -> Row | None:
    """Return the line that a test counts for; `None` when it is about no adapter."""
    file, _, test = nodeid.partition("::")
    given = re.search(r"\[(.*)\]$", test)
    names = PLACES if file == SESSIONS else NAMES
    name = max((one for one in names if given and _is_part(one, given[1])), key=len, default="")
    if file in BESIDE:
        return Row(*BESIDE[file])
    if not name or file.endswith("test_matrix.py"):
        return None
    if file == SESSIONS:
        return Row("session memory", name, PLACES[name])
    port = Path(file).stem.removeprefix("test_").replace("_", " ")
    return Row(port, name, ", ".join(services) or "embedded")


def _is_part(name: str, given: str) -> bool:
    return re.search(rf"(^|-){re.escape(name)}(-|$)", given) is not None


class Matrix:
    """A plugin of pytest that counts."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.counts: Counter[tuple[Row, str]] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            mark = item.get_closest_marker("services")
            row = row_of(item.nodeid, tuple(mark.args) if mark else ())
            if row:
                self.rows[item.nodeid] = row

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self.rows.get(report.nodeid)
        if row and (report.when == "call" or report.outcome != "passed"):
            self.counts[row, report.outcome] += 1

    def lines(self) -> list[str]:
        """Return the table in Markdown."""
        head = ["| port | adapter | tested against | run | passed | skipped |", "|---|---|---|--:|--:|--:|"]
        rows = sorted({row for row, _ in self.counts})
        return head + [self._line(row) for row in rows]

    def _line(self, row: Row) -> str:
        passed, failed, skipped = (self.counts[row, one] for one in ("passed", "failed", "skipped"))
        cells: tuple[Any, ...] = (*row, passed + failed, passed, skipped)
        return f"| {' | '.join(map(str, cells))} |"


def main() -> int:
    """Run the suites and print the table; returns pytest's exit status."""
    matrix = Matrix()
    root = HERE.parents[1]
    paths = [str(HERE), *(str(root / file) for file in (*BESIDE, SESSIONS))]
    status = pytest.main(["-qq", "--no-header", "-p", "no:cacheprovider", *paths], plugins=[matrix])
    typer.echo("\n".join(matrix.lines()))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
