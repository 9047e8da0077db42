"""A small runner for tests of the edge: it echoes, waits when told to, and fails in every way."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from agent.app import SlipstreamApp, make_app
from memory.errors import AgentError, SessionForeign, StorageFailed
from memory.turns import StreamEvent, StreamKind, TurnReply, TurnRequest

Emit = Callable[[StreamEvent], None]


class DomainAbsent(AgentError):
    """As the loader of domains would say it."""

    code = "domains.unknown"
    kind = "not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no domain `{name}`.", fix="Choose one of echo.")


class EchoRunner:
    """Answers with the question. The first word of a question may be an order."""

    default_domain = "echo"

    def __init__(self, diary: Path | None = None) -> None:
        self.gate = asyncio.Event()
        """A question that starts with `wait` is answered once it is set."""

        self.waiting = asyncio.Event()
        """Set when a question has begun to wait."""

        self.requests: list[TurnRequest] = []
        self.opinions: list[dict[str, object]] = []
        self.over: set[str] = set()
        self.is_flushing = False
        self.diary = diary
        """File that gets a line for what outlives the process."""

    async def turn(self, request: TurnRequest, emit: Emit | None = None) -> TurnReply:
        self.requests.append(request)
        send = _numbered(emit)
        order = request.query.split(" ")[0]
        if request.domain != "echo":
            raise DomainAbsent(request.domain)
        if order == "foreign":
            raise SessionForeign(request.session_id)
        send("start", {"session_id": request.session_id})
        if order == "full":
            raise StorageFailed("outbox.sqlite", "no space left on device")
        if order == "wait":
            self.waiting.set()
            self._note("waiting")
            await self.gate.wait()
        if order == "break":
            raise ValueError("secret words of the user")
        if order == "count":
            for word in request.query.split(" ")[1:]:
                send("token", {"text": word})
        reply = TurnReply(
            session_id=request.session_id,
            request_id=request.request_id,
            domain=request.domain,
            turn=len(self.requests),
            reply=f"You asked: {request.query}",
        )
        self._note("answered")
        send("final", reply.model_dump(mode="json"))
        return reply

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
        self.opinions.append({"user": user, "session_id": session_id, "rating": rating, "comment": comment})

    async def end_session(self, *, tenant: str, user: str, session_id: str) -> bool:
        was_over = session_id in self.over
        self.over.add(session_id)
        return not was_over

    def domains(self) -> list[str]:
        return ["echo"]

    def is_busy(self) -> bool:
        return self.is_flushing

    async def drain(self) -> None:
        self._note("drained")

    async def close(self) -> None:
        self._note("closed")

    def _note(self, line: str) -> None:
        if self.diary is not None:
            with self.diary.open("a") as file:
                file.write(line + "\n")


def _numbered(emit: Emit | None) -> Callable[[StreamKind, dict[str, object]], None]:
    sent = 0

    def send(kind: StreamKind, data: dict[str, object]) -> None:
        nonlocal sent
        if emit is not None:
            emit(StreamEvent(type=kind, id=sent, data=data))
            sent += 1

    return send


def make_echo_app(runner: EchoRunner, **options: object) -> SlipstreamApp:
    async def open_runner() -> EchoRunner:
        return runner

    return make_app(open_runner, **options)  # type: ignore[arg-type]


if __name__ == "__main__":  # python -m tests.agent.echo PORT DIARY; a line on stdin opens the gate
    port, diary = int(sys.argv[1]), Path(sys.argv[2])

    async def open_waiting() -> EchoRunner:
        runner = EchoRunner(diary)
        loop = asyncio.get_running_loop()

        def read_line() -> None:
            sys.stdin.readline()
            loop.call_soon_threadsafe(runner.gate.set)

        Thread(target=read_line, daemon=True).start()
        return runner

    make_app(open_waiting).run(port, "127.0.0.1")
