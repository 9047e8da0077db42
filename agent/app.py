"""The AgentCore edge: the SDK's app, with the paths that every request takes made our own."""

import asyncio
import importlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from bedrock_agentcore.runtime import BedrockAgentCoreApp, PingStatus
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from agent.asgi import send_error, send_json
from agent.exchanges import Exchanges
from agent.identity import IdentityRules
from agent.invocations import Invocations, TurnRunner
from agent.logs import set_up_logs
from agent.opening import Opening
from agent.requests import error_body
from agent.sse import HEARTBEAT_S
from memory.errors import AgentError

if TYPE_CHECKING:
    from agent.settings import Settings

__all__ = ["SlipstreamApp", "TurnRunner", "make_app", "open_app", "serve_app"]

LOG = logging.getLogger(__name__)

CONNECTIONS_S = 20
"""How long a stopping server waits for clients to get their answers (seconds); a container gets 30."""

DRAIN_S = 5.0
"""How long it then waits for turns whose clients have left (seconds)."""


class PathUnknown(AgentError):
    """There is nothing at this path, or not with this method."""

    code = "agent.path_unknown"
    kind = "not_found"


class SlipstreamApp(BedrockAgentCoreApp):
    """Serves `/invocations`, `/ping` and `/warmup`; the SDK's `/ws`, async tasks and forced status stay.

    Nothing is opened, drawn or read from a clock before the first request: a platform snapshot of the
    started process would give the same to every session.
    """

    def __init__(
        self,
        open_runtime: Callable[[], Awaitable[TurnRunner]],
        *,
        rules: Callable[[], IdentityRules],
        where: Callable[[], tuple[str | None, int]],
        heartbeat_s: float,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(lifespan=_lifespan)
        self._opening = Opening(open_runtime)
        self._exchanges = Exchanges(clock=monotonic, on_change=self.get_current_ping_status)
        self._invocations = Invocations(
            self._opening,
            self._exchanges,
            rules=rules,
            fill_context=self._build_request_context,
            heartbeat_s=heartbeat_s,
        )
        self._where = where
        self._clock = clock
        self._status: PingStatus | None = None
        self._status_since_s = 0.0
        self.router.routes[:] = [
            Route("/invocations", self._invocations, methods=["POST"]),
            Route("/ping", _Endpoint(self._ping), methods=["GET"]),
            Route("/warmup", _Endpoint(self._warmup), methods=["POST"]),
            Route("/runtimes/{arn:path}/invocations", self._invocations, methods=["POST"]),
            Route("/openapi.json", _Endpoint(_openapi), methods=["GET"]),
            WebSocketRoute("/ws", self._handle_websocket),
        ]
        self.add_exception_handler(HTTPException, _path_unknown)
        _quieten_sdk()

    def get_current_ping_status(self) -> PingStatus:
        """Return the status (forced, custom, busy, in this order) and note when it changed."""
        status: PingStatus = super().get_current_ping_status()
        if status is PingStatus.HEALTHY and self._forced_ping_status is None and self._is_busy():
            status = PingStatus.HEALTHY_BUSY
        if status is not self._status:
            self._status, self._status_since_s = status, self._clock()
        return status

    def run(self, port: int | None = None, host: str | None = None, **kwargs: Any) -> None:
        """Serve until SIGTERM or Ctrl-C; port and address default to the settings."""
        if port is None:
            try:
                set_host, port = self._where()
            except AgentError as error:
                LOG.critical("%s (%s)", error, error.fix)
                raise SystemExit(2) from None
            host = host or set_host
        options = {
            "log_config": None,
            "loop": "asyncio",
            "server_header": False,
            "timeout_graceful_shutdown": CONNECTIONS_S,
        }
        super().run(port, host, **(options | kwargs))

    def start(self) -> None:
        """Take requests; an app that was stopped may start again."""
        self._invocations.is_stopping = False

    async def stop(self) -> None:
        """Take nothing new, finish what runs, move its events on, and close."""
        self._invocations.is_stopping = True
        await self._opening.cancel()
        await self._exchanges.settle(DRAIN_S)
        runner, self._opening.opened = self._opening.opened, None
        if runner is None:
            return
        try:
            await runner.drain()
        except AgentError as error:
            LOG.error("Events stay in the journal: %s (%s)", error, error.fix)  # noqa: TRY400 - told, not dumped
        finally:
            await runner.close()

    def _is_busy(self) -> bool:
        runner = self._opening.opened
        return self._exchanges.running > 0 or (runner is not None and runner.is_busy())

    async def _ping(self, send: Send) -> None:
        status = self.get_current_ping_status()
        body = b'{"status":"%b","time_of_last_update":%d}' % (status.value.encode(), self._status_since_s)
        await send_json(send, 200, body)
        self._opening.start()  # only now: the first answer must not wait for what opening imports

    async def _warmup(self, send: Send) -> None:
        try:
            await self._opening.get()
        except AgentError as error:
            await send_error(send, error)
        else:
            await send_json(send, 200, b'{"status":"ready"}')


class _Endpoint:
    """A path that looks at nothing of its request, as an ASGI application."""

    def __init__(self, answer: Callable[[Send], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(send)


def make_app(
    open_runtime: Callable[[], Awaitable[TurnRunner]],
    *,
    rules: Callable[[], IdentityRules] = IdentityRules,
    where: Callable[[], tuple[str | None, int]] = lambda: (None, 8080),
    heartbeat_s: float = HEARTBEAT_S,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> SlipstreamApp:
    """Return the app around a runtime that is opened after the first `/ping`, or when first needed.

    `rules` is asked once the runtime is open, `where` (address and port) by `run` alone. `heartbeat_s`
    is the longest silence of a stream (seconds); `clock` tells Unix time, `monotonic` any steady time.
    """
    return SlipstreamApp(
        open_runtime,
        rules=rules,
        where=where,
        heartbeat_s=heartbeat_s,
        clock=clock,
        monotonic=monotonic,
    )


def open_app(settings: "Settings | None" = None) -> SlipstreamApp:
    """Return the app of the whole program; settings that are not given are read when first needed."""
    set_up_logs("info")

    @cache
    def read() -> "Settings":
        from agent.settings import load_settings  # not needed before the first /ping

        known = settings or load_settings()
        level = "debug" if known.debug_mode else known.log_level or "info"
        set_up_logs(level, show_tracebacks=known.debug_mode)
        return known

    @cache
    def rules() -> IdentityRules:
        known = read()
        return IdentityRules(
            tenant=known.tenant, user=known.user, jwt=known.jwt_identity, tenant_claim=known.tenant_claim
        )

    async def open_runtime() -> TurnRunner:
        # in a thread: importing LangGraph takes a second, in which /ping must be answered
        known = await asyncio.to_thread(read)
        await asyncio.to_thread(importlib.import_module, "agent.wiring")
        from agent.wiring import open_runtime as open_whole

        runtime = await open_whole(known)
        try:
            await runtime.warm()
        except BaseException:
            await runtime.close()
            raise
        runtime.start_background()
        return runtime

    return make_app(open_runtime, rules=rules, where=lambda: (read().host, read().port))


def serve_app(settings: "Settings") -> None:
    """Serve the whole program until SIGTERM or Ctrl-C."""
    open_app(settings).run()


@asynccontextmanager
async def _lifespan(app: SlipstreamApp) -> AsyncIterator[None]:
    app.start()
    yield
    await app.stop()


async def _openapi(send: Send) -> None:
    from agent.openapi import openapi_text  # few ask for it

    await send_json(send, 200, openapi_text().encode())


async def _path_unknown(request: Request, refused: Exception) -> Response:
    """Answer 404 and 405 in the form of all errors."""
    assert isinstance(refused, HTTPException)
    error = PathUnknown(
        f"There is no `{request.method[:20]} {request.url.path[:80]}`.",
        fix="Use POST /invocations, GET /ping, POST /warmup or GET /openapi.json.",
    )
    return Response(
        error_body(error), refused.status_code, headers=refused.headers, media_type="application/json"
    )


def _quieten_sdk() -> None:
    """Leave the SDK's loggers their errors only, on our handler: their other lines quote request headers."""
    logging.getLogger("bedrock_agentcore.app").handlers.clear()
    for name in ("bedrock_agentcore", "bedrock_agentcore.app"):
        logging.getLogger(name).setLevel(logging.ERROR)
