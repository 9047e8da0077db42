"""The notebook's way in: the whole program behind plain calls, whether or not a loop is running already."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

from pydantic import ValidationError

from agent.importing import import_sessions
from agent.runtime import Runtime
from agent.settings import load_settings
from agent.views.flowpicture import flow_picture
from agent.views.progress import progress
from agent.views.reliabilitypicture import reliability_picture
from agent.views.run import Drawing, Run
from agent.wiring import open_runtime, utc_now
from graph.trace import Trace, make_traces
from learning.findings import FlowReport
from learning.importing.reading import Format, read_logs
from learning.importing.report import ImportReport
from learning.importing.spool import open_spool
from learning.patternflow import flow_of_patterns
from learning.recorded import RecordedSession, recorded_events
from learning.reliability import promises
from learning.reports import LearnReport
from memory.errors import AgentError
from memory.ids import new_request_id, new_session_id
from memory.ports import FlowMatch
from memory.records import Pattern, SessionEvent
from memory.redact import user_key
from memory.turns import TurnReply, TurnRequest

Result = TypeVar("Result")

BATCH = 2000
"""Events journalled at once while replaying."""


ALL_PATTERNS = 100_000
"""More patterns than a release holds for people to read."""


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
        self._runs: WeakValueDictionary[tuple[str, int], Run] = WeakValueDictionary()
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
        traces = {trace.turn: trace for trace in self._wait(self._session(runtime, reply.session_id))}
        last = self._runs.get((reply.session_id, reply.turn - 1))
        if last is not None:
            last.trace = traces.get(last.reply.turn, last.trace)
        run = Run(reply, traces.get(reply.turn) or _bare_trace(request, reply))
        self._runs[reply.session_id, reply.turn] = run
        return run

    def replay(self, sessions: Iterable[RecordedSession], *, sample: bool = False) -> int:
        """Send recorded sessions down the path of live ones; returns how many. A second time changes nothing.

        `sample` marks them as written for demonstration.

        Raises:
            RecordedLogBroken: `sessions` come from a file that cannot be read.
        """
        runtime, settings, count = self._open_runtime(), self.settings, 0
        waiting: list[SessionEvent] = []
        for session in sessions:
            waiting += recorded_events(session, tenant=settings.tenant, domain=settings.domain, sample=sample)
            count += 1
            if len(waiting) >= BATCH:
                self._wait(runtime.replay(waiting))
                waiting = []
        self._wait(runtime.replay(waiting))
        return count

    def import_logs(
        self, *paths: Path | str, log_format: Format | None = None, sample: bool = False
    ) -> ImportReport:
        """Send logs down the path of live turns, as `slipstream import` does; a second time changes nothing.

        `log_format` is told by content when left out; `sample` marks all as written for demonstration.

        Raises:
            LogUnreadable: a path is not there or cannot be opened.
            NothingImported: no session was found.
        """
        return self._wait(
            self._import(self._open_runtime(), [Path(one) for one in paths], log_format, sample)
        )

    def learn(self, show_progress: bool = False) -> LearnReport:
        """Learn from all sessions of the domain; what was learned guides the next turn.

        Raises:
            NothingToLearn: there are no sessions yet.
        """
        runtime = self._open_runtime()
        with progress(show_progress) as on_progress:
            return self._wait(runtime.learn(self.settings.domain, on_progress))

    def flow_report(self, since: datetime | None = None, until: datetime | None = None) -> FlowReport:
        """Return dead ends, shortcuts, loops and journeys of the sessions that ended in this time.

        Raises:
            NothingToLearn: there are no sessions yet.
            NoSessionsThen: none ended in this time.
            OutcomesUnknown: no session says how it ended.
        """
        runtime = self._open_runtime()
        with progress(False) as on_progress:
            report = runtime.flow_report(self.settings.domain, on_progress, since=since, until=until)
            return self._wait(report)

    def traces(self, limit: int = 20) -> list[Trace]:
        """Return the last turns of the domain, newest first."""
        return self._wait(self._traces(self._open_runtime(), limit))

    def patterns(self, limit: int = 20) -> list[Pattern]:
        """Return the live patterns, most frequent first; none before the first `learn`."""
        return self._wait(self._patterns(self._open_runtime(), limit))

    def suggest(self, flow: Sequence[str], *, user: str | None = None, k: int = 3) -> FlowMatch:
        """Return what usually follows the steps of `flow` (labels, oldest first), with confidence and why.

        `user` is a name as it stands in the log; their habits tilt the suggestions. Nothing is suggested
        before the first `learn`.
        """
        key = user_key(self.settings.tenant, user) if user is not None else None
        [found] = self._wait(self._matches(self._open_runtime(), [flow], key, k))
        return found

    def flow(self) -> Drawing:
        """Draw the whole flows of the live patterns, from the first step to the last."""
        shown = self._wait(self._patterns(self._open_runtime(), ALL_PATTERNS))
        return Drawing(flow_picture(flow_of_patterns(shown), self.settings.domain))

    def calibration(self, flows: Iterable[Sequence[str]]) -> Drawing:
        """Draw how often suggestions come true, by their confidence, on flows (labels) not learned from."""
        places = [(flow[:step], flow[step]) for flow in flows for step in range(1, len(flow))]
        matches = self._wait(self._matches(self._open_runtime(), [flow for flow, _ in places], None, 3))
        made = [
            (one.confidence, one.label == came)
            for match, (_, came) in zip(matches, places, strict=True)
            for one in match.suggestions
        ]
        return Drawing(reliability_picture(promises([sure for sure, _ in made], [hit for _, hit in made])))

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

    async def _import(
        self, runtime: Runtime, paths: Sequence[Path], log_format: Format | None, sample: bool
    ) -> ImportReport:
        with open_spool() as spool, progress(False) as on_progress:
            report = read_logs(
                paths, spool, tenant=self.settings.tenant, log_format=log_format, on_progress=on_progress
            )
            await import_sessions(
                runtime,
                spool.sessions(),
                domain=self.settings.domain,
                turns=report.turns,
                on_progress=on_progress,
                sample=sample,
            )
        return report

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

    async def _matches(
        self, runtime: Runtime, flows: Sequence[Sequence[str]], user: str | None, k: int
    ) -> list[FlowMatch]:
        index = await runtime.patterns(self.settings.domain)
        if index is None:
            return [FlowMatch([], None) for _ in flows]
        return [await index.match(flow, user=user, k=k) for flow in flows]


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
