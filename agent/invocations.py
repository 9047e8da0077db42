"""`POST /invocations`: from headers and body to the runtime and back."""

import logging
import time
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from bedrock_agentcore.runtime import BedrockAgentCoreContext
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from agent.asgi import ClientGone, Header, http_status, read_body, read_headers, send_error, send_json
from agent.exchanges import Exchange, Exchanges, Key, RequestFailed, ServerStopping, Work
from agent.identity import (
    REQUEST_HEADER,
    SAYS_WHO,
    SESSION_HEADER,
    Address,
    Caller,
    IdentityRules,
    address,
    identify,
)
from agent.logs import REQUEST_ID, SESSION_ID
from agent.opening import Opening
from agent.requests import (
    EndSessionReply,
    FeedbackReply,
    FeedbackRequest,
    InvocationRequest,
    QueryRequest,
    parse_request,
    reply_body,
)
from agent.sse import STREAM_TYPE, send_stream
from memory.errors import AgentError
from memory.turns import StreamEvent, TurnReply, TurnRequest

try:
    from opentelemetry import baggage, context
except ImportError:  # the SDK works without it, and so do we
    baggage = None  # type: ignore[assignment]

LOG = logging.getLogger(__name__)


class TurnRunner(Protocol):
    """What the edge asks of the runtime behind it."""

    default_domain: str

    async def turn(
        self, request: TurnRequest, emit: Callable[[StreamEvent], None] | None = None
    ) -> TurnReply:
        """Answer one request; its events go to `emit`, on the same loop, `final` being the last."""
        ...

    async def feedback(
        self,
        *,
        tenant: str,
        user: str,
        session_id: str,
        request_id: str,
        rating: int | None,
        resolved: bool | None,
        comment: str,
    ) -> None:
        """Note what a user thinks of the session's last answer."""
        ...

    async def end_session(self, *, tenant: str, user: str, session_id: str) -> bool:
        """Complete a session; False when it was over already."""
        ...

    def domains(self) -> list[str]:
        """Return the names of all domains."""
        ...

    def is_busy(self) -> bool:
        """True while a turn runs or events wait."""
        ...

    async def drain(self) -> None:
        """Move every waiting event on."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class SessionUnnamed(AgentError):
    """A request is about a session, and names none."""

    code = "agent.session_unnamed"
    kind = "not_found"

    def __init__(self, action: str) -> None:
        super().__init__(
            f"`{action}` is about a session, and none is named.",
            fix="Send the session id header, or `session_id`, of the session that is meant.",
        )


class Invocations:
    """The ASGI endpoint behind `/invocations`."""

    def __init__(
        self,
        opening: Opening[TurnRunner],
        exchanges: Exchanges,
        *,
        rules: Callable[[], IdentityRules],
        fill_context: Callable[[HTTPConnection], object],
        heartbeat_s: float,
    ) -> None:
        self.is_stopping = False
        """Take nothing new."""

        self._opening = opening
        self._exchanges = exchanges
        self._rules = rules
        self._fill_context = fill_context
        self._heartbeat_s = heartbeat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start_s = time.perf_counter()
        is_stand_in = "arn" in scope["path_params"]
        try:
            await self._answer(scope, receive, send, is_stand_in=is_stand_in)
            status = 200
        except (ClientGone, OSError):  # some servers raise OSError when the client is gone
            return
        except AgentError as refused:
            status = http_status(refused)
            await send_error(send, refused, _id_headers(), for_boto3=is_stand_in)
        except Exception:
            LOG.exception("A request failed")
            failed = RequestFailed(REQUEST_ID.get() or _bind_ids(str(uuid4()), ""))
            status = http_status(failed)
            await send_error(send, failed, _id_headers(), for_boto3=is_stand_in)
        LOG.info("answered %d in %.1f ms", status, (time.perf_counter() - start_s) * 1000)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, is_stand_in: bool) -> None:
        if self.is_stopping:
            raise ServerStopping
        headers = read_headers(scope, SAYS_WHO)
        request = parse_request(await read_body(headers, receive))
        where = address(headers, request, is_stand_in=is_stand_in)
        self._enter(scope, where)
        runner = await self._opening.get()
        caller = identify(headers, self._rules())
        streams = _wants_stream(headers, request)
        exchange = self._exchanges.begin(
            Key(*caller, where.session_id, where.request_id),
            request.digest() if where.can_repeat else None,
            _work(runner, request, caller, where, streams=streams),
        )
        if streams:
            await send_stream(exchange, receive, send, _id_headers(), heartbeat_s=self._heartbeat_s)
        else:
            await send_json(send, 200, await exchange.result(), _id_headers())

    def _enter(self, scope: Scope, where: Address) -> None:
        """Let logs, SDK and telemetry know which request this is; a turn's task inherits it."""
        _bind_ids(where.request_id, where.session_id)
        self._fill_context(HTTPConnection(scope))
        BedrockAgentCoreContext.set_request_context(where.request_id, where.session_id)
        if baggage is not None:
            context.attach(baggage.set_baggage("session.id", where.session_id))


def _work(
    runner: TurnRunner, request: InvocationRequest, caller: Caller, where: Address, *, streams: bool
) -> Work:
    """Return what answers `request`.

    Raises:
        SessionUnnamed: it is about a session, and names none.
    """
    if isinstance(request, QueryRequest):
        turn = TurnRequest(
            query=request.text,
            session_id=where.session_id,
            request_id=where.request_id,
            tenant=caller.tenant,
            user=caller.user,
            domain=request.domain or runner.default_domain,
        )

        async def ask(exchange: Exchange) -> bytes:
            return reply_body(await runner.turn(turn, exchange.emit if streams else None))

        return ask
    if where.is_new_session:
        raise SessionUnnamed(request.action)
    named = {"session_id": where.session_id, "request_id": where.request_id}
    if isinstance(request, FeedbackRequest):
        opinion = request

        async def note(_: Exchange) -> bytes:
            await runner.feedback(
                **caller._asdict(),
                **named,
                rating=opinion.rating,
                resolved=opinion.resolved,
                comment=opinion.comment,
            )
            return FeedbackReply(**named).model_dump_json().encode()

        return note

    async def end(_: Exchange) -> bytes:
        completed = await runner.end_session(
            tenant=caller.tenant, user=caller.user, session_id=where.session_id
        )
        return EndSessionReply(**named, completed=completed).model_dump_json().encode()

    return end


def _wants_stream(headers: dict[bytes, str], request: InvocationRequest) -> bool:
    """Only questions stream; the body decides before the `Accept` header."""
    if not isinstance(request, QueryRequest):
        return False
    return STREAM_TYPE in headers.get(b"accept", "") if request.stream is None else request.stream


def _bind_ids(request_id: str, session_id: str) -> str:
    REQUEST_ID.set(request_id)
    SESSION_ID.set(session_id)
    return request_id


def _id_headers() -> tuple[Header, ...]:
    """Return the headers that tell a client under which ids it was served, as far as they are known."""
    ids = ((REQUEST_HEADER, REQUEST_ID.get()), (SESSION_HEADER, SESSION_ID.get()))
    return tuple((name, value.encode()) for name, value in ids if value)
