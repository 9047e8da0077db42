"""From the lake to a user's suggestions: nobody forges them, and nobody sees another's habits in them."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from learning.pipeline import learn
from learning.recorded import RecordedSession, recorded_events
from memory.arrays import ArrayPatternIndex, open_pattern_index
from memory.parquet import open_lake
from memory.records import Analysis, Suggestion
from memory.redact import user_key
from memory.sqlite import open_store
from tests.learning.logs import ALARM, ORDER

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = [f"user-{number}" for number in range(20)]
PREFIXES = [[], ["alarm"], ["alarm", "diagnose"], ["order"], ["order", "price"], ["unheard-of"], ["bye"]]

Visits = list[tuple[str, list[str]]]
"""Name of the user and labels of each session."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Recorded:
    """Recorded sessions bring their labels: there is nothing to name."""

    identity = "none:1"

    async def classify(self, texts: Sequence[str]) -> list[Analysis]:
        raise AssertionError(texts)


def people() -> Visits:
    """What twenty users do, with detours."""
    rng = random.Random(3)
    flows = [ALARM, ORDER, ["alarm", "call", "bye"], ["order", "cancel", "bye"]]
    visits = []
    for number in range(240):
        flow = list(rng.choices(flows, (4, 3, 2, 1))[0])
        if rng.random() < 0.2:
            flow.insert(rng.randrange(len(flow)), rng.choice(["bye", "price", "call"]))
        visits.append((NAMES[number % 20], flow))
    return visits


async def learned(folder: Path, visits: Visits) -> tuple[str, ArrayPatternIndex]:
    """Learn from a lake that holds the visits, two an hour; return id and index of the release."""
    sessions = [
        RecordedSession(
            session_id=f"session-{number:05}",
            user_id=name,
            labels=labels,
            start=1.7e9 + number * 1_800,
            success=number % 3 > 0,
        )
        for number, (name, labels) in enumerate(visits)
    ]
    lake = open_lake(folder / "lake")
    await lake.write([e for one in sessions for e in recorded_events(one, tenant="acme", domain="pumps")])
    with open_store(folder / "store.sqlite") as store:
        registry = store.registry("acme")
        about = {"tenant": "acme", "domain": "pumps", "embedder": "letters:1", "advanced": True}
        await learn(lake, registry, Recorded(), **about, folder=folder, now=NOW, on_progress=lambda *_: None)
        live = await registry.live("pumps")
        assert live is not None
        return live.release_id, open_pattern_index(folder / live.path)


async def top_five(index: ArrayPatternIndex) -> list[list[Suggestion]]:
    """Return what each user, and a stranger, is offered at each prefix."""
    users = [None, *(user_key("acme", name) for name in NAMES)]
    return [(await index.match(flow, user=user, k=5)).suggestions for flow in PREFIXES for user in users]


def content(file: Path) -> bytes:
    """Return what a file says, unpacked."""
    is_table = file.suffix == ".parquet"
    return str(pq.read_table(file, partitioning=None).to_pylist()).encode() if is_table else file.read_bytes()


def labels(offered: Sequence[Sequence[Suggestion]]) -> set[str]:
    return {one.label for some in offered for one in some}


async def test_ten_thousand_forged_sessions_of_one_user_change_nobodys_top_five(tmp_path: Path) -> None:
    forged = [("forger", ["alarm", "cancel", "unheard-of"])] * 10_000

    honest_id, honest = await learned(tmp_path / "honest", people())
    forged_id, index = await learned(tmp_path / "forged", [*people(), *forged])

    assert await top_five(index) == await top_five(honest)
    assert await index.patterns(limit=9_999) == await honest.patterns(limit=9_999)
    assert forged_id == honest_id


async def test_what_only_one_user_does_is_offered_to_no_other(tmp_path: Path) -> None:
    habit = [(NAMES[0], ["alarm", "price", "alarm", "price"])] * 30
    mixed = random.Random(1).sample([*people(), *habit], 240 + 30)
    _, index = await learned(tmp_path, mixed)

    for name in NAMES[1:]:
        match = await index.match(["alarm", "price"], user=user_key("acme", name), k=5)
        assert {one.label: one.confidence for one in match.suggestions}.get("alarm", 0) < 0.1
    stranger = await index.match(["alarm", "price"], user=None, k=5)
    assert {one.label: one.confidence for one in stranger.suggestions}.get("alarm", 0) < 0.1


async def test_a_phrase_that_one_user_planted_reaches_no_suggestion_and_no_file(tmp_path: Path) -> None:
    planted = [("forger", ["alarm", "call-me-under-555", "bye"])] * 19

    _, index = await learned(tmp_path, [*people(), *planted])

    offered = labels(await top_five(index))
    assert "bye" in offered and not any("555" in label for label in offered)
    folders = ("models", "lake/processed/patterns")
    published = [file for part in folders for file in (tmp_path / part).rglob("*") if file.is_file()]
    assert {"flows", "sequences"} <= {part for file in published for part in file.parts}
    assert not [file for file in published if b"call-me-under" in content(file)]


async def test_what_rested_on_a_user_goes_with_the_user(tmp_path: Path) -> None:
    five = [(name, ["alarm", "gift", "bye"]) for name in NAMES[:5] for _ in range(6)]
    log = [*people(), *five]

    _, before = await learned(tmp_path / "before", log)
    _, after = await learned(tmp_path / "after", [visit for visit in log if visit[0] != NAMES[0]])

    assert "gift" in labels(await top_five(before))
    assert "gift" not in labels(await top_five(after))
    assert not [one for one in await after.patterns(limit=9_999) if "gift" in {s.label for s in one.sequence}]
