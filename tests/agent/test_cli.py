"""The command line: statuses, streams, and the words of its errors."""

import io
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from inline_snapshot import snapshot

from agent import docs
from agent.cli import main
from agent.cli.failures import guarded, report
from agent.settings import Settings, environment_names
from memory.errors import AgentError, StorageFailed

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


Slipstream = Callable[..., Done]


@pytest.fixture
def slipstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Slipstream:
    """Run a command in this process, in an empty folder and with an environment that sets nothing."""
    for field in Settings.model_fields:
        for name in environment_names(field):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def call(*words: str) -> Done:
        with pytest.raises(SystemExit) as left:
            main(words)
        return Done(int(left.value.code or 0), *capsys.readouterr())

    return call


def process(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own."""
    command = [sys.executable, "-m", "agent", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


# --- help --------------------------------------------------------------------------------------


def test_help_names_every_command_in_sections(slipstream: Slipstream) -> None:
    done = slipstream("--help")

    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot("""\
Usage: slipstream [OPTIONS] COMMAND [ARGS]...

  An agent that learns from its own sessions and guides the next user.

  Example: slipstream demo

  Data goes to stdout, everything else to stderr. Exit status: 0 fine, 1 a
  check failed, 2 usage or settings, 3 worth retrying, 70 a bug, 130
  interrupted.

Options:
  --version             Print the version.
  --install-completion  Install completion for the current shell.
  --show-completion     Show completion for the current shell, to copy it or
                        customize the installation.
  -h, --help            Show this message and exit.

Start:
  demo       Show the whole idea: replay sessions, learn, answer guided.

Ask:
  run        Ask one question and print the answer with its sources.
  chat       Talk with a domain until /quit or Ctrl-D.
  feedback   Say whether an answer helped.

Serve:
  serve      Serve the agent over HTTP, as on AgentCore.
  invoke     Ask an agent that is served, here or on AWS.

Look:
  graph      Print the nodes of a turn and their routes, or draw them.
  trace      Look at what happened in a turn.
  events     See what waits to be delivered.

Learn:
  import     Import logs that you already have, to learn from your past.
  learn      Learn from all recorded sessions; the result goes live.
  guidance   See what was learned and whether it helps.
  flows      See where sessions go well and where they fail.
  models     Train models, see their versions, go back.

Set up:
  forget     Erase a person: profile, session memory, traces and lake.
  config     See the settings, and try what they choose.

Teach:
  domain     Make, check and look at domains.
  knowledge  Add documents that answers can cite.
""")


def test_help_of_a_command_shows_arguments_options_and_examples(slipstream: Slipstream) -> None:
    assert slipstream("run", "-h").out == snapshot("""\
Usage: slipstream run [OPTIONS] [TEXT]

  Ask one question and print the answer with its sources.

  Text on stdin is added below TEXT.

  Example: slipstream run -d solaris "SMT60 trips on low oil pressure"

  Example: journalctl -n 40 | slipstream run -d support "What does this mean?"

Arguments:
  TEXT <str>  The question.

Options:
  -d, --domain NAME           Domain to use; see `slipstream domain list`.
  -m, --model MODEL           local, bedrock:ID, or as LangChain names it.
  -s, --session ID            Go on with this session, or start it.
  -c, --continue              Go on with your last session.
  --guidance / --no-guidance  Suggest likely next steps.
  --state DIR                 Where all is kept (default: .slipstream).
  --embedder NAME             minilm, a folder, or bedrock:ID.
  --json                      Print JSON on stdout and nothing else there.
  -h, --help                  Show this message and exit.
""")


@pytest.mark.parametrize(("path", "text"), list(docs.commands()), ids=[path for path, _ in docs.commands()])
def test_every_command_shows_an_example_and_no_cut_summary(path: str, text: str) -> None:
    is_group = path != "slipstream" and "COMMAND [ARGS]" in text

    assert is_group or f"Example: {path}" in text or f"| {path}" in text
    assert "..." not in text.replace("[ARGS]...", "").replace("{LOG}...", "").replace("[STEP]...", "")


def test_help_imports_nothing_heavy() -> None:
    code = """if True:
        import sys
        from agent.cli import main
        try:
            main(["--help"])
        finally:
            print(*sys.modules, file=sys.stderr)
    """

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)

    loaded = {name.split(".")[0] for name in done.stderr.split()}
    heavy = {"langgraph", "langchain_core", "numpy", "pyarrow", "onnxruntime", "boto3", "pydantic_settings"}
    assert "Usage: slipstream" in done.stdout
    assert loaded & heavy == set()


def test_the_version_is_printed(slipstream: Slipstream) -> None:
    done = slipstream("--version")

    assert (done.status, done.out.count(".")) == (0, 2)


def test_no_command_prints_the_help_and_is_wrong_usage(slipstream: Slipstream) -> None:
    done = slipstream()

    assert (done.status, "Ask:" in done.out + done.err) == (2, True)


@pytest.mark.parametrize(
    ("typed", "word"), [("slipstream guid", "guidance"), ("slipstream run --domain sol", "solaris")]
)
def test_a_shell_completes_commands_and_domains(
    typed: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    monkeypatch.setenv("_SLIPSTREAM_COMPLETE", "complete_bash")

    done = process()

    assert (done.stdout.split(), done.stderr) == ([word], "")


# --- what is wrong, in two lines ---------------------------------------------------------------


def test_a_misspelt_option_is_answered_with_the_near_word(slipstream: Slipstream) -> None:
    assert slipstream("run", "--modle", "x", "hello") == snapshot(
        Done(
            status=2,
            out="",
            err="""\
error[agent.usage]: No such option `--modle`.
  fix: Did you mean `--model`? `slipstream run --help` shows what there is.
""",
        )
    )


def test_a_misspelt_command_is_answered_with_the_near_word(slipstream: Slipstream) -> None:
    assert slipstream("trace", "shwo") == snapshot(
        Done(
            status=2,
            out="",
            err="""\
error[agent.usage]: No such command `shwo`.
  fix: Did you mean `show`? `slipstream trace --help` shows what there is.
""",
        )
    )


def test_a_misspelt_setting_stops_every_command(
    slipstream: Slipstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_DOMIAN", "support")

    assert slipstream("config", "show") == snapshot(
        Done(
            status=2,
            out="",
            err="""\
error[agent.settings_invalid]: environment SLIPSTREAM_DOMIAN: there is no setting `domian`.
  fix: Write `SLIPSTREAM_DOMAIN` instead, or remove it.
""",
        )
    )


def test_an_error_is_json_on_stdout_too_when_json_was_asked_for(slipstream: Slipstream) -> None:
    done = slipstream("domain", "show", "nowhere", "--json")

    assert done.status == 2
    assert json.loads(done.out)["error"]["code"] == "domains.unknown"
    assert json.loads(done.out)["schema"] == 1
    assert done.err.splitlines()[0].startswith("error[domains.unknown]: There is no domain `nowhere`.")
    assert done.err.splitlines()[1].startswith("  fix: ")
    assert len(done.err.splitlines()) == 2


def test_an_empty_question_is_refused(slipstream: Slipstream) -> None:
    assert slipstream("run", "  ") == snapshot(
        Done(
            status=2,
            out="",
            err="""\
error[agent.usage]: There is no question.
  fix: Ask one: slipstream run "How do I …?"
""",
        )
    )


def test_two_ways_to_name_a_session_are_refused(slipstream: Slipstream) -> None:
    assert slipstream("run", "hello", "-c", "-s", "mine").status == 2


def test_feedback_that_says_nothing_is_refused(slipstream: Slipstream) -> None:
    assert slipstream("feedback").status == 2


# --- exit statuses ------------------------------------------------------------------------------


def fails_with(error: BaseException) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


class Missing(AgentError):
    """For the tests below."""

    code = "tests.missing"
    kind = "not_found"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (lambda: None, 0),
        (lambda: 1, 1),
        (fails_with(Missing("No `x`.", fix="Make it.")), 2),
        (fails_with(StorageFailed("disk", "it is full")), 3),
        (fails_with(ZeroDivisionError("no")), 70),
        (fails_with(KeyboardInterrupt()), 130),
        (fails_with(typer.Abort()), 130),
    ],
)
def test_each_way_to_end_has_its_status(
    command: Callable[[], object], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert guarded(command, []) == status


def test_an_error_of_many_lines_is_still_told_in_two(capsys: pytest.CaptureFixture[str]) -> None:
    report(Missing("No\n`x`\nhere.", fix="Make\nit."), as_json=False)

    assert capsys.readouterr().err == "error[tests.missing]: No `x` here.\n  fix: Make it.\n"


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_told_in_two_lines_and_traced_only_in_debug_mode(
    debug: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEBUG_MODE", str(debug))

    guarded(fails_with(ZeroDivisionError("by zero")), [])

    err = capsys.readouterr().err
    assert ("Traceback" in err) == debug
    assert "error[agent.unexpected]: `ZeroDivisionError` at test_cli.py:" in err


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m agent domain check solaris --json | true; exit ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (done.returncode in (0, 141), done.stderr) == (True, "")


def test_ctrl_c_is_quiet_and_leaves_130() -> None:
    code = """if True:
        import sys
        from agent.cli import main
        class Waiting:
            def isatty(self): return False
            def read(self): print("waiting", flush=True); return sys.__stdin__.read()
        sys.stdin = Waiting()
        main(["run"])
    """
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "waiting\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)

    assert (running.returncode, out, err) == (130, "", "")


# --- commands ----------------------------------------------------------------------------------


def test_config_shows_values_with_their_sources(slipstream: Slipstream) -> None:
    Path("slipstream.toml").write_text('model_api_key = "sk-secret"\nport = 9000\n')

    done = slipstream("config", "show")

    rows = {row[0]: row[1:] for row in map(str.split, done.out.splitlines())}
    assert list(rows) == list(Settings.model_fields)
    assert rows["domain"] == ["solaris", "default"]
    assert rows["port"] == ["9000", "slipstream.toml:2"]
    assert rows["model_api_key"] == ["**********", "slipstream.toml:1"]


def test_config_as_json_is_nothing_but_json(slipstream: Slipstream) -> None:
    done = slipstream("config", "show", "--json")

    rows = json.loads(done.out)["settings"]
    assert (done.err, len(rows)) == ("", len(Settings.model_fields))
    assert rows[1] == {"name": "domain", "value": "solaris", "source": "default"}


def test_a_new_domain_passes_its_check(slipstream: Slipstream) -> None:
    made = slipstream("domain", "new", "pumps")
    checked = slipstream("domain", "check", "./pumps")

    assert (made.status, made.out) == (0, "pumps\n")
    assert (checked.status, checked.out[:4]) == (0, "ok: ")


def test_a_broken_domain_fails_its_check_with_file_and_line(slipstream: Slipstream) -> None:
    slipstream("domain", "new", "pumps")
    file = Path("pumps/domain.yaml")
    file.write_text(file.read_text().replace("intents:", "intent:", 1))

    done = slipstream("domain", "check", "./pumps", "--json")

    assert done.status == 1
    assert json.loads(done.out)["error"]["code"] == "domains.invalid"
    assert "pumps/domain.yaml:" in done.err


def test_domains_of_ones_own_are_listed_beside_the_built_in_ones(slipstream: Slipstream) -> None:
    slipstream("domain", "new", "pumps", "--into", "mine")
    Path("slipstream.toml").write_text('domains_dir = "mine"\n')

    names = [row["name"] for row in json.loads(slipstream("domain", "list", "--json").out)["domains"]]

    assert {"pumps", "solaris", "support"} <= set(names)


# --- serving -----------------------------------------------------------------------------------


def ping(url: str, server: "subprocess.Popen[str]") -> bytes:
    """Return what /ping says once the server listens."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=30) as answer:
                return bytes(answer.read())
        except urllib.error.URLError:
            continue  # not yet
    raise AssertionError("the server has ended")


def test_a_server_says_where_it_listens_and_stops_quietly_on_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "agent", "serve", "--port", "0", "--state", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        told = re.search(r"http://127\.0\.0\.1:\d+", server.stderr.readline())
        assert told is not None
        said = ping(told[0], server)
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=60)

    assert b'"status"' in said
    assert (server.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = process("serve", "--port", str(port))

    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"error[agent.address_taken]: Cannot listen on `127.0.0.1:{port}`: Address already in use.",
    )


def test_nobody_at_the_address_is_worth_retrying(slipstream: Slipstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    done = slipstream("invoke", "hello", "--url", f"http://127.0.0.1:{port}")

    assert (done.status, done.out, done.err.split(":")[0]) == (3, "", "error[agent.server_unreachable]")
