"""The short form of `python -m benchmarks.faults`: every goal holds, whatever is killed or fails when."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults import groups
from benchmarks.servicebench import SERVICES

ROOT = Path(__file__).parents[1]
ON_SERVICES = pytest.param("services", marks=pytest.mark.services(*SERVICES))


@pytest.mark.parametrize("group", [ON_SERVICES if group == "services" else group for group in groups()])
def test_every_goal_of_the_fault_table_holds(group: str) -> None:
    command = [sys.executable, "-m", "benchmarks.faults", "--short", "--only", group]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "goals missed: 0" in done.stdout
