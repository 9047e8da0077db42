"""What names a place of its own for each tenant is never the same for two; mutants that let it be."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import graph.run
import graph.signing
import learning.datasets
import learning.models
import learning.patternfiles
import learning.publish
import memory.redact
from graph.signing import CheckpointRefused, Seal
from learning.demotion import Decisions, load_decisions, store_decisions
from learning.stored import Source
from memory.opensearch_patterns import Place
from tests.conformance.samples import START
from tests.isolation.mutants import mutate
from tests.learning.logs import sessions_of, usual_log

OWNERS = [
    ("acme", "b"),
    ("acme", "c"),
    ("bolt", "b"),
    ("acmeb", ""),
    ("", "acmeb"),
    ("acme-b", "-"),
    ("a/b", "b"),
]
"""Tenants and second names; joined without care some of them are the same text."""


def distinct(name: Callable[..., object]) -> None:
    names = [name(*owner) for owner in OWNERS]
    assert len(set(names)) == len(OWNERS), "two owners have one place"


def user_keys(_: Path) -> None:
    distinct(memory.redact.user_key)


def threads(_: Path) -> None:
    distinct(lambda tenant, user: graph.run.thread_id(tenant, user, "s"))
    distinct(lambda tenant, session: graph.run.thread_id(tenant, "u", session))
    distinct(lambda user, session: graph.run.thread_id("t", user, session))


def gathered(_: Path) -> None:
    distinct(lambda tenant, domain: Source(tenant, domain, "classifier").folder)


def models(_: Path) -> None:
    distinct(lambda tenant, domain: learning.models.model_name("intent-classifier", domain, tenant))


def indexes(_: Path) -> None:
    distinct(lambda tenant, domain: Place(tenant, domain).live)


def pattern_files(folder: Path) -> None:
    files = [learning.patternfiles.store_patterns([], folder, tenant=t, domain=d) for t, d in OWNERS]
    assert len({file for of_owner in files for file in of_owner}) == 2 * len(OWNERS)


def training_data(folder: Path) -> None:
    splits: Any = {"train": pa.table({"a": [1]}), "validation": pa.table({"a": [2]})}
    written = {
        (tenant, domain): learning.datasets.write_data(folder, "intent-classifier", domain, tenant, splits)
        for tenant, domain in OWNERS
    }
    distinct(lambda *owner: written[owner].folder.parent)
    distinct(lambda *owner: written[owner].about.data_hash)


def releases(_: Path) -> None:
    sessions = sessions_of(usual_log())
    distinct(
        lambda tenant, domain: learning.publish.release_id(
            sessions, tenant=tenant, domain=domain, embedder="e", advanced=True
        )
    )


def decisions(folder: Path) -> None:
    store_decisions(folder, Decisions(promoted={"p-1": START}), tenant="acme", domain="pumps")
    assert load_decisions(folder, tenant="acme", domain="pumps").promoted
    assert not load_decisions(folder, tenant="bolt", domain="pumps").promoted


def seals(_: Path) -> None:
    seal = Seal([b"k" * 32])
    for owner in OWNERS:
        sealed = seal.close("mine", *owner)
        assert seal.open(sealed, *owner) == "mine"
        for other in OWNERS:
            if other != owner:
                _refused(seal, sealed, other)


def _refused(seal: Seal, sealed: bytes, place: tuple[str, str]) -> None:
    try:
        seal.open(sealed, *place)
    except CheckpointRefused:
        return
    raise AssertionError("a checkpoint was read in another's place")


CHECKS = [
    user_keys,
    threads,
    gathered,
    models,
    indexes,
    pattern_files,
    training_data,
    releases,
    decisions,
    seals,
]

MUTANTS: dict[str, tuple[Callable[[Path], None], Any, str, str, str]] = {
    "user key": (user_keys, memory.redact, "user_key", "{tenant}", ""),
    "thread, tenant": (threads, graph.run, "thread_id", "{tenant}", ""),
    "thread, user": (threads, graph.run, "thread_id", "{user}", ""),
    "thread, session": (threads, graph.run, "thread_id", "{session_id}", ""),
    "thread, joined": (threads, graph.run, "thread_id", r"\x00", ""),
    "gathered events": (gathered, Source, "folder", "{self.tenant}", ""),
    "decisions": (decisions, Source, "folder", "{self.tenant}", ""),
    "model": (models, learning.models, "model_name", "-{key}", ""),
    "index": (indexes, Place, "live", "self.tenant", "''"),
    "pattern files": (pattern_files, learning.patternfiles, "store_patterns", "quote(tenant", "quote(''"),
    "training data": (training_data, learning.datasets, "write_data", "quote(tenant", "quote(''"),
    "training data, hash": (training_data, learning.datasets, "_hash", "domain, tenant]", "domain]"),
    "release": (releases, learning.publish, "release_id", "tenant, domain, embedder", "domain, embedder"),
    "seal": (seals, graph.signing, "_mac", "*(part.encode", "*(b'' and part.encode"),
    "seal, joined": (seals, graph.signing, "_mac", "len(part).to_bytes(8) + part", "part"),
    "seal, compared": (seals, Seal, "open", "not any(known)", "not known"),
}


@pytest.mark.parametrize("check", CHECKS)
def test_two_owners_never_share_a_place(check: Callable[[Path], None], tmp_path: Path) -> None:
    check(tmp_path)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_name_without_its_owner_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, *mutant = MUTANTS[name]
    mutate(monkeypatch, *mutant)

    with pytest.raises(AssertionError):
        check(tmp_path)
