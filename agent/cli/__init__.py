"""The command line. A command parses, calls one function and prints; heavy imports stay inside commands."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from agent.cli import (
    chat,
    config,
    demo,
    domain,
    events,
    feedback,
    flows,
    forget,
    graph,
    guidance,
    importing,
    invoke,
    knowledge,
    learn,
    models,
    run,
    serve,
    trace,
)
from agent.cli.failures import INTERRUPTED, guarded
from agent.cli.help import SectionedHelp
from agent.cli.output import write

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="slipstream",
    cls=SectionedHelp,
    rich_markup_mode=None,  # plain help: three times as fast, and the same in a pipe
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=HELP,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        write(version("slipstream"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """An agent that learns from its own sessions and guides the next user.

    Example: slipstream demo

    Data goes to stdout, everything else to stderr. Exit status: 0 fine, 1 a check
    failed, 2 usage or settings, 3 worth retrying, 70 a bug, 130 interrupted.
    """


app.command("demo", rich_help_panel="Start")(demo.demo)
app.command("run", rich_help_panel="Ask")(run.run)
app.command("chat", rich_help_panel="Ask")(chat.chat)
app.add_typer(feedback.app, rich_help_panel="Ask", context_settings=HELP)
app.command("serve", rich_help_panel="Serve")(serve.serve)
app.command("invoke", rich_help_panel="Serve")(invoke.invoke)
app.add_typer(trace.app, rich_help_panel="Look", context_settings=HELP)
app.add_typer(events.app, rich_help_panel="Look", context_settings=HELP)
app.command("graph", rich_help_panel="Look")(graph.graph)
app.command("import", rich_help_panel="Learn")(importing.import_logs)
app.command("learn", rich_help_panel="Learn")(learn.learn)
app.add_typer(guidance.app, rich_help_panel="Learn", context_settings=HELP)
app.add_typer(flows.app, rich_help_panel="Learn", context_settings=HELP)
app.add_typer(models.app, rich_help_panel="Learn", context_settings=HELP)
app.add_typer(domain.app, rich_help_panel="Teach", context_settings=HELP)
app.add_typer(knowledge.app, rich_help_panel="Teach", context_settings=HELP)
app.add_typer(config.app, rich_help_panel="Set up", context_settings=HELP)
app.command("forget", rich_help_panel="Set up")(forget.forget)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    status = guarded(lambda: app(words, prog_name="slipstream", standalone_mode=False), words)
    if status == INTERRUPTED:
        os._exit(status)  # not to wait for a thread that still works: what it writes is whole or absent
    sys.exit(status)
