"""The shared form: one session a row, with its labels, its texts, or both."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from learning.importing.fragment import RowRefused
from learning.importing.session import ImportedSession, ImportedTurn
from learning.recorded import EPOCH, OUTCOMES, STEP_S, Offset, UnixTime
from memory.records import Record

EXPECTED = 'one session a row: {"session_id": "…", "labels": ["…"]} or {"session_id": "…", "texts": ["…"]}'

Label = Annotated[str, Field(max_length=1024)]


class SharedRow(Record):
    """One session of a log; see `docs/import.md`."""

    session_id: str = Field(min_length=1, max_length=1024)
    user_id: str | int | None = None
    labels: list[Label | None] | None = Field(default=None, max_length=100_000)
    """Of each step; `None` where nobody has named it."""

    texts: list[str | None] | None = Field(default=None, max_length=100_000)
    """For each step what the user had said since the step before."""

    times: list[Offset] | None = None
    """Time of each step since the first (seconds)."""

    start: UnixTime | None = None
    """Unix time of the first step (seconds)."""

    success: bool | None = None

    @model_validator(mode="after")
    def _as_many(self) -> "SharedRow":
        steps = len(self.labels or self.texts or ())
        if not steps:
            raise ValueError("neither `labels` nor `texts`")
        for name in ("labels", "texts", "times"):
            column = getattr(self, name)
            if column is not None and len(column) != steps:
                raise ValueError(f"{len(column)} `{name}` for {steps} steps")
        return self


def fits(row: Mapping[str, Any]) -> bool:
    """Tell whether a row looks like this format."""
    return "session_id" in row and any(isinstance(row.get(name), list) for name in ("labels", "texts"))


def read_session(row: Mapping[str, Any]) -> ImportedSession:
    """Return the session of a row, as it stands there: nothing is redacted yet.

    Raises:
        RowRefused: names the field and the problem.
    """
    try:
        found = SharedRow.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "labels"
        raise RowRefused(place, first["msg"].removeprefix("Value error, "), f"Give {EXPECTED}.") from None
    labels = found.labels or [None] * len(found.texts or ())
    texts = found.texts or [None] * len(labels)
    times = found.times or [number * STEP_S for number in range(len(labels))]
    start = datetime.fromtimestamp(found.start, UTC) if found.start is not None else EPOCH
    turns = [
        ImportedTurn(
            at=start + timedelta(seconds=at), query=text or "", label=label.strip() or None if label else None
        )
        for label, text, at in zip(labels, texts, times, strict=True)
    ]
    if not any(turn.query.strip() or turn.label for turn in turns):
        raise RowRefused("labels", "all labels and texts are empty", f"Give {EXPECTED}.")
    user = None if found.user_id is None else str(found.user_id)
    return ImportedSession(found.session_id, user, turns, OUTCOMES[found.success])
