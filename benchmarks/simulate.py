"""Sessions whose guidance helps, harms or does nothing, as planted: what a report must find or must not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from learning.sessions import SOLVED, UNKNOWN, UNSOLVED
from learning.trials import Trial, Turn
from memory.records import Suggestion

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """What is true; users differ, come back, and some of them come far more often than others."""

    effects: Mapping[str, float] = field(default_factory=dict)
    """Pattern id to what being shown it adds to the chance of a solution (-1 to 1)."""

    patterns: int = 10
    """`p-0`, `p-1`, …; each turn brings up one to three of them."""

    users: int = 60
    turns: int = 3
    holdout_share: float = 0.5
    usual: float = 0.65
    """Chance of a solution without guidance, of the middle user."""

    spread: float = 0.2
    """How much users lie above or below it."""

    unknown_share: float = 0.1
    """Share (0 to 1) of sessions that do not tell how they ended."""

    follow: float = 0.3
    """Chance that a shown suggestion is followed where another step would have come."""


def simulate(world: World, sessions: int, seed: int) -> list[Trial]:
    """Return sessions in order, an hour apart; the same seed gives the same ones."""
    rng = Random(seed)
    skills = [rng.uniform(-world.spread, world.spread) for _ in range(world.users)]
    return [_session(world, number, skills, rng) for number in range(sessions)]


def _session(world: World, number: int, skills: list[float], rng: Random) -> Trial:
    user = min(int(rng.expovariate(6.0 / world.users)), world.users - 1)
    is_guided = rng.random() >= world.holdout_share
    turns, label = [], "begin"
    for turn in range(world.turns):
        due = rng.sample(range(world.patterns), rng.randint(1, 3))
        turns.append(Turn(turn + 1, label, [_suggestion(one) for one in due]))
        follows = is_guided and rng.random() < world.follow
        label = f"step-{due[0]}" if follows else f"step-{rng.randrange(world.patterns)}"
    shown = {one.pattern_id for turn in turns for one in turn.suggestions} if is_guided else set()
    chance = world.usual + skills[user] + sum(world.effects.get(one, 0.0) for one in shown)
    is_solved, is_known = rng.random() < chance, rng.random() >= world.unknown_share
    return Trial(
        session_id=f"session-{number:05}",
        user=f"user-{user}",
        at=START + timedelta(hours=number),
        is_guided=is_guided,
        holdout_share=world.holdout_share,
        turns=turns,
        outcome=(SOLVED if is_solved else UNSOLVED) if is_known else UNKNOWN,
        steps=world.turns,
    )


def _suggestion(number: int) -> Suggestion:
    return Suggestion(label=f"step-{number}", confidence=0.3, pattern_id=f"p-{number}", support=40)
