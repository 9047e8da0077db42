"""Ask an agent that is served: over HTTP on this machine, or on AgentCore through boto3."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from memory.errors import AgentError
from memory.turns import StreamEvent

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
STREAM = "text/event-stream"
SILENCE_S = 120
"""Longest wait for the next bytes (seconds); heartbeats come far more often."""


class ServerUnreachable(AgentError):
    """Nothing answers at the address, or the answer broke off."""

    code = "agent.server_unreachable"
    kind = "unavailable"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"`{where}` cannot be reached: {reason}.",
            fix="Start it with `slipstream serve`, or correct `--url` or `--arn`; then try again.",
        )


class AddressInvalid(AgentError):
    """An address is none that HTTP can reach."""

    code = "agent.address_invalid"

    def __init__(self, url: str) -> None:
        super().__init__(
            f"`{url[:200]}` is no http or https address.", fix="Write it like `http://127.0.0.1:8080`."
        )


class ServerRefused(AgentError):
    """A served agent answered with an error; its code and words are passed on."""

    code = "agent.server_refused"

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message, fix=fix)


def stream_served(url: str, payload: dict[str, Any], *, session_id: str) -> Iterator[StreamEvent]:
    """Yield the events of one turn from `POST url/invocations`, as they come.

    Raises:
        AddressInvalid: `url` is no http or https address.
        ServerUnreachable: nothing answers, or the stream breaks off before its end.
        ServerRefused: the server answered with an error.
    """
    try:
        is_http = urlsplit(url).scheme in ("http", "https")
    except ValueError:
        is_http = False
    if not is_http:
        raise AddressInvalid(url)
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        url.rstrip("/") + "/invocations",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json", "Accept": STREAM, SESSION_HEADER: session_id},
    )
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_S) as response:  # noqa: S310 - see above
            yield from read_stream(response)
    except urllib.error.HTTPError as error:
        raise _refused(error.code, error.read()) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ServerUnreachable(url, getattr(reason, "strerror", None) or str(reason)) from None


def stream_deployed(
    arn: str, payload: dict[str, Any], *, session_id: str, qualifier: str
) -> Iterator[StreamEvent]:
    """Yield the events of one turn from an AgentCore runtime, as they come.

    Raises:
        ServerUnreachable: there is no way to it: network, credentials or permissions.
        ServerRefused: the runtime answered with an error.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        region = arn.split(":")[3] if arn.count(":") >= 5 else None
        runtime = boto3.client("bedrock-agentcore", region_name=region)
        answer = runtime.invoke_agent_runtime(
            agentRuntimeArn=arn,
            qualifier=qualifier,
            runtimeSessionId=session_id,
            contentType="application/json",
            accept=STREAM,
            payload=json.dumps(payload).encode(),
        )
        yield from read_stream(answer["response"].iter_lines())
    except (BotoCoreError, ClientError) as error:
        raise ServerUnreachable(arn, str(error).rstrip(".")) from None


def read_stream(lines: Iterable[bytes]) -> Iterator[StreamEvent]:
    """Yield the events in lines of server-sent events; comments and other fields are passed over.

    Raises:
        ServerRefused: the stream carries an error event.
        ServerUnreachable: it ends without a final event.
    """
    for line in lines:
        if not line.startswith(b"data:"):
            continue
        event = StreamEvent.model_validate_json(line.removeprefix(b"data:").strip())
        if event.type == "error":
            raise ServerRefused(_code_first(event.data), fix=str(event.data.get("fix", "Try again.")))
        yield event
        if event.type == "final":
            return
    raise ServerUnreachable("the server", "the stream broke off before the answer was complete")


def _refused(status: int, body: bytes) -> ServerRefused:
    try:
        error = json.loads(body)["error"]
        return ServerRefused(_code_first(error), fix=str(error["fix"]))
    except (ValueError, KeyError, TypeError):
        return ServerRefused(f"The server answered {status}.", fix="Look at its log, or try again later.")


def _code_first(error: dict[str, Any]) -> str:
    return f"{error.get('message', 'no message')} [{error.get('code', 'unknown')}]"
