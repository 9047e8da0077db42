"""Files of JSON, of any size and packed or not, value by value and in bounded memory."""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from memory.errors import AgentError

SUFFIXES = (".json", ".jsonl", ".ndjson")

VALUE_BYTES = 64 * 1024 * 1024
"""Longest JSON value that is read; a row of a log is a thousandth of it."""

CHUNK_BYTES = 1024 * 1024
"""Read at once."""

PEEK_BYTES = 64 * 1024
"""Looked at to tell rows from documents."""

ENVELOPES = ("data", "runs")
"""Fields in which the pages of an API hold their rows."""


class LogUnreadable(AgentError):
    """A file or folder of logs is not there, cannot be opened, or holds no file of a known kind."""

    code = "learning.log_unreadable"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"`{path}`: {problem}.",
            fix="Name files or folders with `.json`, `.jsonl` or `.ndjson` files (`.gz` may follow).",
        )


class Value(NamedTuple):
    """A JSON value of a file."""

    line: int
    """Where it begins; counts from 1."""

    data: Any


class Broken(NamedTuple):
    """Something of a file that is no JSON."""

    line: int
    problem: str


OnBytes = Callable[[int], None]
"""Hears how many bytes of a file have been read (packed ones, where it is packed)."""


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that `paths` name: files as they are, folders by what is in them, in order, once each.

    Raises:
        LogUnreadable: a path does not exist, or a folder holds no log.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = [
                one for one in sorted(path.rglob("*")) if one.is_file() and _is_log(one.relative_to(path))
            ]
            if not inside:
                raise LogUnreadable(path, "the folder holds no log")
            found |= dict.fromkeys(inside)
        elif path.exists():
            found[path] = None
        else:
            raise LogUnreadable(path, "there is no such file or folder")
    return list(found)


def _is_log(path: Path) -> bool:
    """Hidden files and folders belong to other programs."""
    name = path.name.removesuffix(".gz")
    return name.endswith(SUFFIXES) and not any(part.startswith(".") for part in path.parts)


def read_values(path: Path, on_bytes: OnBytes) -> Iterator[Value | Broken]:
    """Yield the values of a file: rows of JSON lines, elements of an array, or what an API page holds.

    What is broken is yielded too, and reading goes on where rows are lines of their own.

    Raises:
        LogUnreadable: it cannot be opened.
    """
    try:
        with path.open("rb") as raw:
            file: IO[bytes] = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw  # type: ignore[assignment]
            yield from _values(file, lambda: on_bytes(raw.tell()))
    except OSError as error:
        raise LogUnreadable(path, os.strerror(error.errno) if error.errno else "it cannot be read") from None


def _values(file: IO[bytes], tell: Callable[[], None]) -> Iterator[Value | Broken]:
    line = 1
    try:
        head = file.read(PEEK_BYTES)
        each = _lines if _is_lines(head) else _documents
        for found in each(head, file, tell):
            line = found.line
            yield from _unwrapped(found) if isinstance(found, Value) else (found,)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        yield Broken(line, "the rest is no whole gzip file")


def _unwrapped(value: Value) -> Iterator[Value]:
    """Yield the rows of a page, or the value itself."""
    if isinstance(value.data, dict):
        for name in ENVELOPES:
            rows = value.data.get(name)
            if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
                yield from (Value(value.line, row) for row in rows)
                return
    yield value


# --- rows that are lines ---------------------------------------------------------------------------


def _is_lines(head: bytes) -> bool:
    """Tell JSON lines from documents, by the first two lines that hold something."""
    lines = [line for line in head.split(b"\n") if line.strip()][:2]
    if not lines or not lines[0].lstrip(b"\xef\xbb\xbf ").startswith(b"{"):
        return bool(lines) and not lines[0].lstrip(b"\xef\xbb\xbf \t\r").startswith(b"[")
    is_one_long = len(head) == PEEK_BYTES and len(lines) == 1
    begins_twice = len(lines) == 2 and lines[1].startswith(b"{")
    return is_one_long or begins_twice or _parse(lines[0].removeprefix(b"\xef\xbb\xbf")) is not None


