"""The whole idea in a minute: replay recorded sessions, learn from them, answer in the middle of a flow."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from agent.models import make_embeddings
from agent.recorded_domain import describe_steps, words_of, write_recorded_domain
from agent.services import build_knowledge
from agent.settings import Settings
from agent.views.html import trace_html
from agent.views.text import reply_text, timeline_text
from agent.wiring import open_runtime
from domains.loader import find_domain, load_domain, load_sample_flows
from graph.trace import make_traces
from learning.recorded import RecordedSession, read_recorded, recorded_events, sample_sessions
from learning.reports import LearnReport
from memory.errors import AgentError
from memory.ids import new_request_id, new_session_id
from memory.records import SessionEvent, TurnFinished, parse_step
from memory.redact import redact
from memory.text import terms
from memory.turns import TurnReply, TurnRequest

SAMPLE_SESSIONS, SAMPLE_USERS, SAMPLE_SEED = 400, 60, 7
SAMPLE_START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
"""When the first sample session begins; fixed, so that every demo learns the same release."""

ASK_FROM = 2
"""Steps that come before the live question at least."""

ASK_TO = 7
"""Steps after which a live question is not looked for: a longer flow tells a reader no more."""

ASKED_SESSIONS = 200
"""Long sessions at the end of a recorded log among which the live question is looked for."""

BATCH = 2000
"""Events journalled at once while replaying."""

ALL_PATTERNS = 100_000
"""More patterns than a release holds for people to read."""

Say = Callable[[str], None]
OnProgress = Callable[[str, int, int, str], None]


class NothingToAsk(AgentError):
    """A recorded log holds no session to ask a question in the middle of, or nothing to learn besides."""

    code = "agent.nothing_to_ask"

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"`{file}`: {problem}.", fix="Give a log with more or longer sessions.")


class Question(NamedTuple):
    """A live question and the steps that came before it."""

    text: str
    flow: list[str]


class Stage(NamedTuple):
    """What a demo plays with."""

    domain: str
    sample: bool
    sessions: Sequence[RecordedSession]
    question: Question


async def run_demo(
    settings: Settings, sessions: Path | None, *, say: Say, on_progress: OnProgress
) -> tuple[TurnReply, Path]:
    """Play the demo in a folder of its own below the state folder; returns the reply and its HTML trace.

    Running it again replays the same events and learns the same release.

    Raises:
        RecordedLogBroken: `sessions` is not a log of recorded sessions.
        NothingToAsk: the log is too small.
    """
    folder = settings.state_dir / ("demo-recorded" if sessions else "demo")
    _forget_events(folder)
    stage = _recorded_stage(sessions, folder) if sessions else _sample_stage()
    own = settings.model_copy(
        update={
            "state_dir": folder,
            "domain": stage.domain,
            "domains_dir": folder / "domains" if sessions else settings.domains_dir,
            "tenant": "demo",
            "holdout_share": 0.0,
        }
    )
    steps = sum(len(session.labels) for session in stage.sessions)
    kind = "SAMPLE sessions written for this demo" if stage.sample else "recorded sessions"
    say(f"1. Replaying {len(stage.sessions):,} {kind} ({steps:,} steps) through the event path into the lake")
    report = await _replay_and_learn(own, stage, on_progress)
    learned = f"{report.patterns:,} patterns from {report.sessions:,} sessions"
    say(f"2. Learned {learned}: release {report.release_id}")
    if sessions:
        await _describe(own, on_progress)
    return await _ask(own, stage, folder, say, on_progress)


def _forget_events(folder: Path) -> None:
    """Forget earlier plays: their live questions, and other logs, would be learned from as well."""
    shutil.rmtree(folder / "lake" / "raw", ignore_errors=True)
    for file in folder.glob("outbox.sqlite*"):
        file.unlink()


def _sample_stage() -> Stage:
    domain = load_domain(find_domain("solaris"))
    flows = load_sample_flows(domain)
    flow = next(flow for flow in flows if len(flow.steps) >= 4)
    drawn = sample_sessions(
        flows, count=SAMPLE_SESSIONS, users=SAMPLE_USERS, seed=SAMPLE_SEED, start=SAMPLE_START
    )
    question = Question(flow.steps[2].asks[0], [step.step for step in flow.steps[:2]])
    return Stage("solaris", True, list(drawn), question)


def _recorded_stage(file: Path, folder: Path) -> Stage:
    """Keep one session back to ask one of its steps live; learn from the rest."""
    sessions = list(read_recorded(file))
    long = [session for session in sessions if len(session.labels) > ASK_FROM]
    if not long:
        raise NothingToAsk(file, "no session has three steps or more")
    kept, step = max(_askable(long[-ASKED_SESSIONS:]), key=lambda place: _plainness(*place))
    rest = [session for session in sessions if session is not kept]
    if len({parse_step(label).intent for session in rest for label in session.labels}) < 2:
        raise NothingToAsk(file, "besides the session asked about, fewer than two intents are left to learn")
    name = write_recorded_domain(rest, folder / "domains")
    said = kept.texts[step].strip() if kept.texts else ""
    return Stage(name, False, rest, Question(redact(said) or words_of(kept.labels[step]), kept.labels[:step]))


def _askable(sessions: Sequence[RecordedSession]) -> Iterator[tuple[RecordedSession, int]]:
    """Yield the steps in the middle of the sessions."""
    for session in sessions:
        for step in range(ASK_FROM, min(len(session.labels), ASK_TO)):
            yield session, step


def _plainness(session: RecordedSession, step: int) -> tuple[int, int]:
    """Rate a step by the words of its label that the user's text holds, then by how short the text is."""
    text = session.texts[step] if session.texts else ""
    shared = set(terms(text)) & set(terms(words_of(session.labels[step])))
    return len(shared), -len(text)


