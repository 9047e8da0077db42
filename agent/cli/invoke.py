"""`slipstream invoke`: ask an agent that is served, here or on AWS."""

from typing import Annotated

import typer

from agent.cli.options import Domain, Json
from agent.cli.output import look, talk, write, write_json
from agent.cli.run import Session, new_session_id, read_question


def invoke(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.", show_default=False)] = "",
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Where it is served.")
    ] = "http://127.0.0.1:8080",
    arn: Annotated[
        str | None, typer.Option("--arn", metavar="ARN", help="An AgentCore runtime instead, through boto3.")
    ] = None,
    qualifier: Annotated[str, typer.Option("--qualifier", metavar="NAME", help="Its endpoint.")] = "DEFAULT",
    session: Session = None,
    domain: Domain = None,
    as_json: Json = False,
) -> None:
    """Ask an agent that is served, here or on AWS.

    Its nodes are named on stderr as they finish.

    Example: slipstream invoke "How do I start an SMT130?"

    Example: slipstream invoke "How do I start an SMT130?" --arn "$ARN" --json
    """
    from agent import client

    payload = {"query": read_question(text)} | ({"domain": domain} if domain else {})
    session_id = session or new_session_id()
    if arn:
        events = client.stream_deployed(arn, payload, session_id=session_id, qualifier=qualifier)
    else:
        events = client.stream_served(url, payload, session_id=session_id)
    for event in events:
        if event.type == "node":
            talk(f"· {event.data.get('node')} {event.data.get('duration_ms', 0):.0f} ms")
        elif event.type == "final" and as_json:
            write_json(event.data)
        elif event.type == "final":
            from agent.views.text import reply_text
            from memory.turns import TurnReply

            write(reply_text(TurnReply.model_validate(event.data), **look()))
