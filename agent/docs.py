"""The generated pages: commands, settings and errors, written from the code by `python -m agent.docs`."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from agent.cli import app
from agent.cli.failures import exit_status
from agent.demo import SAMPLE_SEED, SAMPLE_SESSIONS, SAMPLE_START, SAMPLE_USERS
from agent.openapi import openapi_text
from agent.settings import FILE, Settings, environment_names
from agent.views.flowpicture import flow_picture
from agent.views.svg import graph_svg
from domains.loader import find_domain, load_domain, load_sample_flows
from learning.flowgraph import flow_graph
from learning.recorded import recorded_sessions, sample_sessions
from memory.errors import AgentError

ROOMS = ("agent", "learning", "graph", "nodes", "domains", "tools", "memory")
FOLDER = Path(__file__).parent.parent / "docs"
WIDTH = 92
"""Columns of help in the page about commands; wide enough that examples do not wrap."""

GENERATED = "<!-- Written by `make docs`; changes by hand are lost. -->"

EXAMPLE = f"""```toml
# {FILE}
domain = "support"
holdout_share = 0.2

[mcp_servers]
docs = "docs-mcp --stdio"
```"""


def cli_page() -> str:
    """Return the help of every command."""
    blocks = [f"## {path}\n\n```text\n{help_text}\n```" for path, help_text in commands()]
    intro = "What each command prints for `--help`. `python -m agent` is the same as `slipstream`."
    return "\n\n".join(["# Commands", GENERATED, intro, *blocks]) + "\n"


def settings_page() -> str:
    """Return a table of all settings."""
    intro = (
        f"Arguments of a command win over the environment, that over `{FILE}` in the working directory, "
        "that over the default. An empty variable counts as not set. `slipstream config show` prints "
        "each value with its source."
    )
    rows = ["| setting | default | environment | what it does |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        names = ", ".join(f"`{one}`" for one in environment_names(name))
        rows.append(f"| `{name}` | {_default(field.default)} | {names} | {_one_line(field.description)} |")
    return "\n\n".join(["# Settings", GENERATED, EXAMPLE, intro, "\n".join(rows)]) + "\n"


def errors_page() -> str:
    """Return a table of all errors, by code."""
    intro = (
        "Every error has a code that never changes, says what happened with the value, and names one next "
        "step (`fix`). On the command line it is two lines on stderr; over HTTP it is "
        '`{"error": {"code", "message", "fix"}}`.'
    )
    rows = ["| code | kind | exit status | what happened |", "|---|---|---|---|"]
    for error in error_classes():
        meaning = _one_line((inspect.getdoc(error) or "").split("\n\n")[0])
        rows.append(f"| `{error.code}` | {error.kind} | {exit_status(error.kind)} | {meaning} |")
    return "\n\n".join(["# Errors", GENERATED, intro, "\n".join(rows)]) + "\n"


def flows_svg() -> str:
    """Return the picture of sample sessions: ten times those of the demo, so that some ways stand out."""
    flows = load_sample_flows(load_domain(find_domain("solaris")))
    drawn = sample_sessions(
        flows,
        count=10 * SAMPLE_SESSIONS,
        users=10 * SAMPLE_USERS,
        seed=SAMPLE_SEED,
        start=SAMPLE_START,
    )
    flow = flow_graph(recorded_sessions(drawn), columns=5, rows=6)
    return flow_picture(flow, "Flows of solaris (sample sessions)") + "\n"


def commands() -> Iterator[tuple[str, str]]:
    """Yield every command's path (`slipstream trace show`) and help, groups before their members."""
    yield from _walk(typer.main.get_command(app), None, "slipstream")


def error_classes() -> list[type[AgentError]]:
    """Return every class of error that a room raises, by code, without those that only group others."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found: set[type[AgentError]] = set()
    todo = [AgentError]
    while todo:
        below = [one for one in todo.pop().__subclasses__() if one.__module__.split(".")[0] in ROOMS]
        found.update(below)
        todo.extend(below)
    leaves = [error for error in found if "code" in vars(error) or not error.__subclasses__()]
    return sorted(leaves, key=lambda error: (error.code, error.__name__))


def _walk(command: Any, parent: Any, path: str) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command, parent=parent, info_name=path.split()[-1], terminal_width=WIDTH, **command.context_settings
    )
    yield path, command.get_help(context).strip()
    for name, member in getattr(command, "commands", {}).items():
        yield from _walk(member, context, f"{path} {name}")


def _default(value: object) -> str:
    return "" if value in (None, {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "errors.md": errors_page,
    "openapi.json": openapi_text,
    "graph.svg": graph_svg,
    "flows.svg": flows_svg,
}
"""The generated pages by file name."""


def write_pages(folder: Path = FOLDER) -> None:
    """Write all generated pages into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages()
