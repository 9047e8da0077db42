"""Domain folders: what is refused, where, and with which help."""

from pathlib import Path

import pytest

from domains.loader import (
    BUILT_IN,
    DomainExists,
    DomainInvalid,
    DomainUnknown,
    domain_names,
    find_domain,
    load_domain,
    load_passages,
    load_sample_flows,
    load_scenarios,
    load_tools,
    new_domain,
)
from domains.model import Domain

TOOL = """\
from tools.catalog import Tool

async def run(arguments):
    return "3.5 bar"

gauge = Tool(name="gauge", description="Reads.", run=run)
number = 7
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a new domain `pumps`."""
    return new_domain("pumps", tmp_path)


def change(folder: Path, old: str, new: str) -> None:
    """Replace a piece of the domain file."""
    file = folder / "domain.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def line_of(folder: Path, text: str) -> int:
    lines = (folder / "domain.yaml").read_text().splitlines()
    return 1 + next(number for number, line in enumerate(lines) if text in line)


def refusal(folder: Path) -> str:
    with pytest.raises(DomainInvalid) as caught:
        load_domain(folder)
    assert caught.value.fix
    return str(caught.value)


# --- making and finding --------------------------------------------------------------------------


def test_a_new_domain_loads_with_something_to_know_and_to_learn_from(folder: Path) -> None:
    domain = load_domain(folder)

    assert (domain.name, domain.folder) == ("pumps", folder)
    assert len(domain.examples()) >= 10
    assert list(load_passages(domain))
    assert (load_tools(domain), load_scenarios(domain), load_sample_flows(domain)) == ({}, [], [])
    assert "{message}" in domain.prompt("classify")


def test_a_new_domain_never_overwrites_a_folder(folder: Path) -> None:
    (folder / "mine.txt").write_text("mine")

    with pytest.raises(DomainExists):
        new_domain("pumps", folder.parent)
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["", "Pumps", "my-pumps", "../pumps", "a/b", "1st", "_pumps", "pümps", "x" * 41, ".", "a\n"]
)
def test_a_name_that_would_not_load_is_refused_before_anything_is_made(name: str, tmp_path: Path) -> None:
    with pytest.raises(DomainInvalid) as caught:
        new_domain(name, tmp_path / "domains")

    assert "lower case" in caught.value.fix
    assert not (tmp_path / "domains").exists()


def test_domains_are_listed_by_name_those_of_ones_own_among_them(folder: Path) -> None:
    assert {"solaris", "support"} <= set(domain_names())
    assert domain_names(folder.parent) == sorted([*domain_names(), "pumps"])


def test_a_domain_is_found_by_name_or_by_path_and_ones_own_comes_first(folder: Path) -> None:
    own = folder.rename(folder.with_name("solaris"))

    assert find_domain("solaris") == BUILT_IN / "solaris"
    assert find_domain("solaris", own.parent) == own
    assert find_domain(str(own)) == own


def test_an_unknown_domain_is_refused_with_the_nearest_name(folder: Path) -> None:
    with pytest.raises(DomainUnknown) as caught:
        find_domain("pump", folder.parent)

    assert "`pump`" in str(caught.value)
    assert "Did you mean `pumps`?" in caught.value.fix


@pytest.mark.parametrize("name", ["../pumps", "..", ".", "", "pumps/", "./pumps", "pumps/.", "../x"])
def test_a_name_never_leads_out_of_the_folders_of_domains(name: str, folder: Path) -> None:
    (folder / "inner").mkdir()

    with pytest.raises(DomainUnknown):
        find_domain(name, folder / "inner")


# --- the domain file -----------------------------------------------------------------------------


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_key(folder: Path) -> None:
    change(folder, "voice:", "voise:")

    text = refusal(folder)
    assert f"domain.yaml:{line_of(folder, 'voise')}:" in text
    assert "`voise` is not a known key; did you mean `voice`?" in text


def test_an_unknown_key_deep_inside_is_found_there(folder: Path) -> None:
    change(folder, "    examples:", "    exampels:")

    text = refusal(folder)
    assert f"domain.yaml:{line_of(folder, 'exampels')}:" in text
    assert "did you mean `examples`?" in text


def test_a_value_of_the_wrong_type_is_named_with_its_line(folder: Path) -> None:
    change(folder, "format: 1", "limits:\n  turn_s: soon\nformat: 1")

    text = refusal(folder)
    assert f"domain.yaml:{line_of(folder, 'turn_s')}:" in text
    assert "`limits.turn_s`" in text and "`soon`" in text


def test_a_key_that_is_missing_is_named(folder: Path) -> None:
    change(folder, "title: Your title\n", "")

    assert "`title` is missing" in refusal(folder)


def test_a_key_given_twice_is_refused_with_the_second_line(folder: Path) -> None:
    change(folder, "replies:", "title: Again\nreplies:")

    assert f"domain.yaml:{line_of(folder, 'title: Again')}: `title` is given twice" in refusal(folder)


