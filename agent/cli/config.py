"""`slipstream config`: what is set, and where that comes from."""

import typer

from agent.cli.options import Json
from agent.cli.output import write, write_json

app = typer.Typer(name="config", help="See the settings.", no_args_is_help=True)


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
