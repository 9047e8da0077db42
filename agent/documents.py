"""Documents of one's own, added to what a domain knows. They are copied into the state folder."""

import shutil
from pathlib import Path

from agent.services import added_folder
from agent.settings import Settings
from domains.documents import SUFFIXES, read_passages
from memory.errors import AgentError, StorageFailed


class DocumentMissing(AgentError):
    """What should be added is not there, or holds no document that can be read."""

    code = "agent.document_missing"
    kind = "not_found"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"`{path}` {problem}.",
            fix=f"Name a file or folder with documents ({', '.join(sorted(SUFFIXES))}).",
        )


def add_documents(settings: Settings, domain: str, path: Path) -> list[Path]:
    """Copy a document, or all in a folder, beside those added before; returns the copies.

    A document of the same name is replaced. Nothing is kept of one that holds no text.

    Raises:
        DocumentMissing: there is nothing to add.
        StorageFailed: the copy cannot be written.
    """
    if not path.exists():
        raise DocumentMissing(path, "is not there")
    found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    found = [file for file in found if file.suffix.lower() in SUFFIXES]
    if not found:
        raise DocumentMissing(path, "holds no document")
    if not any(True for _ in read_passages(path)):
        raise DocumentMissing(path, "holds no text")
    start = path.parent if path.is_file() else path
    return [_copy(file, added_folder(settings, domain) / file.relative_to(start)) for file in found]


def added_documents(settings: Settings, domain: str) -> list[Path]:
    """Return the documents that were added to a domain, by path."""
    folder = added_folder(settings, domain)
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


def _copy(file: Path, to: Path) -> Path:
    beside = to.with_name(f".{to.name}.new")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, beside)
        return beside.replace(to)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageFailed(str(to), error.strerror or type(error).__name__) from None
