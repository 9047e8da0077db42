"""`slipstream config`: what is set, where that comes from, and whether it works."""

from typing import Annotated

import typer

from agent.cli.failures import RETRY
from agent.cli.options import Json, State
from agent.cli.output import write, write_json

app = typer.Typer(name="config", help="See the settings, and try what they choose.", no_args_is_help=True)


@app.command("show")
def show(as_json: Json = False) -> None:
    """Print every setting, its value and where that is from.

    Secrets are masked.

    Example: slipstream config show --json | jq '.settings[] | select(.source != "default")'
    """
    from agent.settings import load_settings, sources

    found = sources(load_settings())
    if as_json:
        write_json({"settings": [row._asdict() for row in found]})
        return
    values = ["" if row.value is None else str(row.value) for row in found]
    names_wide = max(len(row.name) for row in found)
    values_wide = max(len(value) for value in values)
    for row, value in zip(found, values, strict=True):
        write(f"{row.name:<{names_wide}}  {value:<{values_wide}}  {row.source}")


@app.command("check")
def check(
    create: Annotated[
        bool, typer.Option("--create", help="Make tables, bucket and bus that are not there.")
    ] = False,
    state: State = None,
    as_json: Json = False,
) -> int:
    """Try each adapter that the settings choose.

    Prints what works and how fast it answers, and the fix for what does not; then the exit status is 3.

    Example: slipstream config check --create
    """
    import asyncio

    from agent.adapters import try_adapters
    from agent.settings import load_settings

    tried = asyncio.run(try_adapters(load_settings(state_dir=state), create=create))
    works = all(one.works for one in tried)
    if as_json:
        write_json({"works": works, "adapters": [one._asdict() for one in tried]})
        return 0 if works else RETRY
    wide = max(len(one.name) for one in tried)
    for one in tried:
        took = f"{one.latency_ms:8.1f} ms" if one.latency_ms is not None else " " * 11
        write(f"{'ok  ' if one.works else 'FAIL'}  {one.name:<{wide}}  {took}  {one.holds}")
        if not one.works:
            write(f"      {one.problem}")
            write(f"      fix: {one.fix}")
    return 0 if works else RETRY
