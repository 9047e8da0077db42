"""`slipstream graph`: the machine, drawn."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.output import look, talk, write


def graph(
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write a picture instead.")
    ] = None,
) -> None:
    """Print the nodes of a turn and their routes, or draw them.

    Example: slipstream graph --svg graph.svg
    """
    if svg is None:
        from agent.views.text import graph_text

        write(graph_text(**look()))
        return
    from agent.cli.files import write_file
    from agent.views.svg import graph_svg

    write_file(svg, graph_svg())
    talk(f"wrote {svg}")
