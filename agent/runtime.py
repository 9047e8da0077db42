"""The running program: answers turns, keeps sessions, moves events to the lake."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel

from agent.sessions import CompletionReason, completion_event, feedback_event, open_session
from agent.settings import Settings
from domains.loader import domain_names
from graph.remembering import session_memory_breaker
from graph.run import TurnGraph, run_turn, thread_id
from graph.state import Services
from learning import feedback
from learning.datasets import ModelKind, TrainingData
from learning.demotion import Decisions, load_decisions, put_back, store_decisions
from learning.effect import EffectReport, measure
from learning.evidence import sessions_with
from learning.feedback import FeedbackReport
from learning.findings import FlowReport
from learning.flows import analyse, between
from learning.intents import BatchClassifier
from learning.model_intents import BatchModelClassifier
from learning.pipeline import NothingToLearn, learn, preview, read_sessions
from learning.preparing import prepare_examples, prepare_sessions
from learning.progress import Progress
from learning.reports import LearnPreview, LearnReport
from learning.sessions import Sessions
from learning.stored import Source
from learning.trials import read_turns, trials
from memory.errors import AgentError, StorageFailed
from memory.onnx import embedder_identity
from memory.outbox import SqliteOutbox
from memory.parquet import ParquetLake
from memory.ports import PatternIndex, Registry, Store
from memory.publisher import Publisher
from memory.records import (
    Conversation,
    SessionEvent,
    Suggestion,
    TurnFinished,
)
from memory.redact import user_key
from memory.turns import StreamEvent, TurnReply, TurnRequest

LOG = logging.getLogger(__name__)

FLUSH_S = 2.0
"""How often a server moves events to the lake (seconds): one file a flush, not one a session."""

SWEEP_S = 30.0
"""How often a server looks for idle sessions (seconds)."""

KEEP_IN_JOURNAL = 500
"""Events that a short command may leave in the journal, so that the lake gets no file a command."""

EVERY = 1_000_000
"""More patterns than a release holds for people to read."""

TRIM_EVERY = 8
"""Turns between two trims of a session's checkpoints; in between they add up to that many."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a runtime is made of; `agent.wiring` chooses."""

    store: Store
    outbox: SqliteOutbox
    lake: ParquetLake
    publisher: Publisher
    """Moves events from the outbox to the lake, and to the bus where there is one."""

    graph: TurnGraph
    embedder: Embeddings
    model: BaseChatModel | None
    """The chat model that is set; `None` when all is local."""

    services: Callable[[str, str], Awaitable[Services]]
    """From domain and tenant to what its turns use; raises `DomainUnknown`."""

    open_patterns: Callable[[str, str], Awaitable[PatternIndex | None]]
    """From domain and tenant to the live patterns."""

    trim: Callable[[str], Awaitable[None]]
    """Drops all but the last checkpoints of a thread."""

    redactor: Callable[[str], Callable[[str], str]]
    """From the thread of a session to what redacts its texts, with placeholders that stay the same in it."""

    now: Callable[[], datetime]


