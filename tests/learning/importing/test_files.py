"""Files of JSON: rows, arrays and pages, packed or not, larger than what is held in memory."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.importing import files
from learning.importing.files import Broken, LogUnreadable, Value, find_files, read_values

ROWS = [
    {"id": n, "text": f'zeile {n}: größer \N{SNOWMAN} {{["', "inner": [{"a": [1, n]}]} for n in range(400)
]


def read(path: Path) -> list[Value | Broken]:
    return list(read_values(path, lambda _: None))


def data(path: Path) -> list[object]:
    return [found.data if isinstance(found, Value) else found for found in read(path)]


def put(folder: Path, text: str | bytes, name: str = "log.json") -> Path:
    file = folder / name
    body = text if isinstance(text, bytes) else text.encode()
    file.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return file


FORMS = {
    "lines": "\n".join(json.dumps(row) for row in ROWS),
    "array": json.dumps(ROWS, ensure_ascii=False),
    "indented array": json.dumps(ROWS, indent=2),
    "array of lines": "[\n" + ",\n".join(json.dumps(row) for row in ROWS) + "\n]\n",
    "page": json.dumps({"data": ROWS, "meta": {"page": 1}}),
    "indented page": json.dumps({"runs": ROWS}, indent=2, ensure_ascii=False),
    "indented objects": "\n".join(json.dumps(row, indent=2) for row in ROWS),
    "with byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}" + "\r\n".join(json.dumps(row) for row in ROWS),
}


@pytest.mark.parametrize("name", ["log.json", "log.json.gz"])
@pytest.mark.parametrize("form", FORMS)
def test_rows_are_the_same_however_they_are_written(
    tmp_path: Path, form: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (97, 4096, 1 << 20):
        monkeypatch.setattr(files, "CHUNK_BYTES", size)
        monkeypatch.setattr(files, "PEEK_BYTES", size)

        assert data(put(tmp_path, FORMS[form], name)) == ROWS


def test_values_are_named_by_the_line_where_they_begin(tmp_path: Path) -> None:
    lines = put(tmp_path, '{"a": 1}\n\n{"a": 2}\n')
    array = put(tmp_path, '[\n  {"a":\n 1},\n\n  {"a": 2}\n]', "array.json")

    assert [found.line for found in read(lines)] == [1, 3]
    assert [found.line for found in read(array)] == [2, 5]


def test_a_broken_line_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    found = read(put(tmp_path, b'{"a": 1}\n{"a": \xff\xfe\n{"a": 3}\nnull\n'))

    assert found == [
        Value(1, {"a": 1}),
        Broken(2, "it is no JSON"),
        Value(3, {"a": 3}),
        Broken(4, "it is no JSON"),
    ]


def test_a_first_line_that_is_broken_spoils_nothing_else(tmp_path: Path) -> None:
    found = read(put(tmp_path, '{"a": 1\n{"a": 2}\n{"a": 3}\n'))

    assert [type(one) for one in found] == [Broken, Value, Value]


@pytest.mark.parametrize(
    "text", ['[{"a": 1}, {"a": 2', '[{"a": 1}, {"a": 2}', '[{"a": 1}, {"a" 2}, {"a": 3}]']
)
def test_an_array_that_breaks_off_keeps_what_came_before(tmp_path: Path, text: str) -> None:
    found = read(put(tmp_path, text))

    assert found[0] == Value(1, {"a": 1})
    assert isinstance(found[-1], Broken)


def test_a_damaged_archive_keeps_what_came_before(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"a": %d}\n' % n for n in range(200_000)))
    found = read(put(tmp_path, b"")) + read(put_raw(tmp_path / "log.json.gz", whole[: len(whole) // 2]))

    assert len(found) > 1000
    assert found[-1] == Broken(found[-2].line, "the rest is no whole gzip file")


def put_raw(file: Path, body: bytes) -> Path:
    file.write_bytes(body)
    return file


def test_a_row_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "VALUE_BYTES", 500)
    monkeypatch.setattr(files, "CHUNK_BYTES", 100)
    monkeypatch.setattr(files, "PEEK_BYTES", 100)

    found = read(put(tmp_path, '{"a": 1}\n{"a": "' + "x" * 5000 + '"}\n{"a": 3}\n'))

    assert [type(one) for one in found] == [Value, Broken, Value]
    assert (found[1].line, found[2]) == (2, Value(3, {"a": 3}))


def test_what_other_writers_leave_behind_is_read(tmp_path: Path) -> None:
    rows = ['{"a": NaN}', '{"a": "\\ud83d"}']
    [first, second] = data(put(tmp_path, "\n".join(rows)))

    assert isinstance(first, dict) and first["a"] != first["a"]
    assert second == {"a": "\N{REPLACEMENT CHARACTER}"}
    assert data(put(tmp_path, f"[{rows[1]}]")) == [second]


def test_deep_nesting_is_broken_not_fatal(tmp_path: Path) -> None:
    found = read(put(tmp_path, '{"a": ' + "[" * 100_000 + "\n" + '{"a": 2}\n'))

    assert isinstance(found[0], Broken)
    assert found[1] == Value(2, {"a": 2})


@pytest.mark.parametrize("text", ["", "\n \n", "[]", "[ ]\n"])
def test_an_empty_file_has_no_values(tmp_path: Path, text: str) -> None:
    assert read(put(tmp_path, text)) == []


@given(
    st.lists(
        st.recursive(
            st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
)
def test_any_array_is_read_element_by_element(
    tmp_path_factory: pytest.TempPathFactory, values: list[object]
) -> None:
    file = put(tmp_path_factory.mktemp("any"), json.dumps(values, ensure_ascii=True))
    expected = [row for one in values for row in unwrapped(one)]

    assert data(file) == expected


def unwrapped(value: object) -> list[object]:
    if isinstance(value, dict):
        for name in ("data", "runs"):
            if isinstance(value.get(name), list) and all(isinstance(row, dict) for row in value[name]):
                return list(value[name])
    return [value]


# --- folders -------------------------------------------------------------------------------------


def test_a_folder_gives_its_logs_in_order_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    names = ["b/2.jsonl", "a.json", "b/1.ndjson.gz", "notes.md", ".git/x.json", "b/.hidden.json"]
    for name in names:
        put(tmp_path, "{}", name)

    found = find_files([tmp_path, tmp_path / "a.json", tmp_path / "notes.md"])

    assert [str(one.relative_to(tmp_path)) for one in found] == [
        "a.json",
        "b/1.ndjson.gz",
        "b/2.jsonl",
        "notes.md",
    ]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogUnreadable, match="no such file or folder"):
        find_files([tmp_path / "absent"])
    with pytest.raises(LogUnreadable, match="holds no log"):
        find_files([tmp_path])
