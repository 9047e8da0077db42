"""Documents of one's own: what is copied, and what is refused before anything is."""

from pathlib import Path

import pytest

from agent.documents import DocumentMissing, add_documents, added_documents
from agent.settings import Settings
from domains.documents import DocumentUnreadable


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state")


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    """A folder with two documents, one below, and what is no document."""
    folder = tmp_path / "manuals"
    (folder / "pumps").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "seals.md").write_text("# Seals\n\nReplace them every 8000 hours.\n")
    (folder / "pumps" / "start.txt").write_text("Open the valve first.\n")
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (folder / ".git" / "note.md").write_text("# Hidden\n\nNot for readers.\n")
    return folder


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


def test_a_folder_is_copied_with_its_folders_and_without_what_is_hidden(
    settings: Settings, manuals: Path
) -> None:
    added = add_documents(settings, "pumps", manuals)

    assert names(added) == ["start.txt", "seals.md"]
    assert added == added_documents(settings, "pumps")
    assert added[0].parent.name == "pumps"


def test_a_document_of_the_same_name_is_replaced(settings: Settings, manuals: Path) -> None:
    add_documents(settings, "pumps", manuals / "seals.md")
    (manuals / "seals.md").write_text("# Seals\n\nReplace them every 6000 hours.\n")
    add_documents(settings, "pumps", manuals / "seals.md")

    kept = added_documents(settings, "pumps")
    assert [file.read_text() for file in kept] == ["# Seals\n\nReplace them every 6000 hours.\n"]


def test_the_originals_may_go(settings: Settings, manuals: Path) -> None:
    add_documents(settings, "pumps", manuals / "seals.md")
    (manuals / "seals.md").unlink()

    assert names(added_documents(settings, "pumps")) == ["seals.md"]


def test_each_domain_has_documents_of_its_own(settings: Settings, manuals: Path) -> None:
    add_documents(settings, "pumps", manuals)

    assert added_documents(settings, "valves") == []


@pytest.mark.parametrize("name", ["nowhere.md", "logo.png", ".git"])
def test_what_holds_no_document_is_refused(name: str, settings: Settings, manuals: Path) -> None:
    (manuals / ".git" / "note.md").unlink()

    with pytest.raises(DocumentMissing) as caught:
        add_documents(settings, "pumps", manuals / name)

    assert str(manuals / name) in str(caught.value)


def test_a_document_without_text_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text("\n")

    with pytest.raises(DocumentMissing):
        add_documents(settings, "pumps", tmp_path / "empty.md")


def test_one_broken_document_stops_all_before_any_is_copied(settings: Settings, manuals: Path) -> None:
    (manuals / "zz.pdf").write_bytes(b"%PDF-1.4 broken")

    with pytest.raises(DocumentUnreadable):
        add_documents(settings, "pumps", manuals)

    assert added_documents(settings, "pumps") == []
