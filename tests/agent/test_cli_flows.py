"""`slipstream flows report`, from an imported log to three files."""

import gzip
import json
from pathlib import Path

import pytest

from tests.agent.test_cli_turns import Done, Slipstream, call, slipstream

__all__ = ["slipstream"]


def log_of(path: Path, rows: list[tuple[str, list[str], bool | None]]) -> Path:
    """Write a log: user, steps and how it ended; a session an hour from Monday 2026-03-02 on."""
    lines = [
        json.dumps(
            {
                "session_id": f"session-{number:04}",
                "user_id": user,
                "labels": labels,
                "start": 1_772_409_600 + number * 3_600,
                "success": success,
            }
        )
        for number, (user, labels, success) in enumerate(rows)
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


@pytest.fixture(scope="module")
def learned(slipstream: Slipstream) -> Slipstream:
    """A domain with 300 sessions, of which those with `trap` mostly fail."""
    usual = [(f"user-{n % 40}", ["ask/pump", "answer/pump"], n % 4 > 0) for n in range(240)]
    trapped = [(f"user-{n % 40}", ["ask/pump", "trap/pump"], n % 6 == 0) for n in range(60)]
    assert slipstream("import", str(log_of(Path("log.jsonl.gz"), usual + trapped))).status == 0
    return slipstream


def test_the_report_is_three_files_and_a_summary(learned: Slipstream) -> None:
    done = learned("flows", "report", "--out", "weekly/flows")

    folder = Path("weekly/flows")
    assert done.status == 0
    assert "Look at what users get after `trap/pump`: 83% of these sessions fail" in done.out
    assert f"report.md, report.json and flows.svg are in {folder}" in done.err
    assert sorted(file.name for file in folder.iterdir()) == ["flows.svg", "report.json", "report.md"]
    assert json.loads((folder / "report.json").read_text())["dead_ends"][0]["steps"] == ["trap/pump"]
    assert (folder / "flows.svg").read_text().startswith("<svg ")


def test_a_second_report_of_the_same_sessions_is_the_same(learned: Slipstream) -> None:
    learned("flows", "report", "--out", "one")
    learned("flows", "report", "--out", "one")
    learned("flows", "report", "--out", "two")

    for name in ("report.md", "report.json", "flows.svg"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_json_and_markdown_are_what_the_files_hold(learned: Slipstream) -> None:
    as_json = learned("flows", "report", "--out", "out", "--json")
    as_page = learned("flows", "report", "--out", "out", "--markdown")

    printed = json.loads(as_json.out)
    assert printed.pop("schema") == 1
    assert printed == json.loads(Path("out/report.json").read_text())
    assert as_page.out == Path("out/report.md").read_text()


def test_a_week_and_a_day_choose_the_sessions_that_ended_in_them(learned: Slipstream) -> None:
    def sessions(*words: str) -> int:
        return int(json.loads(learned("flows", "report", "--json", *words).out)["sessions"])

    assert sessions("--week", "2026-W10") == 168
    assert sessions("--since", "2026-03-09") == sessions() - 168
    assert Path(".slipstream/reports/flows/pumps/report.json").is_file()


def error_of(done: Done) -> tuple[int, str]:
    return done.status, done.err.splitlines()[-2].partition(":")[0]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["--week", "2026-W60"], 2, "agent.week_unreadable"),
        (["--week", "soon"], 2, "agent.week_unreadable"),
        (["--week", "2026-W10", "--since", "2026-03-01"], 2, "agent.week_unreadable"),
        (["--week", "2031-W01"], 2, "learning.no_sessions_then"),
        (["--out", "log.jsonl.gz/inside"], 2, "agent.file_unwritable"),
    ],
)
def test_what_cannot_be_reported_is_said_in_two_lines(
    learned: Slipstream, words: list[str], status: int, code: str
) -> None:
    done = learned("flows", "report", *words)

    assert (done.out, error_of(done)) == ("", (status, f"error[{code}]"))


def test_an_empty_lake_and_sessions_without_an_outcome_are_told_apart(slipstream: Slipstream) -> None:
    state = ["--state", "other"]
    empty = slipstream("flows", "report", *state)
    silent = [(f"user-{n}", ["ask/pump", "answer/pump"], None) for n in range(20)]
    slipstream("import", str(log_of(Path("silent.jsonl.gz"), silent)), *state)
    unknown = slipstream("flows", "report", *state)

    assert error_of(empty) == (2, "error[learning.nothing_to_learn]")
    assert error_of(unknown) == (2, "error[learning.outcomes_unknown]")
    assert not Path("other/reports").exists()
    assert call("flows").status == 2