async def _replay_and_learn(settings: Settings, stage: Stage, on_progress: OnProgress) -> LearnReport:
    """Send every recorded session down the path that live ones take, then learn from the lake."""
    runtime = await open_runtime(settings, on_progress=on_progress)
    try:
        waiting: list[SessionEvent] = []
        for done, session in enumerate(stage.sessions, start=1):
            waiting += _events(session, settings, stage)
            if len(waiting) >= BATCH or done == len(stage.sessions):
                await runtime.replay(waiting)
                waiting = []
                on_progress("replay", done, len(stage.sessions), "sessions")
        return await runtime.learn(settings.domain, on_progress)
    finally:
        await runtime.close()


def _events(session: RecordedSession, settings: Settings, stage: Stage) -> list[SessionEvent]:
    """Return a session's events; sample sessions come without labels, so that learning has to name them."""
    events = recorded_events(session, tenant=settings.tenant, domain=stage.domain, sample=stage.sample)
    if not stage.sample:
        return events
    nameless = {"intent": "none", "topic": None, "confidence": 0.0, "label_source": "none"}
    return [e.model_copy(update=nameless) if isinstance(e, TurnFinished) else e for e in events]


async def _describe(settings: Settings, on_progress: OnProgress) -> None:
    """Turn what was learned into knowledge: a recorded log brings none of its own."""
    runtime = await open_runtime(settings)
    try:
        patterns = await runtime.patterns(settings.domain)
        assert patterns is not None, "learning published a release"
        assert settings.domains_dir is not None, "a recorded domain lies in a folder of its own"
        describe_steps(await patterns.patterns(limit=ALL_PATTERNS), settings.domains_dir)
        domain = load_domain(find_domain(settings.domain, settings.domains_dir))
        build_knowledge(settings, domain, make_embeddings(settings), on_progress)
    finally:
        await runtime.close()


async def _ask(
    settings: Settings, stage: Stage, folder: Path, say: Say, on_progress: OnProgress
) -> tuple[TurnReply, Path]:
    """Answer the live question, show the turn, write its trace."""
    runtime = await open_runtime(settings, on_progress=on_progress)
    try:
        asked = stage.question
        say(f"3. Answering a live question after {' > '.join(asked.flow)}\n\n> {asked.text}\n")
        session_id = new_session_id()
        request = TurnRequest(
            query=asked.text,
            session_id=session_id,
            request_id=new_request_id(),
            tenant=settings.tenant,
            user=settings.user,
            domain=stage.domain,
            flow=asked.flow,
        )
        reply = await runtime.turn(request)
        traces = make_traces(await runtime.events(session_id, settings.tenant))
        file = folder / "trace.html"
        file.write_text(trace_html(traces, title=f"Slipstream demo: {stage.domain}"), encoding="utf-8")
        say(reply_text(reply))
        say(timeline_text(traces[-1]))
        say(f"The whole turn as one HTML file: {file}")
        place = {"TENANT": settings.tenant, "STATE_DIR": folder, "DOMAIN": stage.domain}
        where = " ".join(f"SLIPSTREAM_{name}={value}" for name, value in place.items())
        say(f"Look on: {where} slipstream guidance list")
        return reply, file
    finally:
        await runtime.close()
