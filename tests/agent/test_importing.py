"""`slipstream import`: from logs that people have to guidance."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.importing import import_sessions
from agent.settings import Settings, environment_names, load_settings
from agent.wiring import open_runtime
from learning.importing.reading import read_logs
from learning.importing.spool import open_spool
from tests.learning.importing.logs import LOGS, SAMPLES, write

CANARIES = [b"AKIAIOSFODNN7EXAMPLE", b"ann.smith", b"jane.doe", b"23456789"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder and with an environment that sets nothing."""
    for field in Settings.model_fields:
        for name in environment_names(field):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def slipstream(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*.parquet"))}


def test_a_second_import_adds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = slipstream("import", LOGS, "--state", tmp_path / "state")
    told, before = capsys.readouterr(), files(tmp_path / "state")
    again = slipstream("import", LOGS, "--state", tmp_path / "state")

    assert (first, again) == (0, 0)
    assert before and files(tmp_path / "state") == before
    assert told.out == capsys.readouterr().out
    assert told.err.endswith("next: slipstream learn -d solaris\n")


def test_the_summary_counts_what_was_found_and_names_what_was_not(capsys: pytest.CaptureFixture[str]) -> None:
    slipstream("import", LOGS, "--json")

    told = json.loads(capsys.readouterr().out)

    assert {name: told[name] for name in ("sessions", "turns", "outcomes", "labels", "wordless")} == {
        "sessions": 9,
        "turns": 15,
        "outcomes": 7,
        "labels": 7,
        "wordless": 2,
    }
    assert told["refusals"][0]["where"].endswith(".jsonl:4")


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = slipstream("import", LOGS, "--dry-run", "--state", tmp_path / "state")

    told = capsys.readouterr()
    assert (status, list(tmp_path.iterdir())) == (0, [])
    assert "9 sessions, 15 turns would be imported into solaris" in told.out
    assert "nothing was written" in told.err


@pytest.mark.parametrize("kind", SAMPLES)
def test_no_canary_reaches_any_file(tmp_path: Path, kind: str) -> None:
    status = slipstream("import", *SAMPLES[kind], "--format", kind, "--state", tmp_path / "state")  # type: ignore[index]

    written = [one.read_bytes() for one in (tmp_path / "state").rglob("*") if one.is_file()]
    assert status == 0 and len(written) > 2
    assert [canary for canary in CANARIES for body in written if canary in body] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["absent.jsonl"], "learning.log_unreadable"),
        (["."], "learning.log_unreadable"),
        (["odd.json"], "learning.nothing_imported"),
        (["odd.json", "-d", "atlantis"], "domains.unknown"),
        (["odd.json", "--format", "csv"], "agent.usage"),
    ],
)
def test_what_cannot_be_imported_is_told_in_two_lines(
    tmp_path: Path, words: list[str], code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if words != ["."]:
        write(tmp_path, {"ts": 1}, name="odd.json")

    status = slipstream("import", *words)

    told = capsys.readouterr().err.splitlines()
    assert (status, len(told)) == (2, 2)
    assert code in told[0] and told[1].startswith("  fix: ")


@pytest.mark.anyio
async def test_an_import_that_was_broken_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.importing.BATCH", 3)

    def stop(stage: str, done: int, total: int, note: str, /) -> None:
        raise KeyboardInterrupt

    whole = await lake_of(tmp_path / "whole", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        await lake_of(tmp_path / "broken", stop)
    broken = files(tmp_path / "broken")
    resumed = await lake_of(tmp_path / "broken", lambda *_: None)

    assert 0 < len(broken) < len(whole)
    assert resumed == whole


async def lake_of(state: Path, on_progress: Any) -> dict[str, bytes]:
    """Import the sample logs and return the files of the lake."""
    runtime = await open_runtime(load_settings(state_dir=state))
    try:
        with open_spool() as spool:
            read_logs([LOGS], spool, tenant="local", on_progress=lambda *_: None)
            await import_sessions(
                runtime, spool.sessions(), domain="solaris", turns=15, on_progress=on_progress
            )
    finally:
        await runtime.close()
    return files(state)
