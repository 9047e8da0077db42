"""Options that several commands share, so that they are spelled and explained once."""

from pathlib import Path
from typing import Annotated

import typer

from memory.errors import AgentError


def _complete_domain(start: str) -> list[str]:
    """Return the domains that a shell may complete `start` to; none while the settings are wrong."""
    from agent.settings import load_settings
    from domains.loader import domain_names

    try:
        known = domain_names(load_settings().domains_dir)
    except AgentError:
        return []
    return [name for name in known if name.startswith(start)]


Domain = Annotated[
    str | None,
    typer.Option(
        "-d",
        "--domain",
        metavar="NAME",
        help="Domain to use; see `slipstream domain list`.",
        autocompletion=_complete_domain,
    ),
]
Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="MODEL", help="local, bedrock:ID, or as LangChain names it."),
]
Embedder = Annotated[
    str | None,
    typer.Option("--embedder", metavar="NAME", help="minilm, a folder, or bedrock:ID."),
]
Guidance = Annotated[
    bool | None,
    typer.Option("--guidance/--no-guidance", help="Suggest likely next steps."),
]
State = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where all is kept (default: .slipstream)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else there.")]
Limit = Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, help="Show at most so many.")]
