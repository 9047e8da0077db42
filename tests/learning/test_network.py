"""The network learns what counts cannot: from words, and from whole sessions."""

import random
from pathlib import Path

import numpy as np
import pytest

from learning.next_step import Fitted, fit
from learning.sessions import SOLVED, UNSOLVED, SessionRow, Sessions, make_sessions
from memory.arrays import ArrayPatternIndex, open_pattern_index, write_index
from tests.learning.logs import START, USERS

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def talking_log(seed: int = 3) -> Sessions:
    """After `ask` comes what the text is about, and the session fails when it is about oil."""
    rng = random.Random(seed)
    rows = []
    for number in range(400):
        about = rng.choice(["oil", "gas"])
        filler = " ".join(rng.choices(["please", "the", "now", "unit", "check"], k=5))
        texts = ["hello", f"{filler} {about} {filler}", "thanks"]
        start = START.timestamp() + number * 3_600
        rows.append(
            SessionRow(
                f"session-{number:04}",
                USERS[number % 20],
                ["greet", "ask", about],
                [start, start + 30, start + 60],
                UNSOLVED if about == "oil" else SOLVED,
                texts,
            )
        )
    return make_sessions(rows)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(talking_log(), "pumps")


async def test_the_words_of_the_last_turn_decide_where_labels_cannot(fitted: Fitted, tmp_path: Path) -> None:
    write_index(tmp_path / "r-1", domain="pumps", model=fitted.model, patterns=[])
    index = open_pattern_index(tmp_path / "r-1")
    flow = ["greet", "ask"]

    for about in ("oil", "gas"):
        told = await index.match(flow, user=None, texts=["hello", f"check the {about} now"])
        [first, *_] = told.suggestions
        assert (first.label, first.confidence > 0.9) == (about, True)
        assert first.pattern_id.startswith("p-")
        assert first.support > 0
    untold = await index.match(flow, user=None)
    assert untold.suggestions[0].confidence < 0.9


async def test_the_risk_of_failure_comes_from_the_words_too(fitted: Fitted) -> None:
    index = ArrayPatternIndex(Path(), "pumps", fitted.model)

    risks = [
        (await index.match(["greet", "ask"], user=None, texts=["", f"the {about} unit"])).failure_risk
        for about in ("oil", "gas")
    ]

    assert risks[0] is not None and risks[1] is not None
    assert risks[0] > 0.7 > 0.3 > risks[1]


async def test_texts_and_times_may_be_fewer_than_steps_or_more(fitted: Fitted) -> None:
    index = ArrayPatternIndex(Path(), "pumps", fitted.model)
    texts = ["before all that", "hello", "the oil unit"]

    for given in (texts, texts[1:], texts[2:], []):
        for times in ([], [0.0], [0.0, 30.0]):
            found = await index.match(["greet", "ask"], user=None, texts=given, times=times)
            assert sum(one.confidence for one in found.suggestions) <= 1


def test_a_release_holds_no_word_of_what_was_said(fitted: Fitted, tmp_path: Path) -> None:
    write_index(tmp_path / "r-1", domain="pumps", model=fitted.model, patterns=[])

    for file in (tmp_path / "r-1").iterdir():
        assert b"please" not in file.read_bytes()


def test_a_training_kept_for_the_next_run_gives_the_same_model(fitted: Fitted, tmp_path: Path) -> None:
    sessions = talking_log()

    first = fit(sessions, "pumps", cache=tmp_path)
    kept = {file.name for file in tmp_path.iterdir()}
    again = fit(sessions, "pumps", cache=tmp_path)
    fit(talking_log(seed=4), "pumps", cache=tmp_path)

    for other in (first, again):
        assert other.metrics == fitted.metrics
        assert other.model.tuning == fitted.model.tuning
        assert other.model.network is not None and fitted.model.network is not None
        for one, two in zip(other.model.network, fitted.model.network, strict=True):
            assert np.array_equal(one, two)
    assert len(kept) == 1
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("file", ["about.json", "vectors.npy"])
def test_a_broken_training_is_done_again(fitted: Fitted, tmp_path: Path, file: str) -> None:
    fit(talking_log(), "pumps", cache=tmp_path)
    [kept] = tmp_path.iterdir()
    (kept / file).write_bytes(b"\x00")

    again = fit(talking_log(), "pumps", cache=tmp_path)

    assert again.model.tuning == fitted.model.tuning
    assert (kept / file).stat().st_size > 1
