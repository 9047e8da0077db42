"""The short form of `python -m benchmarks.faults`: every goal holds, whatever is killed or fails when."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults import groups

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("group", groups())
def test_every_goal_of_the_fault_table_holds(group: str) -> None:
    command = [sys.executable, "-m", "benchmarks.faults", "--short", "--only", group]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "goals missed: 0" in done.stdout
