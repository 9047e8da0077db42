"""The knowledge index on disk: built once, built again, broken off, damaged."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from memory.errors import EmbedderMismatch, StorageFailed
from memory.hybrid import (
    CHUNK,
    VECTORS_SINCE,
    HybridKnowledgeIndex,
    KnowledgeMissing,
    build_index,
    open_index,
)
from memory.onnx import OnnxEmbedder, open_embedder
from memory.records import Passage
from tests.conformance.adapters import LetterCounts

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Counting(LetterCounts):
    """Counts the texts it embeds, and breaks after as many as told."""

    identity = "letters:1"

    def __init__(self, most: int = 1_000_000) -> None:
        self.texts = 0
        self.most = most

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.texts + len(texts) > self.most:
            raise ConnectionError("the embedder is gone")
        self.texts += len(texts)
        return super().embed_documents(texts)


def passage(number: int, text: str = "", *, title: str = "Manual") -> Passage:
    words = text or f"Step {number}: turn valve V-{number} and wait."
    return Passage(passage_id=f"p-{number:04}", title=title, text=words, source=f"manual.md#{number}")


PUMPS = [
    passage(1, "A leaking seal shows as drops of oil below the pump.", title="Seals"),
    passage(2, "Alarm VB-207 means that a bearing vibrates too much.", title="Alarms"),
    passage(3, "Wash the compressor when its efficiency falls.", title="Washing"),
    passage(4, "Lock the breaker before maintenance and hang your tag on it.", title="Safety"),
]


def build(folder: Path, passages: list[Passage], embedder: Embeddings) -> HybridKnowledgeIndex:
    build_index(folder, passages, embedder)
    return open_index(folder, embedder)


async def ids(index: HybridKnowledgeIndex, query: str, k: int = 3) -> list[str]:
    return [hit.passage.passage_id for hit in await index.search(query, k=k)]


# --- searching -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pumps(tmp_path_factory: pytest.TempPathFactory) -> HybridKnowledgeIndex:
    """Return an index of four passages with the embedder that comes along."""
    embedder: OnnxEmbedder = open_embedder()
    return build(tmp_path_factory.mktemp("pumps") / "knowledge", PUMPS, embedder)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("VB-207", "p-0002"),
        ("vb-207?", "p-0002"),
        ("compressors washing", "p-0003"),
        ("How do I make sure nobody switches the power on while I repair it?", "p-0004"),
        ("Fluid is dripping out of the machine", "p-0001"),
    ],
)
async def test_a_passage_is_found_by_its_words_and_by_its_meaning(
    query: str, found: str, pumps: HybridKnowledgeIndex
) -> None:
    assert (await ids(pumps, query))[0] == found


async def test_words_decide_between_what_the_embedder_cannot_tell_apart(tmp_path: Path) -> None:
    index = build(tmp_path / "k", [passage(1, "Listen to it."), passage(2, "Silent to it.")], LetterCounts())

    assert (await ids(index, "listen"))[0] == "p-0001"
    assert (await ids(index, "silent"))[0] == "p-0002"


async def test_a_word_of_the_title_counts(tmp_path: Path) -> None:
    titled = [passage(1, "Do it.", title="Listen"), passage(2, "Do it.", title="Silent")]
    index = build(tmp_path / "k", titled, LetterCounts())

    assert (await ids(index, "silent"))[0] == "p-0002"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.one_of(
        st.text(max_size=40),
        st.lists(st.sampled_from(["AND", "((", '"', "title:", "seal", "*", "OR NOT", "^9", "\\"])).map(
            " ".join
        ),
    )
)
async def test_no_query_is_syntax_and_every_score_is_a_share(query: str, pumps: HybridKnowledgeIndex) -> None:
    hits = await pumps.search(query, k=3)

    assert len(hits) == (3 if query.strip() else 0)
    assert all(0 <= hit.score <= 1 for hit in hits)


async def test_a_code_is_found_by_its_pieces(tmp_path: Path) -> None:
    coded = [passage(1, "IL-2 binds here."), passage(2, "IFN/gamma binds here.")]
    index = build(tmp_path / "k", coded, LetterCounts())
    index.lexical_share = 1.0

    assert await ids(index, "interleukin 2") == ["p-0001"]
    assert await ids(index, "gamma") == ["p-0002"]


async def test_equal_scores_are_ordered_by_id_whatever_the_order_of_building(tmp_path: Path) -> None:
    same = [passage(number, "Close the valve.") for number in range(40, 0, -1)]
    index = build(tmp_path / "k", same, LetterCounts())

    assert await ids(index, "close the valve", k=3) == ["p-0001", "p-0002", "p-0003"]


async def test_an_empty_index_can_be_built_opened_and_asked(tmp_path: Path) -> None:
    index = build(tmp_path / "k", [], LetterCounts())

    assert (len(index), await index.search("seal", k=3)) == (0, [])


# --- building ------------------------------------------------------------------------------------


def test_building_again_embeds_only_what_is_new(tmp_path: Path) -> None:
    embedder = Counting()
    build_index(tmp_path / "k", PUMPS[:3], embedder)
    build_index(tmp_path / "k", PUMPS, embedder)
    assert embedder.texts == 4

    moved = PUMPS[0].model_copy(update={"passage_id": "other", "source": "elsewhere.md"})
    build_index(tmp_path / "k", [moved], embedder)
    assert embedder.texts == 4
    assert len(open_index(tmp_path / "k", embedder)) == 1


async def test_a_build_that_broke_off_goes_on_and_the_old_index_answers_meanwhile(tmp_path: Path) -> None:
    many = [passage(number) for number in range(3 * CHUNK)]
    build_index(tmp_path / "k", PUMPS, Counting())
    breaking = Counting(most=2 * CHUNK)
    with pytest.raises(ConnectionError):
        build_index(tmp_path / "k", many, breaking)

    assert len(open_index(tmp_path / "k", breaking)) == 4
    rest = Counting()
    index = build(tmp_path / "k", many, rest)
    assert (breaking.texts, rest.texts, len(index)) == (2 * CHUNK, CHUNK, 3 * CHUNK)
    whole = build(tmp_path / "fresh", many, Counting())
    assert await index.search("turn valve V-17", k=5) == await whole.search("turn valve V-17", k=5)


@pytest.mark.parametrize("size", [0, 2, 50, 200, -1, -200])
async def test_vectors_that_were_cut_short_are_made_again(size: int, tmp_path: Path) -> None:
    many = [passage(number) for number in range(3 * CHUNK)]
    with pytest.raises(ConnectionError):
        build_index(tmp_path / "k", many, Counting(most=2 * CHUNK))
    file = min(tmp_path.glob("k/vectors/*.npy"))
    file.write_bytes(file.read_bytes()[:size])
    rest = Counting()
    mended = build(tmp_path / "k", many, rest)
    whole = build(tmp_path / "fresh", many, Counting())

    assert rest.texts == 2 * CHUNK
    assert await mended.search("turn valve V-17", k=5) == await whole.search("turn valve V-17", k=5)


def test_a_build_leaves_the_index_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        build_index(tmp_path / "k", [passage(n) for n in range(2 * CHUNK)], Counting(most=CHUNK))
    abandoned = tmp_path / "k" / "data-abandoned"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))
    running = tmp_path / "k" / "data-running"
    running.mkdir()
    for passages in (PUMPS, PUMPS[:2]):
        build_index(tmp_path / "k", passages, Counting())

    [data] = [path for path in (tmp_path / "k").glob("data-*") if path != running]
    kept = {path.name for path in (tmp_path / "k").iterdir()}
    assert kept == {data.name, "data-running", "index.json", "vectors"}
    assert list((tmp_path / "k" / "vectors").iterdir()) == []


async def test_an_index_that_is_open_answers_on_while_another_takes_its_place(tmp_path: Path) -> None:
    first = build(tmp_path / "k", PUMPS, LetterCounts())
    build_index(tmp_path / "k", PUMPS[:1], LetterCounts())

    assert len(await first.search("alarm VB-207", k=4)) == 4


def test_two_builds_at_once_both_end_and_one_of_them_stays(tmp_path: Path) -> None:
    many = [passage(number) for number in range(4 * CHUNK)]
    with ThreadPoolExecutor(4) as threads:
        built = list(threads.map(lambda _: build_index(tmp_path / "k", many, Counting()), range(4)))

    assert built == [4 * CHUNK] * 4
    assert len(open_index(tmp_path / "k", Counting())) == 4 * CHUNK


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageFailed, match="file"):
        build_index(tmp_path / "file" / "k", PUMPS, LetterCounts())


def test_progress_counts_what_was_known_before(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    many = [passage(number) for number in range(CHUNK + 10)]
    build_index(tmp_path / "k", many[:10], Counting())
    build_index(tmp_path / "k", many, Counting(), on_progress=lambda done, total: told.append((done, total)))

    assert told == [(CHUNK + 10, CHUNK + 10)]


def test_another_embedder_is_refused_by_name_and_does_not_use_the_vectors_of_the_first(
    tmp_path: Path,
) -> None:
    build_index(tmp_path / "k", PUMPS, Counting())
    other = Counting()
    other.identity = "letters:2"

    with pytest.raises(EmbedderMismatch, match=r"letters:1.*letters:2"):
        open_index(tmp_path / "k", other)
    build_index(tmp_path / "k", PUMPS, other)
    assert other.texts == 4


def test_an_index_that_was_not_built_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeMissing) as caught:
        open_index(tmp_path / "k", LetterCounts())

    assert "slipstream knowledge build" in caught.value.fix


def test_an_index_of_the_format_before_is_built_again_without_embedding(tmp_path: Path) -> None:
    build_index(tmp_path / "k", PUMPS, Counting())
    about = json.loads((tmp_path / "k" / "index.json").read_text())
    (tmp_path / "k" / "index.json").write_text(json.dumps(about | {"format": VECTORS_SINCE}))

    with pytest.raises(KnowledgeMissing):
        open_index(tmp_path / "k", Counting())
    embedder = Counting()
    assert (len(build(tmp_path / "k", PUMPS, embedder)), embedder.texts) == (4, 0)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 99}'])
def test_an_index_that_cannot_be_read_is_missing_and_can_be_built_again(content: str, tmp_path: Path) -> None:
    build_index(tmp_path / "k", PUMPS, LetterCounts())
    (tmp_path / "k" / "index.json").write_text(content)

    with pytest.raises(KnowledgeMissing):
        open_index(tmp_path / "k", LetterCounts())
    assert len(build(tmp_path / "k", PUMPS, LetterCounts())) == 4


@pytest.mark.parametrize("file", ["vectors.npy", "passages.jsonl", "words/meta.json"])
def test_an_index_with_a_file_cut_off_is_missing_and_can_be_built_again(file: str, tmp_path: Path) -> None:
    build_index(tmp_path / "k", PUMPS, LetterCounts())
    [data] = (tmp_path / "k").glob("data-*")
    (data / file).write_bytes(b"")

    with pytest.raises(KnowledgeMissing):
        open_index(tmp_path / "k", LetterCounts())
    assert len(build(tmp_path / "k", PUMPS, LetterCounts())) == 4
