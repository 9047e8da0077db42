"""Patterns that people can read: flows, neighbouring steps, steps with others in between."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learning.numbering import distinct, number
from learning.sessions import SOLVED, UNKNOWN, Sessions, moment
from memory.ids import make_pattern_id
from memory.records import Pattern, parse_step

MIN_USERS = 5
"""Distinct users from which a pattern is shown to others (k-anonymity); fewer would tell of persons."""

LONGEST = 5
"""Steps of the longest contiguous sequence."""

TOP_FLOWS = 50
"""Whole flows that are kept, the most frequent ones."""

TOP_SEQUENCES = 2_000
"""Sequences of each kind that are kept for reading, the most frequent ones."""

REACH = 4
"""Steps from the first to the last of a gapped sequence (count); further apart they have little to do
with each other."""

NONE = -1
"""No place."""

Ints = NDArray[np.int64]


class Windows(NamedTuple):
    """All runs of `length` neighbouring steps, numbered by what they are."""

    first: Ints
    """Place of the first step of each run."""

    last: Ints
    kind: Ints
    """Number of the run's sequence, one a run."""

    session: Ints
    middle: Ints | None = None
    """Place of the step between the ends of a gapped run; `NONE` where there are only two steps."""


class Spread(NamedTuple):
    """Runs with gaps, not numbered yet."""

    first: Ints
    middle: Ints
    last: Ints


def contiguous(sessions: Sessions) -> Iterator[Windows]:
    """Yield the runs of 1, 2, … `LONGEST` steps; each level counts on the one before it, one pass a level."""
    lengths = np.diff(sessions.offsets)
    session = np.repeat(np.arange(len(sessions)), lengths)
    ends = np.repeat(sessions.offsets[1:], lengths)
    place = np.arange(len(sessions.steps))
    kind = sessions.steps.astype(np.int64)
    width = max(len(sessions.labels), 1)
    for length in range(1, LONGEST + 1):
        yield Windows(place, place + length - 1, kind, session[place])
        keep = place + length < ends[place]
        place, kind = place[keep], kind[keep]
        if not len(place):
            return
        _, kind = number(kind * width + sessions.steps[place + length])


class Counted(NamedTuple):
    """Figures of each kind of run."""

    sessions: Ints
    users: Ints
    solved: Ints
    known: Ints
    seconds: NDArray[np.float64]
    """Mean time from first to last step (seconds)."""

    example: Ints
    """A run of that kind, to read its labels from."""

    latest: NDArray[np.float64]
    """Time of the last step of the newest run (Unix seconds)."""


def count(windows: Windows, sessions: Sessions) -> Counted:
    """Count sessions, users and outcomes of each kind of run; a session counts once for each kind."""
    kinds = int(windows.kind.max()) + 1 if len(windows.kind) else 0
    total = len(sessions)
    once = distinct(windows.kind * total + windows.session)
    kind, session = once // max(total, 1), once % max(total, 1)
    outcome = sessions.outcomes[session]
    people = len(sessions.user_keys)
    persons = distinct(kind * people + sessions.users[session]) // max(people, 1)
    spans = sessions.times[windows.last] - sessions.times[windows.first]
    runs = np.bincount(windows.kind, minlength=kinds)
    latest = np.zeros(kinds)
    np.maximum.at(latest, windows.kind, sessions.times[windows.last])
    example = np.zeros(kinds, np.int64)
    example[windows.kind[::-1]] = np.arange(len(windows.kind))[::-1]
    return Counted(
        sessions=np.bincount(kind, minlength=kinds),
        users=np.bincount(persons, minlength=kinds),
        solved=np.bincount(kind[outcome == SOLVED], minlength=kinds),
        known=np.bincount(kind[outcome != UNKNOWN], minlength=kinds),
        seconds=np.bincount(windows.kind, spans, minlength=kinds) / np.maximum(runs, 1),
        example=example,
        latest=latest,
    )


def find_patterns(sessions: Sessions, domain: str, *, advanced: bool) -> list[Pattern]:
    """Return the shared patterns, most frequent first; `advanced` adds gapped ones."""
    found: list[Pattern] = []
    for windows in contiguous(sessions):
        if len(windows.kind) and windows.first[0] != windows.last[0]:
            found += _read(windows, sessions, domain, "sequence")
    found += _read(_whole(sessions), sessions, domain, "flow")[:TOP_FLOWS]
    if advanced:
        found += _read(_gapped(sessions), sessions, domain, "gapped")
    return sorted(found, key=lambda pattern: (-pattern.frequency, pattern.pattern_id))


