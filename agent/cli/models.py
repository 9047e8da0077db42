"""`slipstream models`: what was trained, which version is in use, and back to an older one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agent.cli.failures import UsageWrong
from agent.cli.options import Domain, Embedder, Json, State
from agent.cli.output import look, talk, write, write_json
from agent.cli.work import in_runtime, opened_runtime

if TYPE_CHECKING:  # --help must not pay for learning
    from agent.runtime import Runtime
    from agent.settings import Settings
    from agent.views.models import Listed
    from learning.finetune import Exported
    from learning.models import Live

app = typer.Typer(name="models", help="Train models, see their versions, go back.", no_args_is_help=True)

Model = Annotated[
    Literal["intent-classifier", "pattern-recognition"], typer.Argument(metavar="MODEL", help="Which model.")
]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="Such as v3.")]


@app.command("list")
def list_models(domain: Domain = None, state: State = None, as_json: Json = False) -> None:
    """List the model versions of a domain, newest first.

    Example: slipstream models list -d solaris
    """
    from agent.settings import load_settings
    from agent.views.models import model_table

    settings = load_settings(domain=domain, state_dir=state)
    found = [
        one for model in ("intent-classifier", "pattern-recognition") for one in _listed(settings, model)
    ]
    if as_json:
        write_json({"models": [one._asdict() for one in found]})
    else:
        write(model_table(found, **look()))


@app.command("show")
def show(
    model: Model, version: Version, domain: Domain = None, state: State = None, as_json: Json = False
) -> None:
    """Show the figures, data and file digests of a version.

    Example: slipstream models show intent-classifier v1
    """
    from agent.settings import load_settings
    from agent.views.models import Listed, version_text
    from learning.models import load_version, read_live

    settings = load_settings(domain=domain, state_dir=state)
    root, name = _place(settings, model)
    found = load_version(root, name, _number(version))
    listed = Listed(name, found.version_id, found, _state(read_live(root, name), found.version))
    if as_json:
        write_json({"version": found, "state": listed.state})
    else:
        write(version_text(listed, **look()))


@app.command("train")
def train(
    model: Model,
    domain: Domain = None,
    embedder: Embedder = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Train a model on what sessions teach; use it if it is better.

    Better is: on texts that neither has seen, no figure worse than of the model in use, and
    one better. Run it every night; the same data gives the same version.

    Example: slipstream models train intent-classifier -d solaris
    """
    from agent.retraining import retrain
    from agent.settings import load_settings
    from agent.views.models import retrained_text
    from agent.wiring import utc_now

    settings = load_settings(domain=domain, state_dir=state, embedder=embedder)
    with opened_runtime(settings, show_progress=not as_json) as (runtime, loop, on_progress):
        done = loop.run(retrain(runtime, model, settings.domain, utc_now(), on_progress))
    if as_json:
        write_json(done.model_dump(mode="json"))
    else:
        write(retrained_text(done, **look()))


@app.command("promote")
def promote(model: Model, version: Version, domain: Domain = None, state: State = None) -> None:
    """Put a version in use, whatever its figures are.

    Example: slipstream models promote intent-classifier v2
    """
    from agent.settings import load_settings
    from learning.models import promote as put_in_use

    root, name = _place(load_settings(domain=domain, state_dir=state), model)
    talk(f"{put_in_use(root, name, _number(version)).version_id} of {name} is in use")


@app.command("rollback")
def rollback(
    model: Model,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="Such as v3; else the one before.")
    ] = None,
    domain: Domain = None,
    state: State = None,
) -> None:
    """Put an earlier version back in use.

    The one before, or the one named. A version that was taken back is not put in use by `models train` again.

    Example: slipstream models rollback intent-classifier
    """
    from agent.settings import load_settings
    from learning.models import rollback as take_back

    root, name = _place(load_settings(domain=domain, state_dir=state), model)
    found = take_back(root, name, None if version is None else _number(version))
    talk(f"{found.version_id} of {name} is in use")


@app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="JSONL file to write.")],
    tasks: Annotated[Literal["intents"], typer.Option("--tasks", help="What to tune for.")] = "intents",
    split: Annotated[
        Literal["train", "validation"], typer.Option("--split", help="Examples to fit to, or to measure on.")
    ] = "train",
    domain: Domain = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Write examples for fine-tuning a chat model in Amazon Bedrock.

    Texts are redacted, and come only from labels that five users or more brought up.

    Example: slipstream models export --tasks intents --out intents.jsonl
    """
    from agent.settings import load_settings
    from learning.datasets import read_split
    from learning.finetune import export_examples
    from learning.training import EXAMPLES, read_examples

    settings = load_settings(domain=domain, state_dir=state)

    async def work(runtime: "Runtime") -> "Exported":
        data = await runtime.training_data("intent-classifier", settings.domain, lambda *_: None)
        services = await runtime.services(settings.domain)
        return export_examples(read_examples(read_split(data.folder, split, EXAMPLES)), services.domain, out)

    done = in_runtime(settings, work)
    if as_json:
        write_json({"task": tasks, "file": str(out), **done._asdict()})
    else:
        write(f"{done.records:,} records ({done.size_bytes:,} bytes) in {out}")


def _place(settings: "Settings", model: str) -> tuple[Path, str]:
    from agent.retraining import MODELS
    from learning.models import model_name

    return settings.state_dir / MODELS, model_name(model, settings.domain, settings.tenant)


def _listed(settings: "Settings", model: str) -> "list[Listed]":
    from agent.views.models import Listed
    from learning.models import Live, VersionBroken, load_version, read_live, version_numbers

    root, name = _place(settings, model)
    try:
        live = read_live(root, name)
    except VersionBroken as broken:
        talk(f"warning: {broken}")
        live = Live()
    found = []
    for number in reversed(version_numbers(root, name)):
        try:
            version = load_version(root, name, number)
            found.append(Listed(name, version.version_id, version, _state(live, number)))
        except VersionBroken:
            found.append(Listed(name, f"v{number}", None, "broken"))
    return found


def _state(live: "Live", number: int) -> str:
    if live.history[-1:] == [number]:
        return "in use"
    return "taken back" if number in live.withdrawn else ""


def _number(version: str) -> int:
    digits = version.removeprefix("v")
    if not digits.isascii() or not digits.isdigit() or not 0 < len(digits) < 10:
        raise UsageWrong(f"`{version[:40]}` is no version.", fix="Give one such as `v3`.")
    return int(digits)
