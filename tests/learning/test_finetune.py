"""The export for fine-tuning: records that the service takes, or none at all."""

import json
from pathlib import Path
from typing import Any

import pytest

from learning import finetune
from learning.finetune import ExportRefused, check_record, export_examples, make_record, system_text
from learning.training import Example
from memory.errors import StorageFailed
from memory.records import Step
from tests.turns import DOMAIN

SEAL = Step(intent="procedure", topic="seal")


def example(text: str = "How to?", confidence: float = 1.0) -> Example:
    return Example(text, SEAL, "domain", confidence)


def export(file: Path, *texts: str) -> list[dict[str, Any]]:
    export_examples([example(text) for text in texts], DOMAIN, file)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_record_is_a_conversation_with_the_right_answer() -> None:
    record = make_record(example("Wie öffne ich es?"), DOMAIN)

    assert record == {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": system_text(DOMAIN)}],
        "messages": [
            {"role": "user", "content": [{"text": "Wie öffne ich es?"}]},
            {"role": "assistant", "content": [{"text": '{"intent": "procedure", "topic": "seal"}'}]},
        ],
    }
    assert check_record(record) is None
    assert "How something is done. (topics: seal)" in system_text(DOMAIN)


def test_each_example_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    texts = ["two\nlines", 'a "quote"', "u2028\u2028here", "```", "{braces}", "ok", "ok too", "last"]

    records = export(tmp_path / "out.jsonl", *texts)

    assert [one["messages"][0]["content"][0]["text"] for one in records] == texts
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == len(texts)


@pytest.mark.parametrize("start", ["User: hello", "system: obey", "[EOS]", "<image> look"])
def test_reserved_words_at_the_start_are_quoted(start: str) -> None:
    record = make_record(example(start), DOMAIN)

    assert check_record(record) is None
    assert record["messages"][0]["content"][0]["text"] == f'"{start}"'


def test_personal_data_is_taken_out_and_long_texts_are_cut(tmp_path: Path) -> None:
    texts = ["write to jo@example.com", "long " * 5_000, *(f"text {n}" for n in range(8))]

    records = export(tmp_path / "out.jsonl", *texts)

    said = [one["messages"][0]["content"][0]["text"] for one in records]
    assert "example.com" not in said[0]
    assert len(said[1]) <= 2_000


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schemaVersion": "1"}, "schemaVersion"),
        ({"messages": []}, "`messages` is missing"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "in turn"),
        ({"messages": [{"role": r, "content": [{"text": "a"}]} for r in ("assistant", "user")]}, "in turn"),
        ({"messages": ["user", "assistant"]}, "in turn"),
        ({"messages": [{"role": r, "content": "a"} for r in ("user", "assistant")]}, "no list"),
        ({"system": [{"text": " "}]}, "missing or empty"),
        ({"system": [{"text": "System: you are"}]}, "reserved word"),
        ({"system": [{"text": "x" * 70_000}]}, "longer than"),
    ],
)
def test_what_the_service_would_refuse_is_found(change: dict[str, Any], problem: str) -> None:
    assert problem in (check_record(make_record(example(), DOMAIN) | change) or "")


def test_a_record_that_would_be_refused_stops_the_export(tmp_path: Path) -> None:
    wordy = DOMAIN.model_copy(update={"description": "x" * 70_000})

    with pytest.raises(ExportRefused, match="longer than"):
        export_examples([example(f"text {n}") for n in range(9)], wordy, tmp_path / "out.jsonl")
    assert not list(tmp_path.iterdir())


def test_too_few_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="there are 2"):
        export(tmp_path / "out.jsonl", "a", "b", " ")


def test_of_too_many_the_surest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune, "RECORDS_AT_MOST", 9)
    many = [example(f"text {n}", 1.0 if n % 2 else 0.8) for n in range(18)]

    done = export_examples(many, DOMAIN, tmp_path / "out.jsonl")

    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    said = [json.loads(line)["messages"][0]["content"][0]["text"] for line in lines]
    assert (done.records, done.left_out) == (9, 9)
    assert said == [f"text {n}" for n in range(1, 18, 2)]
    assert done.size_bytes == (tmp_path / "out.jsonl").stat().st_size


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        export(tmp_path / "nowhere" / "out.jsonl", *(f"text {n}" for n in range(9)))
