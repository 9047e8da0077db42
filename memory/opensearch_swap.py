"""Indexes that are whole before anybody can find them: built under a name of their own, found by aliases.

Each has an alias for what is in it, given once it is whole and never moved, and shares one that names what is
live. Both change in one step.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from memory.opensearch import OPEN_S, Document, OpenSearch

ABANDONED_MS = 3_600_000
"""Age beyond which an index without an alias is what a broken-off build left (milliseconds)."""


class Contents(NamedTuple):
    """What an index is made of."""

    mapping: Mapping[str, Any]
    documents: Iterable[Document]
    about: Mapping[str, Any]
    """What the index says of itself."""


def publish(client: OpenSearch, live: str, alias: str, contents: Callable[[], Contents]) -> None:
    """Let `live` name the index that `alias` names, which is built first unless it is there.

    Broken off anywhere, `live` names what it named before, and the next call begins anew. What was live until
    now is kept: readers may still be there. What was before it is removed.

    Raises:
        ServiceUnavailable: OpenSearch does not answer.
        SearchRefused: it will not take the index.
    """
    built = f"{alias}-{secrets.token_hex(4)}"
    if client.command("GET", f"/_alias/{alias}", timeout_s=OPEN_S) is None:
        _build(client, built, contents())
        add = [{"index": built, "alias": name} for name in (alias, live)]
    else:
        [built] = client.command("GET", f"/_alias/{alias}")
        add = [{"index": built, "alias": live}]
    before = [name for name in client.command("GET", f"/_alias/{live}") or {} if name != built]
    remove = [{"remove": {"index": name, "alias": live}} for name in before]
    client.command("POST", "/_aliases", {"actions": [*remove, *({"add": one} for one in add)]})
    if before:
        _tidy(client, live, keep=[built, *before])


def about(client: OpenSearch, alias: str) -> dict[str, Any] | None:
    """Return what the index says of itself; `None` when there is none that is whole."""
    for found in (client.command("GET", f"/{alias}/_mapping", timeout_s=OPEN_S) or {}).values():
        return dict(found["mappings"].get("_meta", {}))
    return None


def _build(client: OpenSearch, index: str, contents: Contents) -> None:
    body = {
        "settings": {"index": {"knn": True}},
        "mappings": {**contents.mapping, "dynamic": "strict", "_meta": contents.about},
    }
    client.command("PUT", f"/{index}", body)
    try:
        client.settle(index, client.load(index, contents.documents))
    except BaseException:
        client.discard(index)
        raise


def _tidy(client: OpenSearch, live: str, *, keep: list[str]) -> None:
    found = client.command("GET", f"/{live}-*") or {}
    now = _created_ms(found.get(keep[0], {}))
    for name, one in found.items():
        is_building = not one["aliases"] and now - _created_ms(one) < ABANDONED_MS
        if name not in keep and not is_building:
            client.command("DELETE", f"/{name}")


def _created_ms(index: Mapping[str, Any]) -> int:
    """Return when an index was made (Unix milliseconds, by the clock of the service)."""
    return int(index.get("settings", {}).get("index", {}).get("creation_date", 0))


def vector_field(dimension: int, engine: str) -> dict[str, Any]:
    """Return the mapping of a field of vectors that are compared by cosine."""
    method = {"name": "hnsw", "engine": engine, "space_type": "cosinesimil"}
    return {"type": "knn_vector", "dimension": dimension, "method": method}
