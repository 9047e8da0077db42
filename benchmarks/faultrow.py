"""One line of the fault table; a group of faults is a module `benchmarks.faults_…` with `fault_rows`."""

from typing import NamedTuple


class FaultRow(NamedTuple):
    """What a fault did, and whether that is good enough."""

    fault: str
    tries: int
    """How often it was brought about (count)."""

    result: str
    """What was counted or measured."""

    goal: str
    is_met: bool