class Runtime:
    """Everything one process holds open; close it when done."""

    def __init__(self, settings: Settings, parts: Parts, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.default_domain = settings.domain
        self._parts = parts
        self._stack = stack
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running = 0
        self._memory = session_memory_breaker()
        self._touched: set[tuple[str, str]] = set()
        self._background: list[asyncio.Task[None]] = []

    # --- answering -----------------------------------------------------------------------------

    async def turn(
        self, request: TurnRequest, emit: Callable[[StreamEvent], None] | None = None
    ) -> TurnReply:
        """Answer one request; turns of one session follow each other.

        Raises:
            DomainUnknown: there is no such domain.
            SessionForeign: the session belongs to another user.
        """
        parts = self._parts
        user = user_key(request.tenant, request.user)
        services = await parts.services(request.domain, request.tenant)
        conversations = parts.store.conversations(request.tenant)
        async with self._session(request.tenant, user, request.session_id):
            known, degraded = await open_session(conversations, request, user=user, at=parts.now())
            reply = await run_turn(
                parts.graph,
                replace(services, redact=parts.redactor(thread_id(request.tenant, user, request.session_id))),
                request,
                user=user,
                turn=known.turns + 1,
                sink=parts.outbox,
                now=parts.now,
                emit=emit,
                memory=self._memory,
                degraded=degraded,
            )
            if reply.turn > known.turns:
                await self._note_turn(request, user, reply.turn)
            return reply

    async def _note_turn(self, request: TurnRequest, user: str, turn: int) -> None:
        """Count the turn and keep the session small; a full disk must not take the reply back."""
        parts = self._parts
        self._touched.add((request.tenant, request.session_id))
        try:
            conversations = parts.store.conversations(request.tenant)
            await conversations.touch(request.session_id, turns=turn, at=parts.now())
            if turn % TRIM_EVERY == 0:
                await parts.trim(thread_id(request.tenant, user, request.session_id))
        except StorageFailed as failure:
            LOG.warning("%s (%s)", failure, failure.fix)

    @asynccontextmanager
    async def _session(self, tenant: str, user: str, session_id: str) -> AsyncIterator[None]:
        """Hold the session: two requests at once would both build on the same past."""
        key = thread_id(tenant, user, session_id)
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._running += 1
        try:
            async with lock:
                yield
        finally:
            self._running -= 1

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
        """Note what a user thinks of the session's last answer.

        Raises:
            SessionForeign: the user has no such session.
        """
        parts = self._parts
        key = user_key(tenant, user)
        known = await parts.store.conversations(tenant).get(session_id, user=key)
        event = feedback_event(
            known,
            request_id=request_id,
            at=parts.now(),
            rating=rating,
            resolved=resolved,
            comment=parts.redactor(thread_id(tenant, key, session_id))(comment),
        )
        await parts.outbox.append([event])

    async def end_session(self, *, tenant: str, user: str, session_id: str) -> bool:
        """Complete a session; False when it was over already.

        Raises:
            SessionForeign: the user has no such session.
        """
        conversations = self._parts.store.conversations(tenant)
        known = await conversations.get(session_id, user=user_key(tenant, user))
        return await self._complete(known, "client")

    async def _complete(self, known: Conversation, reason: CompletionReason) -> bool:
        """Emit a session's completion, once for each time that it ended."""
        if known.completed:
            return False
        parts = self._parts
        event = completion_event(known, reason, at=parts.now())
        # first the event, then the mark: killed in between, it is written again under the same id
        await parts.outbox.append([event])
        self._touched.discard((known.tenant, known.session_id))
        conversations = parts.store.conversations(known.tenant)
        return await conversations.complete(known.session_id, at=parts.now())

    # --- what is known ---------------------------------------------------------------------------

    def domains(self) -> list[str]:
        """Return the names of all domains."""
        return domain_names(self.settings.domains_dir)

    def registry(self, tenant: str) -> Registry:
        """Return the releases of a tenant."""
        return self._parts.store.registry(tenant)

    async def services(self, domain: str) -> Services:
        """Return what turns of a domain of the settings' tenant use."""
        return await self._parts.services(domain, self.settings.tenant)

    async def patterns(self, domain: str) -> PatternIndex | None:
        """Return the live patterns of a domain of the settings' tenant; `None` before the first release."""
        return await self._parts.open_patterns(domain, self.settings.tenant)

    async def traces(self, domain: str, limit: int) -> list[TurnFinished]:
        """Return the last turns of a domain of the settings' tenant, newest first."""
        tenant = self.settings.tenant
        waiting = await self._parts.outbox.recent(tenant, limit=limit)
        stored = await self._parts.lake.recent(tenant, domain=domain, limit=limit)
        turns = {turn.event_id: turn for turn in [*waiting, *stored] if turn.domain == domain}
        return sorted(turns.values(), key=lambda turn: turn.at, reverse=True)[:limit]

    async def events(self, session_id: str, tenant: str) -> list[SessionEvent]:
        """Return all events of a session, in order, wherever they lie by now."""
        events = {event.event_id: event for event in await self._parts.outbox.session(session_id, tenant)}
        async for event in self._parts.lake.session(session_id, tenant=tenant):
            events[event.event_id] = event
        return sorted(events.values(), key=lambda event: (event.turn, event.seq))

    async def replay(self, events: Sequence[SessionEvent]) -> None:
        """Send recorded events down the path of live ones; a second time changes nothing."""
        await self._parts.outbox.append(events)
        await self.drain()

    async def learn(self, domain: str, on_progress: Progress, *, only_if_due: bool = False) -> LearnReport:
        """Learn from all sessions of a domain of the settings' tenant; the release goes live.

        `only_if_due`: not before there are more new intents than the settings' `learn_after`.
        """
        await self.drain()
        parts, tenant, settings = self._parts, self.settings.tenant, self.settings
        services = await parts.services(domain, tenant)
        return await learn(
            parts.lake,
            self.registry(tenant),
            self._learner(services),
            fallback=services.local.classifier,
            tenant=tenant,
            domain=domain,
            folder=settings.state_dir,
            embedder=embedder_identity(parts.embedder),
            advanced=settings.advanced_analytics,
            now=parts.now(),
            on_progress=on_progress,
            due_after=settings.learn_after if only_if_due else None,
            published=parts.store.patterns(tenant),
        )

    @property
    def embedder(self) -> Embeddings:
        """Who turns text into vectors."""
        return self._parts.embedder

    async def training_data(self, model: ModelKind, domain: str, on_progress: Progress) -> TrainingData:
        """Store what a model of a domain of the settings' tenant is trained on, and say where it lies."""
        await self.drain()
        parts, tenant, folder = self._parts, self.settings.tenant, self.settings.state_dir
        services = await parts.services(domain, tenant)
        learner = self._learner(services)
        if model == "intent-classifier":
            return await prepare_examples(
                parts.lake, learner, tenant=tenant, domain=services.domain, folder=folder
            )
        return await prepare_sessions(
            parts.lake,
            learner,
            fallback=services.local.classifier,
            tenant=tenant,
            domain=services.domain,
            folder=folder,
            now=parts.now(),
            on_progress=on_progress,
        )

    async def preview_learning(self, domain: str, on_progress: Progress) -> LearnPreview:
        """Return what `learn` would do; writes nothing, and leaves waiting events where they are."""
        parts, tenant = self._parts, self.settings.tenant
        services = await parts.services(domain, tenant)
        found = await preview(
            parts.lake,
            self.registry(tenant),
            self._learner(services),
            tenant=tenant,
            domain=domain,
            folder=self.settings.state_dir,
            embedder=embedder_identity(parts.embedder),
            advanced=self.settings.advanced_analytics,
            now=parts.now(),
            on_progress=on_progress,
        )
        return found.model_copy(update={"waiting_events": parts.outbox.pending()})

    def _learner(self, services: Services) -> BatchClassifier:
        """Return who names what the learner reads: the chat model that is set, or the local classifier."""
        model = self._parts.model
        if model is None:
            return services.local.classifier
        return BatchModelClassifier(model, self.settings.model, services.domain)

    async def sessions(self, domain: str, on_progress: Progress) -> Sessions:
        """Return the sessions of a domain of the settings' tenant, as the learner sees them.

        Raises:
            NothingToLearn: there are none yet.
        """
        await self.drain()
        parts, tenant = self._parts, self.settings.tenant
        return await read_sessions(
            parts.lake,
            self._learner(await parts.services(domain, tenant)),
            tenant=tenant,
            domain=domain,
            folder=self.settings.state_dir,
            now=parts.now(),
            on_progress=on_progress,
        )

    async def effect(self, domain: str, on_progress: Progress) -> tuple[EffectReport, Decisions]:
        """Return what guidance is worth in a domain of the settings' tenant, and what is out of service.

        Raises:
            NothingToLearn: there are no sessions yet.
        """
        sessions, tenant = await self.sessions(domain, on_progress), self.settings.tenant
        turns = await read_turns(self._parts.lake, tenant=tenant, domain=domain)
        on_progress("effect", 0, 1, "comparing the arms")
        known = load_decisions(self.settings.state_dir, tenant=tenant, domain=domain)
        found = await asyncio.to_thread(trials, turns, sessions)
        report = await asyncio.to_thread(measure, found, domain, since=known.promoted)
        on_progress("effect", 1, 1, f"{len(found):,} sessions with an arm")
        return report, known

    async def seen_in(self, domain: str, suggestions: Sequence[Suggestion]) -> dict[str, list[str]]:
        """Return the newest sessions of the settings' tenant that show the patterns of suggestions, by id.

        Looks through all sessions, so it is for people who ask, never for a turn.
        """
        if not suggestions:
            return {}
        index = await self.patterns(domain)
        known = {} if index is None else {one.pattern_id: one for one in await index.patterns(limit=EVERY)}
        try:
            sessions = await self.sessions(domain, lambda *_: None)
        except NothingToLearn:
            return {}
        found: dict[str, list[str]] = {}
        for one in suggestions:
            pattern = known.get(one.pattern_id)
            steps = [*(one.why.split(" > ") if one.why else []), one.label]
            labels = [step.label for step in pattern.sequence] if pattern else steps
            kind = pattern.pattern_type if pattern else "sequence"
            found[one.pattern_id] = sessions_with(sessions, labels, kind)
        return found

    def put_back(self, domain: str, pattern_id: str) -> None:
        """Show a demoted pattern again; only sessions from now on count against it."""
        folder, tenant = self.settings.state_dir, self.settings.tenant
        before = load_decisions(folder, tenant=tenant, domain=domain)
        after = put_back(before, pattern_id, at=self._parts.now())
        store_decisions(folder, after, tenant=tenant, domain=domain)

    async def flow_report(
        self,
        domain: str,
        on_progress: Progress,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> FlowReport:
        """Return what flow analysis finds in the sessions of a domain that ended in this time."""
        sessions = await self.sessions(domain, on_progress)
        on_progress("flows", 0, 1, "comparing with chance")
        chosen = between(sessions, domain, since, until)
        found = await asyncio.to_thread(analyse, chosen, domain)
        on_progress("flows", 1, 1, f"{len(found.dead_ends)} dead ends")
        return found

    async def feedback_report(
        self,
        domain: str,
        on_progress: Progress,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> FeedbackReport:
        """Return what users of the settings' tenant think of the answers of a domain."""
        await self.drain()
        settings, services = self.settings, await self.services(domain)
        source = Source(settings.tenant, domain, self._learner(services).identity)
        return await feedback.run(
            self._parts.lake, source, settings.state_dir, since=since, until=until, on_progress=on_progress
        )

    async def warm(self) -> None:
        """Open the default domain, so that the first turn finds its models and indexes ready.

        Raises:
            DomainUnknown: there is no such domain.
        """
        await self._parts.services(self.default_domain, self.settings.tenant)

    # --- living and ending -----------------------------------------------------------------------

    def is_busy(self) -> bool:
        """True while a turn runs or events wait for the lake or the bus."""
        return self._running > 0 or self._parts.publisher.is_busy

    def start_background(self) -> None:
        """Move events on and complete idle sessions from now on; for servers."""
        self._background = [
            asyncio.create_task(self._every(FLUSH_S, self._publish)),
            asyncio.create_task(self._every(SWEEP_S, self.complete_idle)),
        ]

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except AgentError as failure:
                LOG.warning("%s (%s)", failure, failure.fix)
            except Exception:  # a bug that ends this loop would keep every later event from leaving
                LOG.exception("Background work failed; it is tried again.")

    async def complete_idle(self) -> int:
        """Complete the sessions whose last turn is too long ago; returns how many."""
        before = self._parts.now() - timedelta(seconds=self.settings.session_idle_s)
        done = 0
        for tenant in sorted({self.settings.tenant, *(tenant for tenant, _ in self._touched)}):
            for known in await self._parts.store.conversations(tenant).idle(before=before):
                done += await self._complete(known, "idle")
        return done

    async def drain(self) -> None:
        """Move every waiting event to the lake."""
        await self._parts.publisher.drain("lake")

    async def _publish(self) -> None:
        for queue, reason in (await self._parts.publisher.publish()).items():
            LOG.warning("Events wait for the %s: %s", queue, reason)

    async def redrive(self) -> int:
        """Send every dead letter once more; returns how many there were (count)."""
        found = await self._parts.outbox.redrive()
        await self.drain()
        await self._parts.publisher.drain("bus")
        return found

    async def close(self) -> None:
        """Flush and close. A server completes the sessions it served; a short command leaves them open."""
        for task in self._background:
            task.cancel()
        try:
            if self._background:
                await self._complete_touched()
            if self._background or self._parts.outbox.pending() > KEEP_IN_JOURNAL:
                await self.drain()
            await self._parts.publisher.drain("bus")  # nobody waits: the reply has left
        finally:
            await self._stack.aclose()

    async def _complete_touched(self) -> None:
        for tenant, session_id in sorted(self._touched):
            known = await self._parts.store.conversations(tenant).get(session_id, user=None)
            await self._complete(known, "shutdown")
