"""The search by meaning: exact for few passages, by a sketch and then exactly for many."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory import nearest
from memory.nearest import in_memory, open_nearest, write_nearest

Vectors = NDArray[np.float32]


def unit(vectors: NDArray[np.float64]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def many() -> Vectors:
    """Return 3,000 vectors around 60 topics, as embeddings of texts lie: shape (3000, 64)."""
    rng = np.random.default_rng(7)
    topics = rng.normal(0, 1, (60, 64))
    return unit(rng.normal(0, 1, 64) + topics[rng.integers(0, 60, 3000)] + rng.normal(0, 0.5, (3000, 64)))


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 100)
    monkeypatch.setattr(nearest, "AXES", 24)
    monkeypatch.setattr(nearest, "REFINED", 300)


@pytest.mark.usefixtures("sketched")
def test_a_sketch_finds_what_a_comparison_with_all_finds(many: Vectors, tmp_path: Path) -> None:
    write_nearest(tmp_path, many)
    search, exact = open_nearest(tmp_path), in_memory(many)
    questions = unit(many[::300] + np.random.default_rng(8).normal(0, 0.02, (10, 64)))

    assert (tmp_path / "sketch.npy").is_file()
    for question in questions:
        found, known = search.search(question, 20), exact.search(question, 20)
        assert found.cosines == pytest.approx(known.cosines)
        assert found.mean == pytest.approx(known.mean, abs=1e-6)
        assert known.mean == pytest.approx(float((many @ question).mean()), abs=1e-6)


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("count", [3000, 50])
def test_passages_that_are_asked_for_get_their_cosine_however_far(
    count: int, many: Vectors, tmp_path: Path
) -> None:
    write_nearest(tmp_path, many[:count])
    question = many[0]
    far = int(np.argmin(many[:count] @ question))
    found = open_nearest(tmp_path).search(question, 5, [far])

    assert len(found.cosines) == 6
    assert found.cosines[far] == pytest.approx(float(many[far] @ question), abs=1e-6)


def test_fewer_passages_than_wanted_are_all_found(many: Vectors) -> None:
    assert set(in_memory(many[:3]).search(many[0], 100).cosines) == {0, 1, 2}


@pytest.mark.usefixtures("sketched")
def test_a_sketch_of_other_vectors_is_refused(many: Vectors, tmp_path: Path) -> None:
    write_nearest(tmp_path, many)
    np.save(tmp_path / "vectors.npy", many[:-1])

    with pytest.raises(ValueError, match="do not belong together"):
        open_nearest(tmp_path)
