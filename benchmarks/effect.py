"""Does the report find what guidance does, how soon, and how often does it err while somebody looks on?

python -m benchmarks.effect --seeds 100
"""

import argparse
import statistics
import time
from typing import NamedTuple

from benchmarks.simulate import World, simulate
from learning.anytime import MISTAKES
from learning.demotion import harmful
from learning.effect import measure

LOOKS = 20
"""Times that somebody looks at the report while sessions come in."""

WORLDS = {
    "nothing planted": World(),
    "each pattern does good (+0.04)": World(effects={f"p-{n}": 0.04 for n in range(10)}),
    "one does harm (-0.30)": World(effects={"p-3": -0.30}),
    "one does harm, hold-out 10 %": World(effects={"p-3": -0.30}, holdout_share=0.1),
    "one harms, one helps": World(effects={"p-3": -0.30, "p-5": 0.25}),
}


class Run(NamedTuple):
    """What was found in one simulated log, looking again and again."""

    demoted: dict[str, int]
    """Pattern id to the sessions after which it was first found to do harm (count)."""

    below: int | None
    """Sessions after which guidance as a whole was first found to do harm."""

    above: int | None
    """Sessions after which it was first found to do good."""


def watch(world: World, sessions: int, seed: int, *, looks: int = LOOKS) -> Run:
    """Look at a growing log, as somebody would who cannot wait."""
    log = simulate(world, sessions, seed)
    demoted: dict[str, int] = {}
    below = above = None
    for look in range(1, looks + 1):
        seen = log[: sessions * look // looks]
        report = measure(seen, "simulated")
        for pattern_id in harmful(seen, report, {}):
            demoted.setdefault(pattern_id, len(seen))
        if below is None and (report.solved.high or 0.0) < 0:
            below = len(seen)
        if above is None and (report.solved.low or 0.0) > 0:
            above = len(seen)
    return Run(demoted, below, above)


def main() -> None:
    """Print how soon planted effects are found, and how often something is found that is not there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--sessions", type=int, default=4000)
    options = parser.parse_args()
    print(f"{options.seeds} logs of {options.sessions:,} sessions each, looked at {LOOKS} times; ")
    print(f"at most {MISTAKES:.0%} of the logs may show an effect that is not there")
    for name, world in WORLDS.items():
        start = time.perf_counter()
        runs = [watch(world, options.sessions, seed) for seed in range(options.seeds)]
        _tell(name, world, runs, time.perf_counter() - start)


def _tell(name: str, world: World, runs: list[Run], taken_s: float) -> None:
    planted = {one for one, effect in world.effects.items() if effect < 0}
    wrong = sum(bool(run.demoted.keys() - planted) for run in runs)
    print(f"\n{name} ({taken_s:.1f} s)")
    print(f"  harmless pattern demoted      {wrong:4} of {len(runs)} logs ({wrong / len(runs):.1%})")
    print(f"  guidance found to do good     {_delay([run.above for run in runs])}")
    print(f"  guidance found to do harm     {_delay([run.below for run in runs])}")
    for pattern_id in sorted(planted):
        print(f"  {pattern_id} demoted                   {_delay([r.demoted.get(pattern_id) for r in runs])}")


def _delay(found: list[int | None]) -> str:
    times = [one for one in found if one is not None]
    after = f", half of them by {statistics.median(times):,.0f} sessions" if times else ""
    return f"{len(times):4} of {len(found)} logs ({len(times) / len(found):.1%}){after}"


if __name__ == "__main__":
    main()
