"""The notebook's way in: the whole program behind plain calls, whether or not a loop is running already."""

import asyncio
from collections.abc import Coroutine, Sequence
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from agent.runtime import Runtime
from agent.settings import load_settings
from agent.views.progress import progress
from agent.views.text import reply_text, timeline_text
from agent.views.words import label_of, time_taken
from agent.wiring import open_runtime, utc_now
from graph.trace import NodeRun, Trace, make_traces
from learning.pipeline import LearnReport
from memory.errors import AgentError
from memory.ids import new_request_id, new_session_id
from memory.records import Pattern
from memory.turns import TurnReply, TurnRequest

Result = TypeVar("Result")


class LabClosed(AgentError):
    """A lab was used after it had been closed."""

    code = "agent.lab_closed"

    def __init__(self, domain: str) -> None:
        super().__init__("This lab is closed.", fix=f'Open another: lab = Lab("{domain}").')


class QuestionUnusable(AgentError):
    """A question is empty or too long."""

    code = "agent.question_unusable"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(
            f"The {field} cannot be used: {problem.lower()}.",
            fix="Ask in one to 8,000 characters; put long texts into `slipstream knowledge add`.",
        )


class NodeRunUnknown(AgentError):
    """A turn has no such node run."""

    code = "agent.node_run_unknown"
    kind = "not_found"

    def __init__(self, node: str, number: int, path: Sequence[str]) -> None:
        super().__init__(
            f"Run {number} of node `{node}` is not in this turn.",
            fix=f"It ran: {', '.join(path) or 'nothing that was recorded'}.",
        )


