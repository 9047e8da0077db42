"""House rules that no linter knows: sizes, places, and what must not stand in the repository."""

import ast
import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from agent import docs

ROOT = Path(__file__).parents[1]
MOST_LINES = 500
"""Above this a file holds more than one thing."""

MOST_IN_A_FUNCTION = 40
"""Lines of a body without its docstring; above this it does more than one thing."""

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home/\w+)/\w")
INDEX_HOST = re.compile(r"\bpypi\.|pythonhosted|--index-url|--extra-index|npmjs|crates\.io", re.IGNORECASE)


@cache
def tracked() -> list[Path]:
    """Return the files that git knows; tests that need them skip where there is no git."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    files = (ROOT / name for name in done.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def tracked_python() -> list[Path]:
    return [file for file in tracked() if file.suffix == ".py"]


def sources() -> list[Path]:
    """Return the Python files that are no tests."""
    return [file for file in tracked_python() if ROOT / "tests" not in file.parents]


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    long = {named(file): len(file.read_text("utf-8").splitlines()) for file in tracked_python()}

    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                lines = (node.end_lineno or 0) - body[0].lineno + 1
                long += (
                    [f"{named(file)}:{node.lineno} {node.name}: {lines}"]
                    if lines > MOST_IN_A_FUNCTION
                    else []
                )

    assert long == []


def test_every_source_file_says_in_its_first_line_what_it_is() -> None:
    bare = [named(file) for file in sources() if not ast.get_docstring(ast.parse(file.read_text("utf-8")))]

    assert bare == []


def test_every_folder_of_tests_is_a_package_so_that_it_hides_no_room() -> None:
    folders = {file.parent for file in tracked_python() if ROOT / "tests" in [file.parent, *file.parents]}

    assert [named(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("room", docs.ROOMS)
def test_a_room_is_imported_from_this_repository_and_from_nowhere_else(room: str) -> None:
    spec = importlib.util.find_spec(room)

    assert spec is not None
    assert spec.origin == str(ROOT / room / "__init__.py")


def test_no_file_names_a_path_of_one_machine_or_a_package_index() -> None:
    found = []
    for file in tracked():
        if file == Path(__file__):
            continue
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture or an archive
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line) or INDEX_HOST.search(line):
                found.append(f"{named(file)}:{number}: {line.strip()[:80]}")

    assert found == []


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt", "build.txt"])
def test_every_locked_requirement_has_a_version_and_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text("utf-8").replace("\\\n", " ")

    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if not re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", pin)] == []
    assert "://" not in text


def test_what_runs_is_a_part_of_what_is_tested() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text("utf-8")
        return set(re.findall(r"^[\w.-]+==[\w.]+", text, re.MULTILINE))

    assert pins("runtime.txt") - pins("dev.txt") == set()


# --- generated pages ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_generated_page_is_as_the_code_is_now(name: str) -> None:
    page = docs.FOLDER / name

    assert page.read_text("utf-8") == docs.PAGES[name](), "run `make docs`"


def test_every_error_has_a_code_of_its_own_and_says_what_happened() -> None:
    classes = docs.error_classes()

    codes = [error.code for error in classes]
    assert [error.__name__ for error in classes if "code" not in vars(error) or not error.__doc__] == []
    assert sorted(codes) == sorted(set(codes))
    assert [code for code in codes if not re.fullmatch(rf"({'|'.join(docs.ROOMS)})\.[a-z_]+", code)] == []


def test_every_setting_says_what_it_does() -> None:
    rows = [line for line in docs.settings_page().splitlines() if line.startswith("| `")]

    assert [row for row in rows if len(row.split("|")[4].strip()) < 20] == []
