from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.records import Passage
from tests.conformance.adapters import KNOWLEDGE_INDEXES, Indexed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=KNOWLEDGE_INDEXES.values(), ids=KNOWLEDGE_INDEXES.keys())
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Indexed]:
    with request.param(tmp_path / "knowledge") as build:
        yield build


def passage(passage_id: str, text: str, *, title: str = "Manual") -> Passage:
    return Passage(passage_id=passage_id, title=title, text=text, source=f"manual.md#{passage_id}")


SEAL = passage("seal", "A leaking seal shows as drops of oil below the pump.", title="Leaks")
VALVE = passage("valve", "Turn the valve clockwise to close it.", title="Valves")
NOISE = passage("noise", "Bearings that are worn make a grinding noise.", title="Bearings")


async def test_an_empty_index_finds_nothing(build: Indexed) -> None:
    assert await build([]).search("oil below the pump", k=5) == []


async def test_the_passage_that_fits_comes_first_and_whole(build: Indexed) -> None:
    index = build([VALVE, SEAL, NOISE])

    hits = await index.search("drops of oil below the pump", k=3)

    assert hits[0].passage == SEAL


async def test_no_more_than_k_best_first_and_scored_from_0_to_1(build: Indexed) -> None:
    index = build([passage(f"p-{n:02}", f"pump {n} " + "oil " * n) for n in range(30)])

    hits = await index.search("oil of a pump", k=7)
    scores = [hit.score for hit in hits]

    assert len(hits) == 7
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len({hit.passage.passage_id for hit in hits}) == 7


async def test_equal_passages_are_ordered_by_id(build: Indexed) -> None:
    index = build([passage(name, "Close the valve.") for name in ("c", "a", "b")])

    hits = await index.search("close the valve", k=3)

    assert [hit.passage.passage_id for hit in hits] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "query", ["", "   ", "title:oil AND (", '"unclosed', "*", "\x00", "電気", "x " * 4000]
)
async def test_no_query_is_syntax(build: Indexed, query: str) -> None:
    hits = await build([SEAL, VALVE]).search(query, k=2)

    assert len(hits) <= 2


async def test_a_passage_given_twice_is_found_once(build: Indexed) -> None:
    hits = await build([SEAL, SEAL, VALVE]).search("leaking seal", k=5)

    assert [hit.passage.passage_id for hit in hits].count("seal") == 1
