"""Few-shot classification on vectors whose classes are known, and likeness of words."""

import numpy as np
import pytest

from memory.fewshot import LANDMARKS, Head, fit, guess, head_from, head_parts
from memory.grams import index_grams, likeness

KINDS, DIMENSION, SHOTS = 8, 32, 10


def draw(kinds: int, shots: int, *, seed: int, spread: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors around fixed directions, and the number of the direction of each."""
    directions = np.linalg.qr(np.random.default_rng(1).normal(size=(DIMENSION, DIMENSION)))[0]
    y = np.repeat(np.arange(kinds), shots)
    noise = np.random.default_rng(seed).normal(size=(len(y), DIMENSION)) * spread / np.sqrt(DIMENSION)
    x = directions[y] + noise
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y


def fitted(shots: int = SHOTS, *, spread: float = 0.6) -> Head:
    x, y = draw(KINDS, shots, seed=2, spread=spread)
    return fit([""] * len(x), x, y, [f"kind_{n}" for n in range(KINDS)], np.ones(len(x), bool))


def test_kinds_are_told_apart_and_strangers_are_known_as_such() -> None:
    head = fitted()
    x, y = draw(KINDS, 50, seed=3)
    strange, kinds = draw(2 * KINDS, 20, seed=4)
    strange = strange[kinds >= KINDS]

    found = guess(head, x, [""] * len(x))
    foreign = guess(head, strange, [""] * len(strange))

    assert (found.shares.argmax(axis=1) == y).mean() > 0.98
    assert (found.outside > 0.5).mean() < 0.1
    assert (foreign.outside > 0.5).mean() > 0.9


def test_a_confidence_is_as_often_right_as_it_says() -> None:
    head = fitted(spread=2.5)
    x, y = draw(KINDS, 400, seed=5, spread=2.5)

    found = guess(head, x, [""] * len(x))

    right = found.shares.argmax(axis=1) == y
    assert 0.5 < right.mean() < 0.95  # hard enough to be wrong at times
    assert abs(found.confidence.mean() - right.mean()) < 0.06
    order = np.argsort(found.confidence)
    assert right[order[: len(order) // 4]].mean() < right[order[-len(order) // 4 :]].mean() - 0.2


def test_words_decide_where_vectors_do_not() -> None:
    texts = ["refund my order", "refund the purchase", "track my order", "track the parcel"]
    x = np.tile(np.eye(1, 8, dtype=np.float32), (4, 1))
    head = fit(texts, x, np.array([0, 0, 1, 1]), ["refund", "track"], np.ones(4, bool))

    found = guess(head, x[:2], ["refund please", "track please"])

    assert found.shares.argmax(axis=1).tolist() == [0, 1]


def test_more_examples_than_landmarks_are_drawn_evenly() -> None:
    many, few = 3 * LANDMARKS // 2, 200
    x, _ = draw(2, many, seed=6)
    x = np.vstack([x[:many], x[many : many + few]])
    y = np.repeat([0, 1], [many, few])

    head = fit([""] * len(x), x, y, ["many", "few"], np.ones(len(x), bool))

    assert len(head.points) == LANDMARKS
    found = guess(head, x[[0, -1]], ["", ""])
    assert found.shares.argmax(axis=1).tolist() == [0, 1]


def test_a_head_comes_back_from_its_parts_and_only_whole() -> None:
    head = fitted()
    about, arrays = head_parts(head)
    x, _ = draw(KINDS, 3, seed=7)

    again = guess(head_from(about, arrays), x, [""] * len(x))

    np.testing.assert_array_equal(again.confidence, guess(head, x, [""] * len(x)).confidence)
    with pytest.raises(ValueError, match="do not fit"):
        head_from(about, arrays | {"weights": arrays["weights"][:, :3]})
    with pytest.raises(KeyError):
        head_from(about, {name: array for name, array in arrays.items() if name != "points"})


def test_texts_with_the_same_words_are_alike() -> None:
    texts = ["The pump leaks oil", "Where is my invoice?", ""]
    found = likeness(index_grams(texts), ["the pump leaks oil", "my invoices", "", "zzz"], len(texts))

    assert found[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert found[0, 1] == 0
    assert 0.1 < found[1, 1] < 0.9
    assert not found[2:].any()
    assert not likeness(index_grams([""]), ["pump"], 1).any()
