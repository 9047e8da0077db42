"""Recorded sessions: logs of the shared form, and sample sessions drawn from hand-written flows."""

import gzip
import hashlib
import random
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated

import numpy as np
from pydantic import Field, ValidationError, model_validator

from domains.model import SampleFlow, SampleStep
from learning.sessions import CODES, UNKNOWN, SessionRow, Sessions, make_sessions
from memory.errors import AgentError
from memory.ids import make_event_id
from memory.records import Outcome, Record, SessionCompleted, SessionEvent, TurnFinished, parse_step
from memory.redact import redact, user_key

ROW_BYTES = 8 * 1024 * 1024
"""Longest row of a log that is read."""

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""When sessions without a start begin; fixed, so that a second replay gives the same events."""

STEP_S = 60.0
"""Time between steps of a session without times (seconds)."""

UnixTime = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
"""Seconds; what is larger was counted in milliseconds."""

Offset = Annotated[float, Field(ge=-1e10, le=1e10, allow_inf_nan=False)]
"""Seconds; a calendar can add it to any `UnixTime`."""

OUTCOMES: dict[bool | None, Outcome] = {True: "solved", False: "unsolved", None: "unknown"}

NOISE = 0.12
"""Share of sample steps (0 to 1) that are left out, repeated or taken from another flow."""


class RecordedLogBroken(AgentError):
    """A log of recorded sessions cannot be read."""

    code = "learning.recorded_log_broken"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f"{where}: {problem}.",
            fix='Give JSON lines (may be gzipped) with at least {"session_id": "…", "labels": ["…"]}.',
        )


class RecordedSession(Record):
    """One session of a log."""

    session_id: str = Field(min_length=1, max_length=256)
    user_id: str | None = None
    labels: list[str] = Field(min_length=1, max_length=100_000)
    texts: list[str] | None = None
    """For each step what the user had said since the step before."""

    times: list[Offset] | None = None
    """Time of each step since the first (seconds)."""

    start: UnixTime | None = None
    """Unix time of the first step (seconds)."""

    success: bool | None = None

    @model_validator(mode="after")
    def _as_many(self) -> "RecordedSession":
        for name in ("texts", "times"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.labels):
                raise ValueError(f"{len(column)} `{name}` for {len(self.labels)} labels")
        if not all(label.strip() for label in self.labels):
            raise ValueError("an empty label")
        return self


def read_recorded(path: Path) -> Iterator[RecordedSession]:
    """Yield the sessions of a log in the shared form; `.gz` is unpacked.

    Raises:
        RecordedLogBroken: names file, line and problem.
    """
    try:
        with _open(path) as file:
            yield from _rows(file, path)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise RecordedLogBroken(str(path), "it is no whole gzip file") from None
    except OSError as error:
        raise RecordedLogBroken(str(path), error.strerror or "it cannot be opened") from None


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _rows(file: IO[bytes], path: Path) -> Iterator[RecordedSession]:
    number = sessions = 0
    while line := file.readline(ROW_BYTES + 1):
        number += 1
        if len(line) > ROW_BYTES:
            raise RecordedLogBroken(f"{path}:{number}", f"the row has more than {ROW_BYTES:,} bytes")
        if not line.strip():
            continue
        sessions += 1
        try:
            yield RecordedSession.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise RecordedLogBroken(
                f"{path}:{number}", f"`{place}`: {first['msg']}" if place else first["msg"]
            ) from None
    if not sessions:
        raise RecordedLogBroken(str(path), "it is empty")


def recorded_events(
    session: RecordedSession, *, tenant: str, domain: str, sample: bool = False
) -> list[SessionEvent]:
    """Return the events that the session would have left: one a step, then its completion.

    Ids follow from the session, so that a second replay changes nothing.
    """
    start = datetime.fromtimestamp(session.start, UTC) if session.start is not None else EPOCH
    times = session.times or [number * STEP_S for number in range(len(session.labels))]
    common = {
        "session_id": session.session_id,
        "tenant": tenant,
        "domain": domain,
        "user": user_key(tenant, session.user_id or session.session_id),
        "sample": sample,
    }
    request = f"recorded:{domain}"
    events: list[SessionEvent] = [
        TurnFinished(
            event_id=make_event_id(session.session_id, request, number, 0, tenant=tenant),
            turn=number,
            seq=0,
            at=start + timedelta(seconds=times[number - 1]),
            query=redact(session.texts[number - 1]) if session.texts else "",
            response="",
            intent=step.intent,
            topic=step.topic,
            confidence=1.0,
            label_source="recorded",
            duration_ms=0.0,
            **common,
        )
        for number, step in enumerate(map(parse_step, session.labels), start=1)
    ]
    end = SessionCompleted(
        event_id=make_event_id(session.session_id, request, 0, 0, tenant=tenant),
        turn=0,
        seq=0,
        at=start + timedelta(seconds=times[-1]),
        reason="recorded",
        outcome=OUTCOMES[session.success],
        turns=len(session.labels),
        **common,
    )
    return [*events, end]


def recorded_sessions(rows: Iterable[RecordedSession], *, tenant: str = "local") -> Sessions:
    """Return recorded sessions as columns, straight from their log: no lake, no redaction, no limit.

    For measuring. Users become keys; a session without a user is a user of its own. Sessions stand in
    the order of the log, labels are numbered in alphabetical order.
    """
    keys: dict[str, str] = {}
    sessions = make_sessions(_row(row, tenant, keys) for row in rows)
    ends = sessions.times[sessions.offsets[1:] - 1]
    return replace(sessions, first_told=np.where(sessions.outcomes == UNKNOWN, 0.0, ends))


def _row(row: RecordedSession, tenant: str, keys: dict[str, str]) -> SessionRow:
    name = row.user_id or row.session_id
    user = keys.get(name) or keys.setdefault(name, user_key(tenant, name))
    start = EPOCH.timestamp() if row.start is None else row.start
    times = row.times or [number * STEP_S for number in range(len(row.labels))]
    return SessionRow(
        row.session_id,
        user,
        row.labels,
        [start + at for at in times],
        CODES[OUTCOMES[row.success]],
        row.texts,
    )


# --- sample sessions -------------------------------------------------------------------------------


def sample_sessions(
    flows: Sequence[SampleFlow], *, count: int, users: int, seed: int, start: datetime
) -> Iterator[RecordedSession]:
    """Draw sessions from hand-written flows; the same arguments give the same sessions.

    Each user has flows they come for more often; some steps are left out, repeated or foreign.
    """
    rng = random.Random(seed)
    taste = [[flow.weight * rng.choice((0.5, 1, 1, 3)) for flow in flows] for _ in range(users)]
    at = start
    for number in range(count):
        user = rng.randrange(users)
        [flow] = rng.choices(flows, taste[user])
        at += timedelta(seconds=rng.expovariate(1 / 1800))
        steps = _wander(flow, flows, rng)
        yield RecordedSession(
            session_id=f"sample-{hashlib.sha256(f'{seed}:{number}'.encode()).hexdigest()[:16]}",
            user_id=f"operator-{user:03d}",
            labels=[step.step for step in steps],
            texts=[rng.choice(step.asks) for step in steps],
            times=_times(len(steps), flow.step_s, rng),
            start=at.timestamp(),
            success=rng.random() < flow.solved_rate,
        )


def _wander(flow: SampleFlow, flows: Sequence[SampleFlow], rng: random.Random) -> list[SampleStep]:
    """Follow a flow as people do: not quite."""
    steps: list[SampleStep] = []
    for step in flow.steps:
        if rng.random() >= NOISE:
            steps.append(step)
            continue
        kind = rng.choice(("skip", "repeat", "foreign"))
        if kind == "repeat":
            steps += [step, step]
        elif kind == "foreign":
            steps += [rng.choice(rng.choice(flows).steps), step]
    return steps or [flow.steps[0]]


def _times(count: int, step_s: float, rng: random.Random) -> list[float]:
    times = [0.0]
    for _ in range(count - 1):
        times.append(round(times[-1] + rng.expovariate(1 / step_s), 1))
    return times