class Drawing:
    """An SVG picture that notebooks show."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        return f"Drawing({len(self.svg):,} characters of SVG)"

    def _repr_svg_(self) -> str:
        return self.svg


class Run:
    """One turn: its reply, its trace, and each node run by name."""

    def __init__(self, reply: TurnReply, trace: Trace) -> None:
        self.reply = reply
        self.trace = trace

    @property
    def session(self) -> str:
        """Id of the session, to go on with: `lab.run("…", session=run.session)`."""
        return self.reply.session_id

    @property
    def graph(self) -> Drawing:
        """The machine with the path that this turn took."""
        from agent.views.markup import is_degraded
        from agent.views.svg import graph_svg

        broken = {run.node for run in self.trace.runs if is_degraded(run)}
        return Drawing(graph_svg(self.trace.path, degraded=broken))

    def __getitem__(self, key: str | tuple[str, int]) -> NodeRun:
        """Return a node run: `run["judge"]` the first of that node, `run["judge", 2]` the second.

        Raises:
            NodeRunUnknown: the turn has no such run.
        """
        node, number = (key, 1) if isinstance(key, str) else key
        for run in self.trace.runs:
            if (run.node, run.run) == (node, number):
                return run
        raise NodeRunUnknown(node, number, self.trace.path)

    def __repr__(self) -> str:
        reply = self.reply
        facts = [f"turn {reply.turn}", reply.kind, label_of(reply.intent, reply.topic)]
        facts += [reply.verdict or "", time_taken(reply.duration_ms)]
        return f"Run({', '.join(fact for fact in facts if fact)})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from agent.views.html import run_html

        text = f"{reply_text(self.reply)}\n\n{timeline_text(self.trace)}"
        return {"text/plain": text, "text/html": run_html(self.trace, self.reply)}


class Lab:
    """A domain to ask and to learn from. Close it when done, or use it as a context manager.

    `settings` are those of `docs/settings.md`, for example `state_dir=` or `model=`.

    Raises:
        SettingsInvalid: a setting is unknown or its value cannot be used.
        StorageFailed: the state folder cannot be used.
        DomainUnknown: there is no such domain.
    """

    def __init__(self, domain: str = "solaris", **settings: Any) -> None:
        self.settings = load_settings(domain=domain, **settings)
        # a loop of its own: the notebook's runs already, a script has none, and stores belong to one loop
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="slipstream-lab", daemon=True)
        self._thread.start()
        self._runtime: Runtime | None = None
        try:
            self._runtime = self._wait(open_runtime(self.settings))
            self._wait(self._runtime.warm())
        except BaseException:
            self.close()
            raise

    def run(self, text: str, session: str | None = None, flow: Sequence[str] = ()) -> Run:
        """Ask one question, in a new session unless one is named.

        `flow` are the labels of steps to imagine before the session's first turn.

        Raises:
            QuestionUnusable: the question is empty or too long.
            SessionForeign: the session belongs to another user or domain.
        """
        settings = self.settings
        try:
            request = TurnRequest(
                query=text,
                session_id=session or new_session_id(),
                request_id=new_request_id(),
                tenant=settings.tenant,
                user=settings.user,
                domain=settings.domain,
                flow=list(flow),
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise QuestionUnusable(str(first["loc"][0]), first["msg"]) from None
        runtime = self._open_runtime()
        reply = self._wait(runtime.turn(request))
        traces = self._wait(self._session(runtime, reply.session_id))
        recorded = (trace for trace in traces if trace.turn == reply.turn)
        return Run(reply, next(recorded, None) or _bare_trace(request, reply))

    def learn(self, show_progress: bool = False) -> LearnReport:
        """Learn from all sessions of the domain; what was learned guides the next turn.

        Raises:
            NothingToLearn: there are no sessions yet.
        """
        runtime = self._open_runtime()
        with progress(show_progress) as on_progress:
            return self._wait(runtime.learn(self.settings.domain, on_progress))

    def traces(self, limit: int = 20) -> list[Trace]:
        """Return the last turns of the domain, newest first."""
        return self._wait(self._traces(self._open_runtime(), limit))

    def patterns(self, limit: int = 20) -> list[Pattern]:
        """Return the live patterns, most frequent first; none before the first `learn`."""
        return self._wait(self._patterns(self._open_runtime(), limit))

    def close(self) -> None:
        """Close all files and end the background thread; a second time does nothing."""
        if self._loop.is_closed():
            return
        runtime, self._runtime = self._runtime, None
        try:
            if runtime is not None:
                self._wait(runtime.close())
            self._wait(self._loop.shutdown_default_executor())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._runtime is None else f"state_dir={str(self.settings.state_dir)!r}"
        return f"Lab({self.settings.domain!r}, {state})"

    def _open_runtime(self) -> Runtime:
        if self._runtime is None:
            raise LabClosed(self.settings.domain)
        return self._runtime

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do `work` on the lab's loop; interrupting the cell cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except AgentError as error:
            error.add_note(f"fix: {error.fix}")  # a notebook prints notes below the message
            raise
        except KeyboardInterrupt:
            future.cancel()
            raise

    async def _session(self, runtime: Runtime, session_id: str) -> list[Trace]:
        return make_traces(await runtime.events(session_id, self.settings.tenant))

    async def _traces(self, runtime: Runtime, limit: int) -> list[Trace]:
        turns = await runtime.traces(self.settings.domain, limit)
        found = {
            (trace.session_id, trace.turn): trace
            for session_id in dict.fromkeys(turn.session_id for turn in turns)
            for trace in await self._session(runtime, session_id)
        }
        return [found[turn.session_id, turn.turn] for turn in turns]

    async def _patterns(self, runtime: Runtime, limit: int) -> list[Pattern]:
        index = await runtime.patterns(self.settings.domain)
        return [] if index is None else await index.patterns(limit=limit)


def _bare_trace(request: TurnRequest, reply: TurnReply) -> Trace:
    """Return what is known of a turn whose events could not be written."""
    return Trace(
        session_id=reply.session_id,
        request_id=reply.request_id,
        turn=reply.turn,
        domain=reply.domain,
        query=request.query,
        reply=reply.reply,
        reply_kind=reply.kind,
        degraded=reply.degraded,
        started_at=utc_now(),
    )
