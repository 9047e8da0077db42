"""`slipstream domain`: make, check and look at domains."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.options import Json
from agent.cli.output import look, talk, write, write_json

app = typer.Typer(name="domain", help="Make, check and look at domains.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a domain, or the path of its folder.")]


@app.command("list")
def list_domains(as_json: Json = False) -> None:
    """List the domains, built in and in `domains_dir`.

    Example: slipstream domain list
    """
    from agent.settings import load_settings
    from domains.loader import domain_names, find_domain, load_domain

    extra = load_settings().domains_dir
    found = [load_domain(find_domain(name, extra)) for name in domain_names(extra)]
    if as_json:
        rows = [{"name": one.name, "title": one.title, "folder": one.folder} for one in found]
        write_json({"domains": rows})
        return
    wide = max(len(one.name) for one in found)
    for one in found:
        write(f"{one.name:<{wide}}  {one.title}")


@app.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Show what a domain knows and how it is set.

    Example: slipstream domain show solaris
    """
    from agent.settings import load_settings
    from domains.loader import find_domain, load_domain

    found = load_domain(find_domain(name, load_settings().domains_dir))
    if as_json:
        write_json({"domain": found})
    else:
        from agent.views.text import domain_text

        write(domain_text(found, **look()))


@app.command("check")
def check(name: Name, as_json: Json = False) -> None:
    """Read a whole domain folder and say what is wrong.

    Exit status 1 when something is.

    Example: slipstream domain check ./domains/mine
    """
    from agent.cli.failures import report
    from agent.settings import load_settings
    from domains.loader import DomainInvalid, find_domain

    try:
        counts = _counts(find_domain(name, load_settings().domains_dir))
    except DomainInvalid as error:
        report(error, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        write_json({"ok": True, **counts})
    else:
        write(f"ok: {', '.join(f'{count} {what}' for what, count in counts.items())}")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower case letters, digits and _.")],
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="Parent folder (default: `domains_dir`, or .)"),
    ] = None,
) -> None:
    """Make the smallest domain that works; print its folder.

    Example: slipstream domain new pumps
    """
    from agent.settings import load_settings
    from domains.loader import new_domain

    settings = load_settings()
    folder = new_domain(name, into or settings.domains_dir or Path())
    write(str(folder))
    path = folder if folder.is_absolute() else f"./{folder}"
    talk(f"Edit {folder / 'domain.yaml'}, then: slipstream domain check {path}")


def _counts(folder: Path) -> dict[str, int]:
    """Load every part of a domain and count it, so that each is checked."""
    from domains.loader import (
        load_domain,
        load_passages,
        load_sample_flows,
        load_scenarios,
        load_tools,
    )

    domain = load_domain(folder)
    return {
        "intents": len(domain.intents),
        "examples": len(domain.examples()),
        "passages": sum(1 for _ in load_passages(domain)),
        "scenarios": len(load_scenarios(domain)),
        "sample flows": len(load_sample_flows(domain)),
        "tools": len(load_tools(domain)),
    }
