"""`slipstream run`: one turn."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.failures import UsageWrong
from agent.cli.options import Domain, Embedder, Guidance, Json, Model, State
from agent.cli.output import look, write, write_json
from agent.cli.work import in_runtime

if TYPE_CHECKING:
    from agent.runtime import Runtime
    from agent.settings import Settings
    from memory.turns import TurnReply

Session = Annotated[
    str | None, typer.Option("-s", "--session", metavar="ID", help="Go on with this session, or start it.")
]


def run(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.", show_default=False)] = "",
    domain: Domain = None,
    model: Model = None,
    session: Session = None,
    go_on: Annotated[bool, typer.Option("-c", "--continue", help="Go on with your last session.")] = False,
    guidance: Guidance = None,
    state: State = None,
    embedder: Embedder = None,
    as_json: Json = False,
) -> None:
    """Ask one question and print the answer with its sources.

    Text on stdin is added below TEXT.

    Example: slipstream run -d solaris "SMT60 trips on low oil pressure"

    Example: journalctl -n 40 | slipstream run -d support "What does this mean?"
    """
    from agent.settings import load_settings

    if session and go_on:
        raise UsageWrong("`--session` and `--continue` name two sessions.", fix="Use one of them.")
    query = read_question(text)
    settings = load_settings(
        domain=domain, model=model, state_dir=state, embedder=embedder, guidance_enabled=guidance
    )

    async def ask(runtime: "Runtime") -> "TurnReply":
        known = await last_session(runtime, settings) if go_on else session
        return await take_turn(runtime, settings, query, known or new_session_id())

    reply = in_runtime(settings, ask)
    if as_json:
        write_json(reply.model_dump(mode="json"))
    else:
        from agent.views.text import reply_text

        write(reply_text(reply, **look()))


def read_question(text: str) -> str:
    """Return `text` with what comes on stdin below it.

    Raises:
        UsageWrong: there is neither.
    """
    piped = "" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.read()
    query = "\n\n".join(part.strip() for part in (text, piped) if part.strip())
    if not query:
        raise UsageWrong("There is no question.", fix='Ask one: slipstream run "How do I …?"')
    return query


def new_session_id() -> str:
    """Return an id that is as long as AgentCore wants them (33 characters or more)."""
    from uuid import uuid4

    return f"cli-{uuid4().hex}"


async def last_session(runtime: "Runtime", settings: "Settings") -> str:
    """Return the session of the newest turn in this domain.

    Raises:
        UsageWrong: there is none yet.
    """
    turns = await runtime.traces(settings.domain, limit=1)
    if not turns:
        raise UsageWrong(
            f"There is no session in domain `{settings.domain}` to go on with.",
            fix="Leave `--continue` out, or name the `--domain` and `--state` it was in.",
        )
    return turns[0].session_id


async def take_turn(runtime: "Runtime", settings: "Settings", query: str, session_id: str) -> "TurnReply":
    """Ask `query` in a session as the user of the command line.

    Raises:
        UsageWrong: the question is too long.
    """
    from uuid import uuid4

    from pydantic import ValidationError

    from memory.turns import TurnRequest

    try:
        request = TurnRequest(
            query=query,
            session_id=session_id,
            request_id=uuid4().hex,
            tenant=settings.tenant,
            user=settings.user,
            domain=settings.domain,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageWrong(
            f"The {first['loc'][0]} of {len(query)} characters cannot be used: {first['msg'].lower()}.",
            fix="Ask a shorter question; put long texts into `slipstream knowledge add`.",
        ) from None
    return await runtime.turn(request, None)
