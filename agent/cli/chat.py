"""`slipstream chat`: a session at the keyboard."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.cli.options import Domain, Embedder, Guidance, Model, State
from agent.cli.output import look, talk, write
from agent.cli.run import Session, new_session_id, take_turn
from agent.cli.work import Opened, opened_runtime
from memory.errors import AgentError, SessionForeign

if TYPE_CHECKING:
    from agent.runtime import Runtime
    from agent.settings import Settings

COMMANDS = "/trace shows the last turn, /quit ends the session (so does Ctrl-D)"


def chat(
    domain: Domain = None,
    model: Model = None,
    session: Session = None,
    guidance: Guidance = None,
    state: State = None,
    embedder: Embedder = None,
) -> None:
    """Talk with a domain until /quit or Ctrl-D.

    Example: slipstream chat -d solaris
    """
    from agent.settings import load_settings

    settings = load_settings(
        domain=domain, model=model, state_dir=state, embedder=embedder, guidance_enabled=guidance
    )
    session_id = session or new_session_id()

    talk(f"{settings.domain} · {COMMANDS}")
    with opened_runtime(settings, show_progress=sys.stderr.isatty()) as opened:
        try:
            _answer_lines(opened, settings, session_id)
        finally:
            _end(opened, settings, session_id)


def _answer_lines(opened: Opened, settings: "Settings", session_id: str) -> None:
    """Answer line by line until the input ends; a turn that fails is told and the session goes on."""
    from agent.cli.failures import report
    from agent.views.text import reply_text

    runtime, loop, _ = opened
    while (line := _read_line()) is not None and line != "/quit":
        try:
            if line == "/trace":
                write(loop.run(_trace_text(runtime, settings, session_id)))
            elif line.startswith("/"):
                talk(COMMANDS)
            elif line:
                reply = loop.run(take_turn(runtime, settings, line, session_id))
                write(reply_text(reply, **look()))
        except AgentError as error:
            report(error, as_json=False)


def _end(opened: Opened, settings: "Settings", session_id: str) -> None:
    """Complete the session; where nothing was asked there is none."""
    ended = opened.runtime.end_session(tenant=settings.tenant, user=settings.user, session_id=session_id)
    with suppress(SessionForeign):
        opened.loop.run(ended)
        talk(f"session {session_id} has ended")


async def _trace_text(runtime: "Runtime", settings: "Settings", session_id: str) -> str:
    from agent.views.text import timeline_text
    from graph.trace import make_traces

    traces = make_traces(await runtime.events(session_id, settings.tenant))
    return timeline_text(traces[-1], **look()) if traces else "nothing has been asked yet"


def _read_line() -> str | None:
    """Return the next line, stripped; `None` when the input has ended."""
    try:
        if sys.stdin.isatty():
            import readline  # noqa: F401 - arrow keys and history in input()

            return input("> ").strip()
        line = sys.stdin.readline()
    except EOFError:
        talk("")
        return None
    return line.strip() if line else None
