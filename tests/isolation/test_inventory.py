"""Every place of the stores that filters by tenant has a mutant; a new one without is named here."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.isolation import test_keys, test_mutants, test_mutants_services, test_whole_program

MEMORY = Path(__file__).parents[2] / "memory"
FILTER = re.compile(r"""tenant = \?|field\("tenant"\)|self\.tenant\b|self\._tenant\b|\{tenant\}""")

NEEDS_NONE = {
    "sqlite.SqliteRegistry.publish": "numbers releases: counted over all tenants they keep the same order",
    "dynamodb_sessions.DynamoConversationStore._conversation": "writes the tenant into what was found",
}
"""Places where leaving the tenant out changes nothing that anybody can see."""


def test_every_filter_by_tenant_has_a_mutant() -> None:
    there = set(_filters())

    assert there - set(_mutated()) == set(NEEDS_NONE)
    assert len(there) > 30


def _filters() -> Iterator[str]:
    """Yield the functions of the stores that name the tenant of a query or key."""
    for file in sorted(MEMORY.glob("*.py")):
        text = file.read_text("utf-8")
        lines = text.splitlines()
        for name, function in _functions(ast.parse(text), file.stem):
            if FILTER.search("\n".join(lines[function.lineno - 1 : function.end_lineno])):
                yield name


def _functions(tree: ast.AST, within: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{within}.{node.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "__init__":
            yield f"{within}.{node.name}", node


def _mutated() -> Iterator[str]:
    changes: list[Iterable[Any]] = [mutant[1:] for mutant in test_mutants.MUTANTS.values()]
    changes += [mutant[1:] for mutant in test_keys.MUTANTS.values()]
    changes += [change for _, found in test_mutants_services.DYNAMO.values() for change in found]
    changes += test_mutants_services.SEARCHED
    changes += test_whole_program.HTTP_MUTANTS.values()
    for owner, name, *_ in changes:
        module = owner.__name__ if isinstance(owner, ModuleType) else f"{owner.__module__}.{owner.__name__}"
        yield f"{module}.{name}".removeprefix("memory.")
