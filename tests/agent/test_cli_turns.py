"""Commands that take turns: from a question to what was learned of it, with a small domain of one's own."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from agent.cli import main

QUESTION = "What are the steps to set it up?"


class Done(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


Slipstream = Callable[..., Done]


def call(*words: str, stdin: str = "") -> Done:
    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        mock.patch("sys.stdin", io.StringIO(stdin)),
        pytest.raises(SystemExit) as left,
    ):
        main(words)
    return Done(int(left.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def slipstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slipstream]:
    """Run commands in a folder with one small domain, in which a question was asked in session `first`."""
    folder = tmp_path_factory.mktemp("commands")
    with chdir(folder):
        Path("slipstream.toml").write_text('domain = "pumps"\ndomains_dir = "mine"\nholdout_share = 0\n')
        assert call("domain", "new", "pumps").status == 0
        done = call("run", QUESTION, "--session", "first")
        assert (done.status, done.err) == (0, "")
        yield call


def last_turn(slipstream: Slipstream) -> dict[str, object]:
    found: dict[str, object] = json.loads(slipstream("trace", "list", "-n", "1", "--json").out)["traces"][0]
    return found


def test_an_answer_cites_the_passage_it_rests_on(slipstream: Slipstream) -> None:
    done = slipstream("run", QUESTION, "--json")

    reply = json.loads(done.out)
    assert (done.status, done.err, reply["schema"], reply["kind"]) == (0, "", 1, "answer")
    assert reply["citations"][0]["source"].startswith("start.md")


def test_what_is_piped_in_stands_below_the_question(slipstream: Slipstream) -> None:
    slipstream("run", "What does this mean?", stdin="the page stays empty\n")

    assert last_turn(slipstream)["query"] == "What does this mean?\n\nthe page stays empty"


def test_continue_goes_on_with_the_last_session(slipstream: Slipstream) -> None:
    first = json.loads(slipstream("run", QUESTION, "--json").out)
    second = json.loads(slipstream("run", "And when it fails to start?", "-c", "--json").out)

    assert (second["session_id"], second["turn"]) == (first["session_id"], first["turn"] + 1)


def test_a_session_of_another_user_is_not_there(
    slipstream: Slipstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_USER", "somebody else")

    done = slipstream("run", QUESTION, "--session", "first")

    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error[memory.session_foreign]: ")


def test_a_question_without_end_is_refused(slipstream: Slipstream) -> None:
    done = slipstream("run", stdin="x" * 9_000)

    assert (done.status, done.out) == (2, "")
    assert "9000 characters" in done.err


def test_a_trace_is_found_by_the_start_of_its_id(slipstream: Slipstream) -> None:
    slipstream("run", QUESTION)
    request_id = str(last_turn(slipstream)["request_id"])

    shown = json.loads(slipstream("trace", "show", request_id[:12], "--json").out)["trace"]

    assert shown["request_id"] == request_id


def test_a_trace_that_is_not_there_is_refused(slipstream: Slipstream) -> None:
    done = slipstream("trace", "show", "no-such")

    assert (done.status, done.err.splitlines()[0]) == (
        2,
        "error[agent.trace_unknown]: No turns of domain `pumps` have an id that starts with `no-such`.",
    )


def test_a_trace_is_written_as_one_file_that_needs_nothing_else(slipstream: Slipstream) -> None:
    done = slipstream("trace", "show", "--html", "trace.html")

    page = Path("trace.html").read_text()
    assert (done.status, done.out) == (0, "")
    assert "<svg" in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_file_that_cannot_be_written_is_refused(slipstream: Slipstream) -> None:
    done = slipstream("graph", "--svg", "nowhere/graph.svg")

    assert (done.status, done.err.splitlines()[0]) == (
        2,
        "error[agent.file_unwritable]: Could not write `nowhere/graph.svg`: No such file or directory.",
    )


def test_the_graph_is_drawn_as_svg(slipstream: Slipstream) -> None:
    slipstream("graph", "--svg", "graph.svg")

    assert Path("graph.svg").read_text().startswith("<svg")
    assert "query_transformer" in slipstream("graph").out


def test_feedback_is_recorded_for_the_last_session(slipstream: Slipstream) -> None:
    session = json.loads(slipstream("run", QUESTION, "--json").out)["session_id"]

    done = slipstream("feedback", "--resolved", "--rating", "5")

    assert (done.status, done.out, done.err) == (0, "", f"recorded for session {session}\n")


def test_a_chat_answers_line_by_line_and_ends_its_session(slipstream: Slipstream) -> None:
    done = slipstream("chat", "-s", "chatted", stdin=f"{QUESTION}\n/trace\n/help\n/quit\nnever read\n")

    assert done.status == 0
    assert "input_guard" in done.out
    assert done.err.count("/quit ends the session") == 2
    assert done.err.endswith("session chatted has ended\n")
    assert last_turn(slipstream)["session_id"] == "chatted"


def test_a_chat_without_a_word_leaves_no_session(slipstream: Slipstream) -> None:
    done = slipstream("chat")

    assert (done.status, "has ended" in done.err) == (0, False)


def test_what_was_learned_can_be_listed_and_shown(slipstream: Slipstream) -> None:
    for _ in range(3):
        slipstream("chat", stdin=f"{QUESTION}\nIt does not start any more.\n")
    learned = slipstream("learn", "--json")
    again = slipstream("learn", "--json")
    listed = json.loads(slipstream("guidance", "list", "--json").out)

    assert (learned.status, learned.err) == (0, "")
    assert json.loads(again.out)["release_id"] == json.loads(learned.out)["release_id"]
    assert listed["release"]["release_id"] == json.loads(learned.out)["release_id"]
    for pattern in listed["patterns"][:1]:
        shown = slipstream("guidance", "show", pattern["pattern_id"], "--json")
        assert json.loads(shown.out)["pattern"] == pattern


def files(folder: Path) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_a_dry_run_says_what_would_be_learned_and_writes_nothing(slipstream: Slipstream) -> None:
    for _ in range(2):
        slipstream("chat", stdin=f"{QUESTION}\n")
    learned = json.loads(slipstream("learn", "--json").out)
    slipstream("chat", stdin=f"{QUESTION}\nAnd how is it switched off?\n")
    before = {name: at for name, at in files(Path(".slipstream")).items() if "sqlite" not in name}

    done = slipstream("learn", "--dry-run", "--json")

    found = json.loads(done.out)
    after = {name: at for name, at in files(Path(".slipstream")).items() if "sqlite" not in name}
    assert (done.status, done.err, after) == (0, "", before)
    assert found["live"]["release_id"] == learned["release_id"]
    assert found["waiting_events"] > 0
    assert "nothing was written" in slipstream("learn", "--dry-run").out


def test_learning_if_due_waits_for_enough_news(slipstream: Slipstream) -> None:
    slipstream("chat", stdin=f"{QUESTION}\n")
    first = json.loads(slipstream("learn", "--json").out)
    slipstream("chat", stdin=f"{QUESTION}\nWhat does it cost?\n")

    waits = json.loads(slipstream("learn", "--if-due", "--json").out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPSTREAM_LEARN_AFTER", "1")
        due = json.loads(slipstream("learn", "--if-due", "--json").out)

    assert (waits["is_due"], waits["unlearned"], waits["release_id"]) == (False, 2, first["release_id"])
    assert (due["is_due"], due["is_new"], due["sessions"]) == (True, True, first["sessions"] + 1)


def test_a_broken_file_of_the_lake_is_named_and_passed_over(slipstream: Slipstream) -> None:
    slipstream("chat", stdin=f"{QUESTION}\n")
    slipstream("learn")
    [file, *_] = Path(".slipstream/lake/raw/sessions").rglob("*.parquet")
    broken = file.with_name("broken.parquet")
    broken.write_bytes(b"PAR1")

    done = slipstream("learn", "--json")
    broken.unlink()

    assert done.status == 0
    assert done.err.splitlines() == [
        f"warning: `{broken.relative_to('.slipstream/lake')}` in the lake cannot be read and was passed "
        "over; its sessions are missing"
    ]
    assert json.loads(done.out)["broken_files"] == [str(broken.relative_to(".slipstream/lake"))]


def test_an_empty_lake_says_how_to_fill_it(slipstream: Slipstream) -> None:
    done = slipstream("learn", "--state", "bare")

    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-2:] == [
        "error[learning.nothing_to_learn]: The lake holds no sessions of domain `pumps`.",
        "  fix: Ask something first (`slipstream run`), or see it on samples with `slipstream demo`.",
    ]


def test_guidance_before_anything_was_learned_says_how_to_learn(slipstream: Slipstream) -> None:
    done = slipstream("guidance", "list", "--state", "empty")

    assert (done.status, done.err.splitlines()) == (
        2,
        [
            "error[agent.nothing_learned]: Nothing has been learned for domain `pumps` yet.",
            "  fix: Run `slipstream learn -d pumps` once there are sessions, or `slipstream demo`.",
        ],
    )


def test_an_added_document_is_cited(slipstream: Slipstream) -> None:
    Path("seals.md").write_text(
        "# Seals\n\n## Interval\n\nReplace the shaft seal every 8000 running hours.\n"
    )

    added = slipstream("knowledge", "add", "seals.md")
    listed = json.loads(slipstream("knowledge", "list", "--json").out)["documents"]
    reply = json.loads(slipstream("run", "How often do I replace the shaft seal?", "--json").out)

    assert (added.status, [Path(one).name for one in listed]) == (0, ["seals.md"])
    assert "8000" in reply["reply"]


def test_a_document_that_is_not_there_is_refused(slipstream: Slipstream) -> None:
    done = slipstream("knowledge", "add", "nowhere.md")

    assert (done.status, done.err.splitlines()[0]) == (
        2,
        "error[agent.document_missing]: `nowhere.md` is not there.",
    )


def test_a_state_folder_that_cannot_be_used_is_worth_retrying(slipstream: Slipstream) -> None:
    Path("a-file").write_text("")

    done = slipstream("run", QUESTION, "--state", "a-file/state")

    assert (done.status, done.err.startswith("error[memory.storage_failed]: ")) == (3, True)


def test_ctrl_c_while_a_domain_is_indexed_is_quiet_and_loses_nothing(slipstream: Slipstream) -> None:
    state = Path("interrupted")
    command = [sys.executable, "-m", "agent", "run", QUESTION, "--state", str(state)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        while not (state / "sessions.sqlite").exists() and running.poll() is None:
            os.sched_yield()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    done = slipstream("run", QUESTION, "--state", str(state))

    assert (running.returncode, out, err) == (130, "", "")
    assert (done.status, done.err) == (0, "")
