"""Redaction measured: `python -m benchmarks.redact --data FILE.jsonl[.gz] --out predictions.jsonl`.

Each row (`id`, `text`) goes through `memory.redact.find`, as all that is stored does; the spans found and
the CPU time of each text are written for the shared scorer. `--time` tells how the time grows with length.
`--store DIR` asks every text as a question and gives it as a comment, in a program whose state lies in the
empty DIR; `--out` then gets the rows with the true values found in every text, none of which may be in DIR.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

from agent.settings import Settings
from agent.wiring import open_runtime
from benchmarks.rows import read_rows, write_rows
from memory.nametagger import is_installed
from memory.redact import find, redact
from memory.turns import TurnRequest

LABELS = {
    "CARD": "CREDIT_CARD",
    "SSN": "US_SSN",
    "IP": "IP_ADDRESS",
    "LICENCE": "DRIVER_LICENSE",
    "BIRTH_DATE": "DATE_OF_BIRTH",
    "AWS_KEY": "AWS_ACCESS_KEY_ID",
    "AWS_SECRET": "AWS_SECRET_KEY",
    "TOKEN": "API_TOKEN",
}
"""Our labels to those of the data, where they differ."""

HOSTILE = {
    "letters": "a",
    "digits": "1 ",
    "names": "Ann ",
    "links": "de La ",
    "addresses": "12 Main Street ",
    "lines": "7 A\n",
    "at": "a@a.",
    "password": "my password is is ",
    "token": "token=",
    "json": '{"user": "',
    "pem": "-----BEGIN PRIVATE KEY-----",
    "unicode": "Ａé٣",
}
"""What is repeated to make text that is hard on some rule."""


def predict(row: dict[str, Any]) -> dict[str, object]:
    """Return the prediction for a row, with its CPU time (milliseconds)."""
    start = time.process_time()
    found = find(row["text"])
    ms = (time.process_time() - start) * 1000
    spans = [{"start": one.start, "end": one.end, "label": LABELS.get(one.label, one.label)} for one in found]
    return {"id": row["id"], "spans": spans, "ms": round(ms, 4)}


async def replay(rows: list[dict[str, Any]], folder: Path) -> None:
    """Ask each text and comment on the answer with it, one session a text; all ends up in `folder`."""
    settings = Settings(state_dir=folder, domain="solaris")
    runtime = await open_runtime(settings)
    try:
        for row in rows:
            who = {"tenant": settings.tenant, "user": "ann", "session_id": str(row["id"])}
            await runtime.turn(
                TurnRequest(query=row["text"], domain="solaris", request_id=str(row["id"]), **who)
            )
            await runtime.feedback(**who, request_id="f", rating=3, resolved=None, comment=row["text"])
    finally:
        await runtime.close()


def found_alone(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with those true values that are found wherever they occur."""
    missed: set[str] = set()
    for row in rows:
        text = row["text"]
        covered = {at for one in find(text) for at in range(one.start, one.end)}
        for span in row["spans"]:
            inside = range(span["start"], span["end"])
            if any(text[at].isalnum() and at not in covered for at in inside):
                missed.add(text[span["start"] : span["end"]])
    return [
        row | {"spans": [one for one in row["spans"] if row["text"][one["start"] : one["end"]] not in missed]}
        for row in rows
    ]


def cpu_ms(text: str) -> float:
    """Return the best of three CPU times of redacting `text` (milliseconds)."""
    times = []
    for _ in range(3):
        start = time.process_time()
        redact(text)
        times.append((time.process_time() - start) * 1000)
    return min(times)


def print_times(kilobytes: int) -> None:
    """Print the time for each kind of hostile text, and what a character of ten times as much text costs."""
    print(f"{'text':12} {f'{kilobytes} kB ms':>12} {'us per kB':>10} {'x10 / x1':>9}")
    for name, seed in HOSTILE.items():
        whole = (seed * (kilobytes * 1000))[: kilobytes * 1000]
        small, large = cpu_ms(whole[: len(whole) // 10]), cpu_ms(whole)
        print(
            f"{name:12} {large:12.1f} {large / kilobytes * 1000:10.0f} {large / 10 / max(small, 0.01):9.2f}"
        )


def main() -> None:
    """Redact the rows of a file, or time hostile text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, help="rows with id and text, one JSON object a line, gzip or not"
    )
    parser.add_argument("--out", type=Path, help="where the predictions go")
    parser.add_argument("--time", action="store_true", help="time hostile text instead")
    parser.add_argument("--kilobytes", type=int, default=100, help="of hostile text (default: %(default)s)")
    parser.add_argument("--store", type=Path, help="replay the rows into this folder; they need spans")
    given = parser.parse_args()
    if given.time:
        print_times(given.kilobytes)
        return
    if not given.data or not given.out:
        parser.error("give --data and --out, or --time")
    if given.store:
        rows = read_rows(given.data)
        asyncio.run(replay(rows, given.store))
        write_rows(given.out, found_alone(rows))
        return
    predictions = [predict(row) for row in read_rows(given.data)]
    write_rows(given.out, predictions)
    times = sorted(float(str(one["ms"])) for one in predictions)
    print(
        f"{len(predictions)} texts, names tagger {'on' if is_installed() else 'off'}, CPU ms p50 "
        f"{statistics.median(times):.2f}, p95 {times[int(len(times) * 0.95)]:.2f}"
    )


if __name__ == "__main__":
    main()