def _read(
    windows: Windows, sessions: Sessions, domain: str, kind: Literal["flow", "sequence", "gapped"]
) -> list[Pattern]:
    """Turn the most frequent kinds of run that enough users made into patterns, most frequent first."""
    if not len(windows.kind):
        return []
    counted = count(windows, sessions)
    shared = np.flatnonzero(counted.users >= MIN_USERS)
    order = shared[np.argsort(-counted.sessions[shared], kind="stable")][:TOP_SEQUENCES]
    return [_pattern(int(number), windows, counted, sessions, domain, kind) for number in order]


def _pattern(
    number: int,
    windows: Windows,
    counted: Counted,
    sessions: Sessions,
    domain: str,
    kind: Literal["flow", "sequence", "gapped"],
) -> Pattern:
    run = int(counted.example[number])
    labels = [sessions.labels[sessions.steps[place]] for place in _places(windows, run)]
    known, solved = int(counted.known[number]), int(counted.solved[number])
    return Pattern(
        pattern_id=make_pattern_id(domain, kind, labels),
        pattern_type=kind,
        sequence=[parse_step(label) for label in labels],
        frequency=int(counted.sessions[number]),
        users=int(counted.users[number]),
        success_rate=round(solved / known, 4) if known else None,
        avg_completion_time=round(float(counted.seconds[number]), 3),
        last_updated=moment(float(counted.latest[number])),
    )


def _places(windows: Windows, run: int) -> Sequence[int]:
    """Return the places of a run's steps."""
    first, last = int(windows.first[run]), int(windows.last[run])
    if windows.middle is None:
        return range(first, last + 1)
    middle = int(windows.middle[run])
    return (first, last) if middle == NONE else (first, middle, last)


def _whole(sessions: Sessions) -> Windows:
    """Return each session of two steps or more as one run."""
    lengths = np.diff(sessions.offsets)
    long = np.flatnonzero(lengths >= 2)
    kinds: dict[bytes, int] = {}
    numbers = [
        kinds.setdefault(sessions.steps[sessions.offsets[n] : sessions.offsets[n + 1]].tobytes(), len(kinds))
        for n in long
    ]
    return Windows(
        first=sessions.offsets[long],
        last=sessions.offsets[long + 1] - 1,
        kind=np.array(numbers, np.int64),
        session=long,
    )


def _gapped(sessions: Sessions) -> Windows:
    """Return all pairs and triples of different steps with others between, at most `REACH` apart."""
    gaps: list[tuple[int, ...]] = [(gap,) for gap in range(2, REACH + 1)]
    gaps += [(a, b) for a in range(1, REACH) for b in range(1, REACH + 1 - a) if a + b > 2]
    return _numbered([_spread(sessions, apart) for apart in gaps], sessions)


def _spread(sessions: Sessions, apart: tuple[int, ...]) -> Spread:
    """Return the runs whose steps lie so many steps apart, the same step never twice in one."""
    lengths = np.diff(sessions.offsets)
    first = np.flatnonzero(
        np.arange(len(sessions.steps)) + sum(apart) < np.repeat(sessions.offsets[1:], lengths)
    )
    last = first + sum(apart)
    middle = first + apart[0] if len(apart) > 1 else np.full(len(first), NONE)
    steps = sessions.steps
    different = steps[first] != steps[last]
    if len(apart) > 1:
        different &= (steps[first] != steps[middle]) & (steps[middle] != steps[last])
    return Spread(first[different], middle[different], last[different])


def _numbered(parts: Sequence[Spread], sessions: Sessions) -> Windows:
    """Number runs by the steps they show."""
    first, middle, last = (np.concatenate(column) for column in zip(*parts, strict=True))
    session = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
    width = len(sessions.labels) + 1
    label = np.append(sessions.steps.astype(np.int64) + 1, 0)  # place `NONE` is the 0 at the end
    _, kind = number((label[first] * width + label[middle]) * width + label[last])
    return Windows(first, last, kind, session[first], middle)
