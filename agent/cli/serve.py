"""`slipstream serve`: the AgentCore contract on this machine."""

from typing import Annotated

import typer

from agent.cli.options import Domain, Embedder, Guidance, Model, State
from agent.cli.output import talk


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
    talk(f"{settings.domain} · POST http://{settings.host or '127.0.0.1'}:{settings.port}/invocations")
    serve_app(settings)
