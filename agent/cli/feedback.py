"""`slipstream feedback`: say whether an answer helped."""

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.failures import UsageWrong
from agent.cli.options import Domain, State
from agent.cli.output import talk
from agent.cli.run import Session, last_session
from agent.cli.work import in_runtime

if TYPE_CHECKING:
    from agent.runtime import Runtime


def feedback(
    session: Session = None,
    rating: Annotated[
        int | None, typer.Option("-r", "--rating", min=1, max=5, help="1 (useless) to 5 (just right).")
    ] = None,
    resolved: Annotated[
        bool | None, typer.Option("--resolved/--unresolved", help="Whether the problem is solved.")
    ] = None,
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="Anything else.")] = "",
    domain: Domain = None,
    state: State = None,
) -> None:
    """Say whether the answers of a session helped.

    Without --session it is your last one. Patterns learn from it.

    Example: slipstream feedback --resolved --rating 5
    """
    from uuid import uuid4

    from agent.settings import load_settings

    if rating is None and resolved is None and not comment:
        raise UsageWrong("There is nothing to record.", fix="Give `--rating`, `--resolved` or `--comment`.")
    settings = load_settings(domain=domain, state_dir=state)

    async def record(runtime: "Runtime") -> str:
        session_id = session or await last_session(runtime, settings)
        await runtime.feedback(
            tenant=settings.tenant,
            user=settings.user,
            session_id=session_id,
            request_id=uuid4().hex,
            rating=rating,
            resolved=resolved,
            comment=comment,
        )
        return session_id

    talk(f"recorded for session {in_runtime(settings, record)}")
