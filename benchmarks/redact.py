"""Redaction measured: `python -m benchmarks.redact --data FILE.jsonl[.gz] --out predictions.jsonl`.

Each row (`id`, `text`) goes through `memory.redact.find`, as all that is stored does; the spans found and
the CPU time of each text are written for the shared scorer. `--time` tells how the time grows with length.
"""

import argparse
import statistics
import time
from pathlib import Path

from benchmarks.rows import read_rows, write_rows
from memory.nametagger import is_installed
from memory.redact import find, redact

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


def predict(row: dict[str, str]) -> dict[str, object]:
    """Return the prediction for a row, with its CPU time (milliseconds)."""
    start = time.process_time()
    found = find(row["text"])
    ms = (time.process_time() - start) * 1000
    spans = [{"start": one.start, "end": one.end, "label": LABELS.get(one.label, one.label)} for one in found]
    return {"id": row["id"], "spans": spans, "ms": round(ms, 4)}


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
    given = parser.parse_args()
    if given.time:
        print_times(given.kilobytes)
        return
    if not given.data or not given.out:
        parser.error("give --data and --out, or --time")
    predictions = [predict(row) for row in read_rows(given.data)]
    write_rows(given.out, predictions)
    times = sorted(float(str(one["ms"])) for one in predictions)
    print(
        f"{len(predictions)} texts, names tagger {'on' if is_installed() else 'off'}, CPU ms p50 "
        f"{statistics.median(times):.2f}, p95 {times[int(len(times) * 0.95)]:.2f}"
    )


if __name__ == "__main__":
    main()
