"""How long work tells how far it is."""

from typing import Protocol


class Progress(Protocol):
    """Hears of progress; the edge turns it into a bar, a line or silence."""

    def __call__(self, stage: str, done: int, total: int, note: str, /) -> None:
        """Take note that `done` of `total` are done in `stage`; `note` names what is counted."""
        ...