def _lines(head: bytes, file: IO[bytes], tell: Callable[[], None]) -> Iterator[Value | Broken]:
    """Yield one value a line; `head` was read before."""
    rest, number = head.removeprefix(b"\xef\xbb\xbf"), 0
    while rest:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield _row(line, number)
        chunk = file.read(CHUNK_BYTES)
        tell()
        if len(rest) > VALUE_BYTES:
            yield Broken(number + 1, f"a row of more than {VALUE_BYTES:,} bytes")
            chunk, rest = _skip_line(chunk, file), b""
            number += 1
        if not chunk:
            break
        rest += chunk
    if rest.strip():
        yield _row(rest, number + 1)


def _skip_line(chunk: bytes, file: IO[bytes]) -> bytes:
    """Return what follows the line that `chunk` goes on with."""
    while chunk and b"\n" not in chunk:
        chunk = file.read(CHUNK_BYTES)
    return chunk.partition(b"\n")[2]


def _row(line: bytes, number: int) -> Value | Broken:
    data = _parse(line)
    return Broken(number, "it is no JSON") if data is None else Value(number, data)


def _parse(line: bytes) -> Any:
    """Return the value of a line; `None` when it is no JSON, or null."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        return _repaired(
            json.loads(line)
        )  # takes NaN and halves of surrogate pairs, which others leave behind
    except (ValueError, RecursionError):
        return None


def _repaired(value: Any) -> Any:
    """Replace halves of surrogate pairs, which nothing can store, by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return [_repaired(item) for item in value] if isinstance(value, list) else value


# --- values that go over several lines -------------------------------------------------------------


def _documents(head: bytes, file: IO[bytes], tell: Callable[[], None]) -> Iterator[Value | Broken]:
    """Yield values one after the other; those inside an outer array one by one."""
    text = _Text(head, file, tell)
    in_array = text.skip("[")
    while True:
        text.skip(",") if in_array else None
        if in_array and text.skip("]"):
            in_array = False
            continue
        if text.at_end():
            if in_array:
                yield Broken(text.line, "the array does not end")
            return
        line = text.line
        found = text.value()
        if found is None:
            yield Broken(line, "it is no JSON, or a value of too many bytes; what follows is not read")
            return
        yield Value(line, found[0])


class _Text:
    """The text of a file, of which only what is being parsed is in memory."""

    def __init__(self, head: bytes, file: IO[bytes], tell: Callable[[], None]) -> None:
        self.line = 1
        self._file = file
        self._tell = tell
        self._decode = json.JSONDecoder().raw_decode
        self._bytes = head.removeprefix(b"\xef\xbb\xbf")
        self._text = ""
        self._at = 0
        self._ended = False
        self._more(0)

    def skip(self, character: str) -> bool:
        """Pass over white space and, if it follows, over `character`; tell whether it did."""
        self._blank()
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def at_end(self) -> bool:
        """Pass over white space; tell whether nothing follows."""
        self._blank()
        return self._at >= len(self._text)

    def value(self) -> tuple[Any] | None:
        """Return the next value; `None` when it is none."""
        wanted = CHUNK_BYTES
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except (ValueError, RecursionError):
                if self._ended or len(self._text) - self._at > VALUE_BYTES:
                    return None
                self._more(wanted)
                wanted *= 2  # so that a long value is not tried again for every chunk
                continue
            if end == len(self._text) and not self._ended:  # a number may go on
                self._more(wanted)
                continue
            self.line += self._text.count("\n", self._at, end)
            odd = "\\ud" in self._text[self._at : end].lower()
            self._at = end
            return (_repaired(value) if odd else value,)

    def _blank(self) -> None:
        while True:
            rest = self._text[self._at : self._at + 256]
            blank = len(rest) - len(rest.lstrip())
            self.line += rest.count("\n", 0, blank)
            self._at += blank
            if blank < len(rest):
                return
            if self._at >= len(self._text):
                if self._ended:
                    return
                self._more(CHUNK_BYTES)

    def _more(self, size: int) -> None:
        """Read on; forget what was parsed."""
        chunk = self._file.read(size) if size else b""
        self._ended = bool(size) and not chunk
        self._tell()
        held = self._bytes + chunk
        cut = len(held) if self._ended else _whole_characters(held)
        self._bytes = held[cut:]
        self._text = self._text[self._at :] + held[:cut].decode("utf-8", "replace")
        self._at = 0


def _whole_characters(data: bytes) -> int:
    """Return how many bytes end with a whole UTF-8 character."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] & 0xC0 == 0xC0:
            needed = 2 if data[-back] < 0xE0 else 3 if data[-back] < 0xF0 else 4
            return len(data) if back >= needed else len(data) - back
        if data[-back] < 0x80:
            break
    return len(data)
