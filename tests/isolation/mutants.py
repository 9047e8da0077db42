"""Takes a tenant filter out of the product, to show that the checks of this folder would notice."""

import inspect
import textwrap
from typing import Any

import pytest


def mutate(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, old: str, new: str) -> None:
    """Let a function of a class or module run with a piece of its source replaced.

    The piece must be there: a mutant of code that has changed since says so, rather than surviving.
    """
    found = inspect.getattr_static(owner, name)
    is_property = isinstance(found, property)
    function = found.fget if is_property else found
    source = getattr(function, "source_of_mutant", None) or textwrap.dedent(inspect.getsource(function))
    assert old in source, f"`{name}` holds no `{old}` any more: write the mutant again"
    made: dict[str, Any] = {}
    changed = source.replace(old, new)
    exec(compile(changed, f"<mutant of {name}>", "exec"), function.__globals__, made)
    if not is_property:
        made[name].source_of_mutant = changed  # for another change of the same function
    monkeypatch.setattr(owner, name, made[name])


def mutate_statements(monkeypatch: pytest.MonkeyPatch, module: Any, old: str, new: str) -> None:
    """Let a module's tables be made with a piece of their SQL replaced."""
    assert old in str(module.MIGRATIONS), f"no statement holds `{old}` any more: write the mutant again"
    changed = [tuple(one.replace(old, new) for one in migration) for migration in module.MIGRATIONS]
    monkeypatch.setattr(module, "MIGRATIONS", changed)
