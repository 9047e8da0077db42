"""`slipstream serve`: the AgentCore contract on this machine."""

import socket
from typing import Annotated

import typer

from agent.cli.options import Domain, Embedder, Guidance, Model, State
from agent.cli.output import talk
from memory.errors import AgentError


class AddressTaken(AgentError):
    """The server cannot listen where it should."""

    code = "agent.address_taken"
    kind = "conflict"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"Cannot listen on `{address}`: {reason}.", fix="Take another with `--port`; 0 finds a free one."
        )


def serve(
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Default: 127.0.0.1 outside a container.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Default: 8080; 0 takes a free one.")
    ] = None,
    domain: Domain = None,
    model: Model = None,
    guidance: Guidance = None,
    state: State = None,
    embedder: Embedder = None,
) -> None:
    """Serve the agent over HTTP, as on AgentCore.

    Answers POST /invocations and GET /ping; Ctrl-C finishes running turns and stops.

    Example: slipstream serve --port 8080
    """
    from agent.app import serve_app
    from agent.settings import load_settings

    settings = load_settings(
        host=host,
        port=port,
        domain=domain,
        model=model,
        guidance_enabled=guidance,
        state_dir=state,
        embedder=embedder,
    )
    shown = settings.host or "127.0.0.1"
    free = find_port(shown, settings.port)
    talk(f"{settings.domain} · POST http://{shown}:{free}/invocations · Ctrl-C stops")
    serve_app(settings.model_copy(update={"port": free}))


def find_port(host: str, port: int) -> int:
    """Return `port` if it can be listened on, or any free one for 0.

    Raises:
        AddressTaken: another program listens there, or the address is none of this machine.
    """
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        reason = (error.strerror or type(error).__name__).partition(" (")[0]
        raise AddressTaken(f"{host}:{port}", reason) from None
