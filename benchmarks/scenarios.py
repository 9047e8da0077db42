"""Runs the scenarios of a domain through whole turns and says how many show what they must.

Example: python -m benchmarks.scenarios --domain solaris
"""

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from agent.runtime import Runtime
from agent.settings import load_settings
from agent.wiring import open_runtime
from domains.loader import find_domain, load_domain, load_scenarios
from domains.model import Scenario
from memory.ids import new_request_id, new_session_id
from memory.turns import TurnReply, TurnRequest


class Outcome(NamedTuple):
    """What a turn showed of what it must."""

    kind: bool
    intent: bool
    facts: bool
    source: bool


def judge(scenario: Scenario, reply: TurnReply) -> Outcome:
    """Compare a reply with its scenario; what a scenario does not ask for counts as shown."""
    text = reply.reply.lower()
    cited = [citation.source for citation in reply.citations]
    return Outcome(
        kind=reply.kind == scenario.kind,
        intent=scenario.kind != "answer" or reply.intent == scenario.intent,
        facts=all(fact.lower() in text for fact in scenario.facts),
        source=not scenario.sources
        or any(source.startswith(wanted) for wanted in scenario.sources for source in cited),
    )


async def ask(runtime: Runtime, scenario: Scenario, domain: str) -> TurnReply:
    """Ask a scenario's question in a session of its own."""
    request = TurnRequest(
        query=scenario.question,
        session_id=new_session_id(),
        request_id=new_request_id(),
        domain=domain,
        flow=scenario.after,
    )
    return await runtime.turn(request)


async def run(domain: str, state: Path, *, verbose: bool) -> dict[str, float]:
    """Return the share of scenarios that show each thing, and the median time of a turn (milliseconds)."""
    scenarios = load_scenarios(load_domain(find_domain(domain)))
    runtime = await open_runtime(load_settings(state_dir=state, domain=domain))
    try:
        replies = [await ask(runtime, scenario, domain) for scenario in scenarios]
    finally:
        await runtime.close()
    outcomes = [judge(scenario, reply) for scenario, reply in zip(scenarios, replies, strict=True)]
    if verbose:
        for scenario, reply, outcome in zip(scenarios, replies, outcomes, strict=True):
            if not all(outcome):
                missed = [name for name, shown in outcome._asdict().items() if not shown]
                print(f"{scenario.id}: {', '.join(missed)}")
                print(f"  ? {scenario.question}")
                print(f"  = {reply.kind}: {reply.reply!r}")
                print(f"  wanted {scenario.kind} {scenario.facts} {scenario.sources}")
    times = sorted(reply.duration_ms for reply in replies)
    shares = {
        name: round(sum(getattr(outcome, name) for outcome in outcomes) / len(outcomes), 3)
        for name in Outcome._fields
    }
    whole = round(sum(all(outcome) for outcome in outcomes) / len(outcomes), 3)
    return {"scenarios": len(scenarios), **shares, "all": whole, "p50_ms": round(times[len(times) // 2], 1)}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domain", default="solaris")
    parser.add_argument("--state", type=Path, help="state folder; a temporary one by default")
    parser.add_argument("--verbose", action="store_true", help="print each miss")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        state = arguments.state or Path(temporary)
        figures = asyncio.run(run(arguments.domain, state, verbose=arguments.verbose))
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:>10}  {figure:g}")


if __name__ == "__main__":
    main()
