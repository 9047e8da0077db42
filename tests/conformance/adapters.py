"""The adapters of each port. A new one is a line here, and every suite of its port runs on it.

Each entry opens the adapter below a folder and yields what the suite asks: the store itself, or a
function from a tenant to its store.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from memory.outbox import open_outbox
from memory.ports import ConversationStore, EventSink, ProfileStore, Registry
from memory.sqlite import open_store


@contextmanager
def _sqlite_profiles(folder: Path) -> Iterator[Callable[[str], ProfileStore]]:
    with open_store(folder / "store.sqlite") as store:
        yield store.profiles


@contextmanager
def _sqlite_conversations(folder: Path) -> Iterator[Callable[[str], ConversationStore]]:
    with open_store(folder / "store.sqlite") as store:
        yield store.conversations


@contextmanager
def _sqlite_registry(folder: Path) -> Iterator[Callable[[str], Registry]]:
    with open_store(folder / "store.sqlite") as store:
        yield store.registry


@contextmanager
def _sqlite_outbox(folder: Path) -> Iterator[EventSink]:
    with open_outbox(folder / "outbox.sqlite") as outbox:
        yield outbox


PROFILE_STORES = {"sqlite": _sqlite_profiles}
CONVERSATION_STORES = {"sqlite": _sqlite_conversations}
REGISTRIES = {"sqlite": _sqlite_registry}
EVENT_SINKS = {"sqlite": _sqlite_outbox}
