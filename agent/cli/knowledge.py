"""`slipstream knowledge`: what a domain can cite."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import Domain, Embedder, Json, State
from agent.cli.output import talk, write, write_json

if TYPE_CHECKING:
    from agent.settings import Settings
    from domains.model import Domain as DomainModel

app = typer.Typer(name="knowledge", help="Add documents that answers can cite.", no_args_is_help=True)


@app.command("add")
def add(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A document, or a folder of documents.")],
    domain: Domain = None,
    state: State = None,
    embedder: Embedder = None,
    as_json: Json = False,
) -> None:
    """Add Markdown, HTML, PDF or text files to a domain.

    They are copied below the state folder, so that the originals may go.

    Example: slipstream knowledge add ./manuals -d solaris
    """
    from agent.documents import add_documents

    settings, found = _domain(domain, state, embedder)
    added = add_documents(settings, found.name, path)
    passages = _index(settings, found, force=False, quiet=as_json)
    if as_json:
        write_json({"domain": found.name, "added": added, "passages": passages})
    else:
        write(f"{found.name}: {len(added)} documents added, {passages:,} passages indexed")


@app.command("build")
def build(
    domain: Domain = None,
    state: State = None,
    embedder: Embedder = None,
    force: Annotated[bool, typer.Option("--force", help="Even when another embedder built it.")] = False,
    as_json: Json = False,
) -> None:
    """Index again what a domain knows.

    Example: slipstream knowledge build -d support --embedder ./bge-small --force
    """
    settings, found = _domain(domain, state, embedder)
    passages = _index(settings, found, force=force, quiet=as_json)
    if as_json:
        write_json({"domain": found.name, "passages": passages})
    else:
        write(f"{found.name}: {passages:,} passages indexed")


@app.command("list")
def list_documents(domain: Domain = None, state: State = None, as_json: Json = False) -> None:
    """List the documents that were added to a domain.

    Example: slipstream knowledge list -d solaris
    """
    from agent.documents import added_documents

    settings, found = _domain(domain, state, None)
    added = added_documents(settings, found.name)
    if as_json:
        write_json({"domain": found.name, "documents": added})
        return
    for file in added:
        write(str(file))
    if not added:
        talk(f"nothing was added to {found.name}; it has what came with it")


def _domain(name: str | None, state: Path | None, embedder: str | None) -> "tuple[Settings, DomainModel]":
    from agent.settings import load_settings
    from domains.loader import find_domain, load_domain

    settings = load_settings(domain=name, state_dir=state, embedder=embedder)
    return settings, load_domain(find_domain(settings.domain, settings.domains_dir))


def _index(settings: "Settings", domain: "DomainModel", *, force: bool, quiet: bool) -> int:
    """Build the index and return how many passages it holds; one of another embedder stays unless forced."""
    from contextlib import suppress

    from agent.models import make_embeddings
    from agent.services import build_knowledge, knowledge_folder
    from agent.views.progress import progress
    from memory.hybrid import KnowledgeMissing, open_index

    embeddings = make_embeddings(settings)
    if not force:
        with suppress(KnowledgeMissing):
            open_index(knowledge_folder(settings, domain.name), embeddings)
    with progress(not quiet) as on_progress:
        return build_knowledge(settings, domain, embeddings, on_progress)
