"""Words and meaning in one score, and the measurement that decides whether meaning takes part."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from memory.fusion import LEXICAL_SHARE, fuse, learned_share
from memory.hybrid import build_index, open_index
from memory.nearest import Near
from memory.records import Passage

pytestmark = pytest.mark.anyio

SUBJECTS = 30


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Knowing(Embeddings):
    """Knows what a text is about, whatever its words."""

    identity = "knowing:1"

    def embed_query(self, text: str) -> list[float]:
        about = re.search(r"x(\d+)", text)
        vector = np.zeros(SUBJECTS + 1)
        vector[int(about[1]) if about else SUBJECTS] = 1.0
        return [float(number) for number in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Guessing(Knowing):
    """Knows nothing: each text lies anywhere."""

    identity = "guessing:1"

    def embed_query(self, text: str) -> list[float]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        vector = np.random.default_rng(seed).normal(size=SUBJECTS)
        return [float(number) for number in vector / np.linalg.norm(vector)]


def subject(number: int, *, shared: str) -> Passage:
    """Return three sentences; the one in the middle has two words in common with the others, or none."""
    outer = f"Outer{number}a outer{number}b outer{number}c {shared} x{number}."
    middle = f"Middle{number}a middle{number}b middle{number}c middle{number}d {shared} x{number}y z{number}."
    return Passage(
        passage_id=f"p-{number:02}", title="", text=f"{outer} {middle} {outer}", source=f"{number}.md"
    )


def share(passages: list[Passage], embedder: Embeddings) -> float:
    texts = [f"{passage.title}\n{passage.text}" for passage in passages]
    vectors: NDArray[np.float32] = np.asarray(embedder.embed_documents(texts), np.float32)
    return learned_share(passages, vectors, embedder)


def test_meaning_takes_part_where_it_finds_more_than_words() -> None:
    passages = [subject(number, shared="pump valve") for number in range(SUBJECTS)]

    assert share(passages, Knowing()) == LEXICAL_SHARE


def test_an_embedder_that_knows_nothing_is_left_out() -> None:
    passages = [subject(number, shared=f"pump{number} valve{number}") for number in range(SUBJECTS)]

    assert share(passages, Guessing()) == 1.0


def test_where_words_find_everything_meaning_is_not_needed() -> None:
    passages = [subject(number, shared=f"pump{number} valve{number}") for number in range(SUBJECTS)]

    assert share(passages, Knowing()) == 1.0


def test_without_passages_long_enough_to_try_meaning_takes_part() -> None:
    short = [Passage(passage_id="p", title="Valve", text="Close it.", source="v.md")]

    assert share(short, Guessing()) == LEXICAL_SHARE


async def test_an_index_whose_embedder_knows_nothing_answers_as_by_words_alone(tmp_path: Path) -> None:
    passages = [subject(number, shared=f"pump{number} valve{number}") for number in range(SUBJECTS)]
    build_index(tmp_path, passages, Guessing())
    index = open_index(tmp_path, Guessing())
    by_words = open_index(tmp_path, Guessing())
    by_words.lexical_share = 1.0

    assert index.lexical_share == 1.0
    assert await index.search("outer7a outer8b", k=5) == await by_words.search("outer7a outer8b", k=5)
    assert [hit.passage.passage_id for hit in await index.search("outer7a", k=5)] == ["p-07"]


def test_what_one_search_alone_finds_keeps_its_part_of_the_score() -> None:
    near = Near({1: 0.9, 2: 0.5, 3: 0.1}, mean=0.1)

    assert fuse({2: 0.4}, near, 0.5) == pytest.approx({1: 0.5, 2: 0.2 + 0.25, 3: 0.0})


def test_cosines_that_tell_nothing_apart_leave_the_order_to_the_words() -> None:
    scores = fuse({2: 0.4}, Near({1: 0.5, 2: 0.5}, mean=0.5), 0.5)

    assert scores[2] > scores[1]
