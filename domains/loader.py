"""Find, read and check domain folders."""

import difflib
import importlib.util
import re
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from domains.documents import read_passages
from domains.model import Domain, FollowUp, SampleFlow, Scenario
from memory.errors import AgentError
from memory.records import Passage
from tools.catalog import Tool

BUILT_IN = Path(__file__).parent
"""Where the domains lie that come with the program."""

Loaded = TypeVar("Loaded")


class DomainUnknown(AgentError):
    """A domain was asked for that is not there."""

    code = "domains.unknown"
    kind = "not_found"

    def __init__(self, name: str, known: list[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean `{near[0]}`? " if near else ""
        super().__init__(
            f"There is no domain `{name[:80]}`.",
            fix=f"{hint}Choose one of {', '.join(known)}, or make it with `slipstream domain new NAME`.",
        )


class DomainInvalid(AgentError):
    """A file of a domain folder does not say what it should."""

    code = "domains.invalid"

    def __init__(self, where: str, problem: str, *, fix: str | None = None) -> None:
        super().__init__(
            f"{where}: {problem}.",
            fix=fix or f"Correct it, then run `slipstream domain check {Path(where.split(':')[0]).parent}`.",
        )


class DomainExists(AgentError):
    """A new domain would overwrite a folder."""

    code = "domains.exists"
    kind = "conflict"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"`{folder}` is there already.", fix="Choose another name, or remove the folder.")


def domain_names(extra: Path | None = None) -> list[str]:
    """Return the names of all domains, built in and below `extra`, in order."""
    roots = [BUILT_IN] if extra is None else [BUILT_IN, extra]
    return sorted({file.parent.name for root in roots for file in root.glob("*/domain.yaml")})


def find_domain(name: str, extra: Path | None = None) -> Path:
    """Return the folder of a domain, given its name or, from a person at the keyboard, its path.

    Raises:
        DomainUnknown: neither is there.
    """
    for root in filter(None, [extra, BUILT_IN]):
        folder = root / name
        if folder.parent == root and name != ".." and (folder / "domain.yaml").is_file():
            return folder
    if "/" in name and (Path(name) / "domain.yaml").is_file():
        return Path(name)
    raise DomainUnknown(name, domain_names(extra))


def load_domain(folder: Path) -> Domain:
    """Read and check a domain folder: its settings, its prompt files, the names of its tools.

    Raises:
        DomainInvalid: names file, line and the nearest valid key.
    """
    file = folder / "domain.yaml"
    domain = _read(file, Domain).model_copy(update={"folder": folder})
    if domain.name != folder.name:
        raise DomainInvalid(f"{file}:1", f"`name` is `{domain.name}`, the folder is `{folder.name}`")
    for path in domain.prompts.model_dump().values():
        if not (folder / path).is_file():
            raise DomainInvalid(str(file), f"prompt file `{path}` is missing")
    return domain


def load_scenarios(domain: Domain) -> list[Scenario]:
    """Return the scenarios of a domain; none when it has no `scenarios.yaml`."""
    return _read_optional(domain.folder / "scenarios.yaml", list[Scenario])


def load_follow_ups(domain: Domain) -> list[FollowUp]:
    """Return the sessions that end in a follow-up; none when a domain has no `follow_ups.yaml`."""
    return _read_optional(domain.folder / "follow_ups.yaml", list[FollowUp])


def load_sample_flows(domain: Domain) -> list[SampleFlow]:
    """Return the hand-written flows of a domain; none when it has no `sample_flows.yaml`."""
    return _read_optional(domain.folder / "sample_flows.yaml", list[SampleFlow])


def load_passages(domain: Domain) -> Iterator[Passage]:
    """Yield what a domain knows: the files of its folder, then what its source makes."""
    spec = domain.knowledge
    folder = domain.folder / spec.folder
    if folder.is_dir():
        yield from read_passages(folder, sample=spec.sample)
    if spec.source:
        file, _, function = spec.source.partition(":")
        make = getattr(_load_module(domain.folder / file), function, None)
        if make is None:
            raise DomainInvalid(str(domain.folder / file), f"there is no function `{function}`")
        yield from make()


def load_tools(domain: Domain) -> dict[str, Tool]:
    """Return the tools that a domain names, by name."""
    if not domain.tools:
        return {}
    module = _load_module(domain.folder / "tools.py")
    tools = {}
    for name in domain.tools:
        tool = getattr(module, name, None)
        if not isinstance(tool, Tool):
            raise DomainInvalid(str(domain.folder / "tools.py"), f"`{name}` is not a Tool")
        tools[tool.name] = tool
    return tools


def new_domain(name: str, into: Path) -> Path:
    """Copy the smallest working domain to `into/name` and return the folder.

    Raises:
        DomainInvalid: the name is not in lower case letters, digits and underscores.
        DomainExists: the folder is there.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise DomainInvalid(
            f"{into / name}", f"`{name[:80]}` is no domain name", fix="Use lower case letters, digits and _."
        )
    folder = into / name
    if folder.exists():
        raise DomainExists(folder)
    beside = into / f".{name}.new"
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(BUILT_IN / "template", beside)
    file = beside / "domain.template.yaml"
    text = file.read_text(encoding="utf-8").replace("NAME", name)
    (beside / "domain.yaml").write_text(text, encoding="utf-8")
    file.unlink()
    return beside.rename(folder)


# --- reading ---------------------------------------------------------------------------------


def _read_optional(file: Path, kind: type[list[Loaded]]) -> list[Loaded]:
    return _read(file, kind) if file.is_file() else []


def _read(file: Path, kind: type[Loaded]) -> Loaded:
    """Parse one YAML file into `kind`; problems name the line and the nearest valid key."""
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)
        _refuse_twins(file, root)
    except FileNotFoundError:
        raise DomainInvalid(str(file), "the file is missing") from None
    except UnicodeDecodeError as error:
        raise DomainInvalid(str(file), f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise DomainInvalid(str(file), "it is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise DomainInvalid(where, getattr(error, "problem", None) or "not YAML") from None
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        line = _line(root, first["loc"])
        raise DomainInvalid(f"{file}:{line}", _problem(kind, first)) from None


def _refuse_twins(file: Path, node: Any) -> None:
    """YAML takes the last of two equal keys in silence; that hides mistakes."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise DomainInvalid(f"{file}:{key.start_mark.line + 1}", f"`{key.value}` is given twice")
            seen.add(key.value)
            _refuse_twins(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twins(file, value)


def _line(node: Any, loc: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the deepest part of `loc` that the file has."""
    line = 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _problem(kind: Any, error: Any) -> str:
    """Say what is wrong in one clause, with the nearest valid key for one that is not known."""
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _keys(kind), n=1)
        return f"`{path}` is not a known key" + (f"; did you mean `{near[0]}`?" if near else "")
    if error["type"] == "missing":
        return f"`{path}` is missing"
    value = str(error["input"])
    where = f"`{path}`: " if path else ""
    return f"{where}{error['msg'].removeprefix('Value error, ')}, got `{value[:60]}`"


def _keys(kind: Any) -> list[str]:
    """Return every key that a model and the models inside it know."""
    found: dict[str, None] = {}
    todo = [kind]
    seen: set[int] = set()
    while todo:
        kind = todo.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= dict.fromkeys(kind.model_fields)
            todo.extend(field.annotation for field in kind.model_fields.values())
        else:
            todo.extend(getattr(kind, "__args__", ()))
    return list(found)


@lru_cache(maxsize=64)
def _load_module(file: Path) -> ModuleType:
    """Import a Python file of a domain folder, once a process."""
    name = f"domains._{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise DomainInvalid(str(file), "the file is missing")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise DomainInvalid(str(file), f"it does not run ({type(error).__name__}: {error})") from error
    return module
