"""`slipstream events`: what it shows of a journal, and that a dead letter gets another chance."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from agent.cli import main
from memory.outbox import Refusal, open_outbox
from memory.records import SessionEvent
from tests.conformance.samples import turn_events

Slipstream = Callable[..., tuple[int, str, str]]


@pytest.fixture
def slipstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Slipstream:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        return int(left.value.code or 0), *capsys.readouterr()

    return call


async def with_a_dead_letter(folder: Path) -> None:
    async def refuse(events: Sequence[SessionEvent]) -> dict[str, Refusal]:
        return {events[0].event_id: Refusal("it is malformed", "dead")}

    folder.mkdir()
    with open_outbox(folder / "outbox.sqlite") as outbox:
        await outbox.append(turn_events("a")[:1])
        await outbox.drain(refuse)
        await outbox.append(turn_events("b"))


def test_status_shows_what_waits_and_the_dead_letters_with_their_reason(
    slipstream: Slipstream, tmp_path: Path
) -> None:
    asyncio.run(with_a_dead_letter(tmp_path / ".slipstream"))

    status, out, _ = slipstream("events", "status", "--check")

    assert status == 1
    assert out == snapshot("""\
queue    waiting   dead  last failure
lake           3      1  -
bus            0      0  -
journal: 0.1 MB
dead: lake 265ed1d52cbf8d4e7ad4000001000000 turn_started of a: it is malformed
""")


def test_status_as_json(slipstream: Slipstream, tmp_path: Path) -> None:
    asyncio.run(with_a_dead_letter(tmp_path / ".slipstream"))

    status, out, _ = slipstream("events", "status", "--json")

    found = json.loads(out)
    assert status == 0
    assert [(one["queue"], one["waiting"], one["dead"]) for one in found["queues"]] == [
        ("lake", 3, 1),
        ("bus", 0, 0),
    ]
    assert found["dead_letters"][0]["reason"] == "it is malformed"
    assert found["dropped"] == {}


def test_status_of_a_folder_without_a_journal_makes_none(slipstream: Slipstream, tmp_path: Path) -> None:
    status, out, err = slipstream("events", "status")

    assert (status, out) == (0, "")
    assert "no journal" in err
    assert not (tmp_path / ".slipstream").exists()


def test_redrive_sends_a_dead_letter_again(slipstream: Slipstream, tmp_path: Path) -> None:
    asyncio.run(with_a_dead_letter(tmp_path / ".slipstream"))

    status, out, _ = slipstream("events", "redrive")

    assert (status, out) == (0, "1 dead letters sent again, 0 are dead still\n")
    assert list((tmp_path / ".slipstream" / "lake").rglob("*.parquet"))
