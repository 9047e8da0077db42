"""The edge as a process: real sockets, real signals, the real boto3."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from agent.client import ServerRefused, stream_served

ROOT = Path(__file__).parents[2]
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/slipstream-a1b2c3"
SILENT_STREAMS = 200


class Server:
    """A served echo runner; a line on its stdin opens its gate."""

    def __init__(self, folder: Path) -> None:
        self.diary = folder / "diary"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.agent.echo", str(self.port), str(self.diary)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.wait_for(self._answers)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        waiting = threading.Event()
        for _ in range(2000):
            if condition():
                return
            waiting.wait(0.01)
        raise AssertionError("the server did not get there in 20 s")

    def open_gate(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def request(self, path: str, payload: object = None) -> tuple[int, bytes]:
        body = None if payload is None else json.dumps(payload)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET" if payload is None else "POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def lines(self) -> list[str]:
        return self.diary.read_text().split() if self.diary.exists() else []

    def _answers(self) -> bool:
        try:
            return self.request("/ping")[0] == 200
        except OSError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()
    assert running.process.stdin is not None
    running.process.stdin.close()


def test_sigterm_finishes_the_running_turn_then_drains_and_closes(server: Server) -> None:
    answers: list[tuple[int, bytes]] = []
    asking = threading.Thread(
        target=lambda: answers.append(server.request("/invocations", {"query": "wait"}))
    )
    asking.start()
    server.wait_for(lambda: "waiting" in server.lines())

    server.process.send_signal(signal.SIGTERM)
    server.wait_for(lambda: not server._answers())
    server.open_gate()
    asking.join(20)

    assert [status for status, _ in answers] == [200]
    assert server.process.wait(20) in (0, -signal.SIGTERM)
    assert server.lines() == ["waiting", "answered", "drained", "closed"]


def test_ping_answers_while_200_streams_are_silent(server: Server) -> None:
    body = b'{"query": "wait", "stream": true}'
    head = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    streams = [
        socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(SILENT_STREAMS)
    ]
    for stream in streams:
        stream.sendall(head + body)
    begun = [stream.recv(4096) for stream in streams]

    pings = [json.loads(server.request("/ping")[1])["status"] for _ in range(20)]
    tasks = Path(f"/proc/{server.process.pid}/task")
    threads = len(list(tasks.iterdir())) if tasks.exists() else 1

    assert all(b"200 OK" in first for first in begun)
    assert pings == ["HealthyBusy"] * 20
    assert threads < 20
    for stream in streams:
        stream.close()


def test_boto3_invokes_it_as_if_it_were_aws(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", f"http://127.0.0.1:{server.port}")
    client = boto3.client(
        "bedrock-agentcore",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}),
    )
    session = "s" * 36

    plain = client.invoke_agent_runtime(
        agentRuntimeArn=ARN, runtimeSessionId=session, runtimeUserId="ann", payload=b'{"prompt": "Why?"}'
    )
    streamed = client.invoke_agent_runtime(
        agentRuntimeArn=ARN,
        runtimeSessionId=session,
        accept="text/event-stream",
        payload=b'{"prompt": "Why?"}',
    )
    with pytest.raises(client.exceptions.ValidationException, match="valid string, got `1`"):
        client.invoke_agent_runtime(agentRuntimeArn=ARN, payload=b'{"prompt": 1}')
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="no session"):
        client.invoke_agent_runtime(agentRuntimeArn=ARN, payload=b'{"prompt": "foreign"}')

    assert json.loads(plain["response"].read())["result"] == "You asked: Why?"
    assert plain["runtimeSessionId"] == session
    assert b"event: final" in streamed["response"].read()
    assert streamed["contentType"].startswith("text/event-stream")
    client.close()


def test_a_call_that_boto3_sends_three_times_runs_one_turn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", f"http://127.0.0.1:{server.port}")
    client = boto3.client(
        "bedrock-agentcore",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 3, "mode": "standard"}, read_timeout=0.3),
    )

    with pytest.raises(ReadTimeoutError):
        client.invoke_agent_runtime(
            agentRuntimeArn=ARN, runtimeSessionId="s" * 36, payload=b'{"prompt": "wait"}'
        )

    assert server.lines() == ["waiting"]
    client.close()


def test_the_commands_own_client_reads_the_stream(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}"

    events = list(stream_served(url, {"query": "count a b"}, session_id="s-1"))

    assert [event.type for event in events] == ["start", "token", "token", "final"]
    with pytest.raises(ServerRefused, match="nowhere"):
        list(stream_served(url, {"query": "x", "domain": "nowhere"}, session_id="s-1"))


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_edge_starts_without_the_heavy_libraries() -> None:
    heavy = [
        "langgraph",
        "langchain_core",
        "numpy",
        "pyarrow",
        "onnxruntime",
        "typer",
        "rich",
        "agent.settings",
    ]

    loaded = run_python(f"import sys, main; print([name for name in {heavy} if name in sys.modules])")

    assert loaded.strip() == "[]"


def test_two_sessions_from_one_snapshot_share_no_id() -> None:
    code = """
import asyncio, os
from tests.agent.asgi_client import ask, call
from tests.agent.echo import EchoRunner, make_echo_app
app = make_echo_app(EchoRunner())
asyncio.run(call(app, "GET", "/ping"))
for _ in range(2):
    if os.fork() == 0:
        answer = asyncio.run(ask(app, {"query": "x"}))
        print(answer.json["session_id"], answer.json["request_id"], flush=True)
        os._exit(0)
    os.wait()
"""

    ids = run_python(code).split()

    assert len(ids) == len(set(ids)) == 4


def test_main_serves_nothing_and_reads_no_setting_when_imported() -> None:
    code = "import os; os.environ['SLIPSTREAM_NONSENSE'] = '1'; import main; print(type(main.app).__name__)"

    assert run_python(code).strip() == "SlipstreamApp"


def test_a_wrong_setting_stops_main_with_a_line_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_PROT", "1")

    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 2
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert "SLIPSTREAM_PORT" in line["message"]