@pytest.mark.parametrize(
    "added",
    [
        'forbidden: {prices: {pattern: "(", reply: No.}}',
        'entities: {code: {pattern: "["}}',
        "entities: {code: {}}",
        'entities: {code: {pattern: "A", values: {B: []}}}',
        "entities: {Code: {pattern: A}}",
        "tools: gauge",
    ],
)
def test_what_could_only_fail_later_is_refused_at_once(added: str, folder: Path) -> None:
    change(folder, "format: 1", f"{added}\nformat: 1")

    assert "domain.yaml:1:" in refusal(folder)


def test_a_domain_needs_two_intents_to_tell_apart(folder: Path) -> None:
    file = folder / "domain.yaml"
    text = file.read_text()
    file.write_text(text[: text.index("  troubleshooting:")] + text[text.index("replies:") :])

    assert "`intents`" in refusal(folder)


def test_a_name_unlike_the_folder_is_refused(folder: Path) -> None:
    assert "`name` is `pumps`, the folder is `valves`" in refusal(folder.rename(folder.with_name("valves")))


def test_a_prompt_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "prompts" / "judge.md").unlink()

    assert "`prompts/judge.md` is missing" in refusal(folder)


def test_a_folder_without_a_domain_file_is_refused(tmp_path: Path) -> None:
    assert "the file is missing" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name: [unclosed\n", "domain.yaml:2:"),
        (b"name: pumps\n\tbad: tab\n", "domain.yaml:2:"),
        (b"name: p\xff", "byte 7 is not UTF-8"),
        (b"", "domain.yaml:1:"),
        (b"- a\n- b\n", "domain.yaml:1:"),
        (b"[" * 5_000 + b"]" * 5_000, "nested too deeply"),
        (b"a: &a [*a]\n", "domain.yaml"),
        (b"? [a, b]\n: c\n", "domain.yaml:1:"),
        (b"name: !!python/object/apply:os.getcwd []\n", "domain.yaml:1:"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_place(content: bytes, problem: str, folder: Path) -> None:
    (folder / "domain.yaml").write_bytes(content)

    text = refusal(folder)
    assert problem in text
    assert "``" not in text


# --- knowledge, tools, scenarios -----------------------------------------------------------------


def loaded(folder: Path, added: str) -> Domain:
    change(folder, "format: 1", f"{added}\nformat: 1")
    return load_domain(folder)


def test_a_function_of_the_domain_adds_passages_to_those_of_its_folder(folder: Path) -> None:
    (folder / "more.py").write_text(
        "from memory.records import Passage\n"
        "def make():\n"
        "    yield Passage(passage_id='x', title='More', text='More.', source='more')\n"
    )
    domain = loaded(folder, 'knowledge: {source: "more.py:make", sample: true}')
    passages = list(load_passages(domain))

    assert passages[-1].title == "More"
    assert len(passages) > 1
    assert passages[0].sample


@pytest.mark.parametrize(
    ("source", "problem"),
    [("none.py:make", "none.py: the file is missing"), ("more.py:other", "there is no function `other`")],
)
def test_a_source_that_is_not_there_is_named(source: str, problem: str, folder: Path) -> None:
    (folder / "more.py").write_text("def make(): return []\n")
    domain = loaded(folder, f'knowledge: {{source: "{source}"}}')

    with pytest.raises(DomainInvalid) as caught:
        list(load_passages(domain))
    assert problem in str(caught.value)


def test_a_tool_is_found_by_its_name(folder: Path) -> None:
    (folder / "tools.py").write_text(TOOL)

    assert list(load_tools(loaded(folder, "tools: [gauge]"))) == ["gauge"]


@pytest.mark.parametrize("name", ["number", "missing"])
def test_what_is_no_tool_is_refused(name: str, folder: Path) -> None:
    (folder / "tools.py").write_text(TOOL)

    with pytest.raises(DomainInvalid, match=f"`{name}` is not a Tool"):
        load_tools(loaded(folder, f"tools: [{name}]"))


def test_tools_without_a_file_are_refused(folder: Path) -> None:
    with pytest.raises(DomainInvalid, match="the file is missing"):
        load_tools(loaded(folder, "tools: [gauge]"))


@pytest.mark.parametrize("code", ["def broken(:\n", "import no_such_package_here\n", "1 / 0\n"])
def test_a_file_of_tools_that_does_not_run_is_refused_by_name(code: str, folder: Path) -> None:
    (folder / "tools.py").write_text(code)

    with pytest.raises(DomainInvalid, match=r"tools\.py"):
        load_tools(loaded(folder, "tools: [gauge]"))


def test_a_scenario_with_an_unknown_kind_is_refused_with_its_line(folder: Path) -> None:
    (folder / "scenarios.yaml").write_text(
        "- {id: a, question: How?, intent: how_to}\n- {id: b, question: Why?, intent: how_to, kind: poem}\n"
    )

    with pytest.raises(DomainInvalid, match=r"scenarios\.yaml:2: `1\.kind`"):
        load_scenarios(load_domain(folder))
