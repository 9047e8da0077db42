"""The runtime's figures, each against a peer or a limit in the same run.

Example: python -m benchmarks.runtime --json figures.json
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import edge, turns


class Figure(NamedTuple):
    """One row of the table."""

    name: str
    ours: str
    against: str
    ratio: float
    goal: float

    @property
    def is_met(self) -> bool:
        """True when the ratio, or the value that stands for it, is within its goal."""
        return self.ratio <= self.goal


def start() -> Figure:
    """Process start to the first 200 on /ping."""
    mine, peer = edge.starts_s()
    return Figure("start to /ping 200, wall", f"{mine:.2f} s", f"hello-world {peer:.2f} s", mine / peer, 0.6)


def turn() -> Figure:
    """CPU of a turn with trivial skills."""
    mine, peer = asyncio.run(turns.turn_cpu_ms())
    return Figure("CPU per turn", f"{mine:.2f} ms", f"bare LangGraph {peer:.2f} ms", mine / peer, 1.5)


def request() -> Figure:
    """CPU of a JSON request over the call behind it."""
    mine = asyncio.run(edge.request_ms())
    return Figure("CPU per JSON request over the call", f"{mine:.3f} ms", "limit 0.4 ms", mine, 0.4)


def event() -> Figure:
    """CPU of a streamed event."""
    mine, peer = asyncio.run(edge.event_ms())
    return Figure("CPU per SSE event", f"{mine:.4f} ms", f"SDK bridge {peer:.4f} ms", mine / peer, 0.3)


def ping() -> Figure:
    """p99 of /ping with 200 silent streams."""
    mine = asyncio.run(edge.ping_p99_ms("benchmarks.edge:ours", {"prompt": "silence 60"}, edge.PINGS))
    peer = asyncio.run(edge.ping_p99_ms("benchmarks.hello:app", {"silent_s": 60}, edge.PEER_PINGS))
    return Figure("p99 of /ping, 200 silent streams", f"{mine:.1f} ms", f"SDK app {peer:.0f} ms", mine, 10)


def offline(domain: str, state: Path) -> Figure:
    """Wall time of a real offline turn."""
    mine = asyncio.run(turns.offline_turn_ms(domain, state))
    return Figure(f"real offline turn, {domain}, p50", f"{mine:.1f} ms", "limit 60 ms", mine, 60)


def growth() -> list[Figure]:
    """What a long session costs."""
    cpu, stored = asyncio.run(turns.long_session())
    return [
        Figure("CPU of turn 200 over turn 2", f"{cpu:.2f}x", "limit 1.5x", cpu, 1.5),
        Figure("stored bytes over text bytes", f"{stored:.1f}x", "limit 6x", stored, 6),
    ]


def memory() -> Figure:
    """Memory after 5,000 turns in 500 sessions."""
    mine = asyncio.run(turns.memory_growth())
    return Figure("memory, 5,000 turns over 500", f"{mine:.3f}x", "limit 1.1x", mine, 1.1)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--only", metavar="NAME", help="name of one row")
    parser.add_argument("--domain", default="support", help="domain of the real offline turn")
    parser.add_argument("--state", type=Path, help="state folder that holds its index already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        state = arguments.state or Path(temporary)
        rows: dict[str, Callable[[], Figure | list[Figure]]] = {
            "start": start,
            "turn": turn,
            "request": request,
            "event": event,
            "ping": ping,
            "offline": lambda: offline(arguments.domain, state),
            "growth": growth,
            "memory": memory,
        }
        figures: list[Figure] = []
        for name, measure in rows.items():
            if arguments.only in (None, name):
                print(f"measuring: {name}", file=sys.stderr)
                found = measure()
                figures += found if isinstance(found, list) else [found]
    for figure in figures:
        mark = "met" if figure.is_met else "MISSED"
        against = f"{figure.against:<26} {figure.ratio:8.3f}"
        print(f"{figure.name:<36} {figure.ours:>10}  {against}  goal {figure.goal:g}  {mark}")
    if arguments.json:
        rows_out = [figure._asdict() | {"is_met": figure.is_met} for figure in figures]
        arguments.json.write_text(json.dumps(rows_out, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
