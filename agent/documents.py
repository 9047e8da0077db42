"""Documents of one's own, added to what a domain knows. They are copied into the state folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from agent.services import added_folder
from agent.settings import Settings
from domains.documents import KINDS, read_document
from memory.errors import AgentError, StorageFailed


class DocumentMissing(AgentError):
    """What should be added is not there, or holds no document that can be read."""

    code = "agent.document_missing"
    kind = "not_found"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"`{path}` {problem}.",
            fix=f"Name a file or folder with documents ({', '.join(sorted(KINDS))}).",
        )


def add_documents(settings: Settings, domain: str, path: Path) -> list[Path]:
    """Copy a document, or all in a folder, beside those added before; returns the copies.

    A document of the same name is replaced. All are read first: one that cannot be read stops the rest.

    Raises:
        DocumentUnreadable: a document is broken.
        DocumentMissing: there is nothing to add.
        StorageFailed: the copy cannot be written.
    """
    if not path.exists():
        raise DocumentMissing(path, "is not there")
    start = path.parent if path.is_file() else path
    found = [path] if path.is_file() else sorted(_visible(path))
    found = [file for file in found if file.suffix.lower() in KINDS]
    if not found:
        raise DocumentMissing(path, "holds no document that can be read")
    for file in found:
        if not any(True for _ in read_document(file, relative_to=start)):
            raise DocumentMissing(file, "holds no text")
    return [_copy(file, added_folder(settings, domain) / file.relative_to(start)) for file in found]


def added_documents(settings: Settings, domain: str) -> list[Path]:
    """Return the documents that were added to a domain, by path."""
    return sorted(_visible(added_folder(settings, domain)))


def _visible(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder; what is hidden, or below something hidden, is left out."""
    for file in folder.rglob("*"):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts):
            yield file


def _copy(file: Path, to: Path) -> Path:
    beside = to.with_name(f".{to.name}.new")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, beside)
        return beside.replace(to)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageFailed(str(to), error.strerror or type(error).__name__) from None
