"""The pattern index as flat sorted arrays: mapped from disk, shared by processes, immutable."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory.errors import AgentError, StorageFailed
from memory.ids import make_pattern_id
from memory.ports import FlowMatch
from memory.records import Pattern, Release, Suggestion

Column = NDArray[Any]

FORMAT = 2
ORDER = 4
"""Longest context (steps) that is looked up."""

START = 0
"""Stands before the first step of a session in a context; labels count from 1 there."""

RISK_PRIOR = 4.0
"""Sessions that the failure rate of a shorter context counts for, in that of a longer one."""

CURVES = 3
"""Suggestions that have a calibration of their own; as many as a turn shows."""

SUREST = 1 - 1e-6
"""Chance above which, or below 1 minus it, log odds would run away."""

SMALL_BYTES = 1 << 20
"""Columns below this are read outright: a memory map costs more than it saves."""

_PRIME = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def extend_key(key: int, number: int) -> int:
    """Return the key of a context with one more step before it; contexts grow backwards."""
    mixed = ((key ^ (number + 1)) * _PRIME) & _MASK
    return mixed ^ (mixed >> 29)


EMPTY_KEY = 0x5D1B3
"""Key of the context without steps."""


class Contexts(NamedTuple):
    """What followed each context; the columns of contexts are sorted by key."""

    keys: Column
    """Key of each context (uint64)."""

    starts: Column
    """First row of each context in the columns of rows, and one past the last (int64)."""

    left: Column
    """Share of probability that goes to the next shorter context (float32)."""

    solved: Column
    """Sessions with this context that were solved (count, int32)."""

    known: Column
    """Sessions with this context and a known outcome (count, int32)."""

    labels: Column
    """Row: number of the label that followed (int32)."""

    shares: Column
    """Row: discounted probability of the label after the context (float32)."""

    counts: Column
    """Row: sessions that show the context followed by the label (count, int32)."""

    label_solved: Column
    """Row: those of them that were solved (count, int32)."""

    label_known: Column
    """Row: those of them with a known outcome (count, int32)."""


class Habits(NamedTuple):
    """What each user did after a step, sorted by key."""

    keys: Column
    starts: Column
    labels: Column
    counts: Column


class Curve(NamedTuple):
    """Turns a chance into a confidence: a logistic curve of its log odds."""

    slope: float
    shift: float


class Tuning(NamedTuple):
    """What was fitted on held-out sessions."""

    habit: float
    """Steps of the user's own that count as much as the whole population; 0 switches habits off."""

    curves: list[Curve]
    """Calibration of the first suggestion, of the second, …; the last one stands for all after it."""


class PatternIndexBroken(AgentError):
    """The files of a release are not what they should be."""

    code = "memory.pattern_index_broken"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The pattern index in `{folder}` cannot be read.", fix="Run `slipstream learn` again."
        )


class ArrayPatternIndex:
    """`PatternIndex` of one release."""

    def __init__(
        self, folder: Path, domain: str, labels: list[str], contexts: Contexts, habits: Habits, tuning: Tuning
    ) -> None:
        self._folder = folder
        self._domain = domain
        self._labels = labels
        self._numbers = {label: number for number, label in enumerate(labels)}
        self._contexts = contexts
        self._habits = habits
        self._tuning = tuning

    async def match(self, flow: Sequence[str], *, user: str | None, k: int = 3) -> FlowMatch:
        chain = self._chain(flow)
        chances = self._tilted(self._population(chain), flow, user)
        best = _best(chances, k)
        confidences = _calibrated(chances[best].tolist(), self._tuning.curves)
        suggestions = [
            self._suggestion(number, confidence, flow, chain)
            for number, confidence in zip(best.tolist(), confidences, strict=True)
        ]
        return FlowMatch([found for found in suggestions if found is not None], self._risk(chain))

    async def patterns(self, *, limit: int = 50) -> list[Pattern]:
        return self._patterns[:limit]

    def number(self, label: str) -> int:
        """Return the place of a label in `chances`; -1 when it is not known."""
        return self._numbers.get(label, -1)

    def chances(self, flow: Sequence[str], *, user: str | None = None) -> dict[str, float]:
        """Return the chance of every label after `flow`, not calibrated, for evaluation."""
        chances = self._tilted(self._population(self._chain(flow)), flow, user)
        return dict(zip(self._labels, chances.tolist(), strict=True))

    @cached_property
    def _patterns(self) -> list[Pattern]:
        """Read when first asked for: no turn needs them."""
        try:
            lines = (self._folder / "patterns.jsonl").read_bytes().splitlines()
            return [Pattern.model_validate_json(line) for line in lines]
        except (OSError, ValueError):
            raise PatternIndexBroken(self._folder) from None

    def _chain(self, flow: Sequence[str]) -> list[tuple[int, int]]:
        """Return (row, length) of the known contexts that end the flow, shortest first."""
        keys = self._contexts.keys
        found: list[tuple[int, int]] = []
        key = EMPTY_KEY
        recent = [self._numbers.get(label, -2) + 1 for label in flow[-ORDER:]]
        steps = [*recent[::-1], START] if len(flow) < ORDER else recent[::-1]
        for length, number in enumerate([None, *steps]):
            if number is not None:
                if number < 0:
                    break
                key = extend_key(key, number)
            row = int(np.searchsorted(keys, np.uint64(key)))
            if row == len(keys) or int(keys[row]) != key:
                break
            found.append((row, length))
        return found

    def _population(self, chain: list[tuple[int, int]]) -> NDArray[np.float64]:
        """Interpolate from the longest context down; what is left at the end is spread evenly.

        Without labels, which is how a log of few users looks to others, there is nothing to spread it on.
        """
        contexts = self._contexts
        chances: NDArray[np.float64] = np.zeros(len(self._labels))
        mass = 1.0
        for row, _ in reversed(chain):
            start, end = int(contexts.starts[row]), int(contexts.starts[row + 1])
            chances[contexts.labels[start:end]] += mass * contexts.shares[start:end]
            mass *= float(contexts.left[row])
        return chances + mass / max(len(self._labels), 1)

    def _tilted(
        self, chances: NDArray[np.float64], flow: Sequence[str], user: str | None
    ) -> NDArray[np.float64]:
        """Mix in the user's own habits after the last step, by how much is known of them."""
        if user is None or not self._tuning.habit:
            return chances
        last = self._numbers.get(flow[-1], -2) if flow else -1
        key = np.uint64(habit_key(user, last))
        row = int(np.searchsorted(self._habits.keys, key))
        if row == len(self._habits.keys) or self._habits.keys[row] != key:
            return chances
        start, end = int(self._habits.starts[row]), int(self._habits.starts[row + 1])
        counts = self._habits.counts[start:end]
        share = counts.sum() / (counts.sum() + self._tuning.habit)
        tilted: NDArray[np.float64] = chances * (1 - share)
        tilted[self._habits.labels[start:end]] += share * counts / counts.sum()
        return tilted

    def _suggestion(
        self, label: int, confidence: float, flow: Sequence[str], chain: list[tuple[int, int]]
    ) -> Suggestion | None:
        """Name the longest context that the label was seen after; `None` when it never was."""
        contexts = self._contexts
        for row, length in reversed(chain):
            start, end = int(contexts.starts[row]), int(contexts.starts[row + 1])
            place = np.flatnonzero(contexts.labels[start:end] == label)
            if not len(place):
                continue
            at = start + int(place[0])
            steps = list(flow[len(flow) - min(length, len(flow)) :]) if length else []
            known = int(contexts.label_known[at])
            return Suggestion(
                label=self._labels[label],
                confidence=int(confidence * 10_000) / 10_000,  # rounded down: the sum stays at most 1
                pattern_id=make_pattern_id(self._domain, "sequence", [*steps, self._labels[label]]),
                support=int(contexts.counts[at]),
                success_rate=round(int(contexts.label_solved[at]) / known, 3) if known else None,
                why=" > ".join(steps),
            )
        return None

    def _risk(self, chain: list[tuple[int, int]]) -> float | None:
        """Estimate the failure rate from the shortest context to the longest, each a prior for the next."""
        rate: float | None = None
        for row, _ in chain:
            known = int(self._contexts.known[row])
            if not known:
                continue
            failed = known - int(self._contexts.solved[row])
            rate = failed / known if rate is None else (failed + RISK_PRIOR * rate) / (known + RISK_PRIOR)
        return rate


def _best(chances: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    """Return the places of the `k` largest chances, largest first, equal ones in order; none of 0."""
    least = np.partition(chances, -k)[-k] if k < len(chances) else 0.0
    found = np.flatnonzero((chances >= least) & (chances > 0))
    best: NDArray[np.intp] = found[np.argsort(-chances[found], kind="stable")[:k]]
    return best


def _calibrated(chances: Sequence[float], curves: Sequence[Curve]) -> list[float]:
    """Turn chances, largest first, into confidences that fall and add up to at most 1."""
    found: list[float] = []
    most, left = 1.0, 1.0
    for place, chance in enumerate(chances):
        curve = curves[min(place, len(curves) - 1)]
        bounded = min(max(chance, 1 - SUREST), SUREST)
        log_odds = curve.slope * math.log(bounded / (1 - bounded)) + curve.shift
        most = min(most, left, (1 + math.tanh(log_odds / 2)) / 2)
        left -= most
        found.append(most)
    return found


def habit_key(user: str, label: int) -> int:
    """Return the key of what `user` (a user key) does after a label; -1 stands for the start."""
    seed = int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), "big")
    return extend_key(seed, label + 1)


def write_index(
    folder: Path,
    *,
    domain: str,
    labels: list[str],
    contexts: Contexts,
    habits: Habits,
    tuning: Tuning,
    patterns: Sequence[Pattern],
    release: Release | None = None,
) -> None:
    """Write a release's index beside and rename it: the folder is whole or absent.

    `release` goes into the folder as `release.json`, so that a folder copied elsewhere says what it is.

    Raises:
        StorageFailed: the disk is full or refuses.
    """
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    about = {"format": FORMAT, "domain": domain, "labels": labels, "tuning": tuning._asdict()}
    try:
        beside.mkdir(parents=True)
        _write_files(beside, about, contexts, habits, patterns)
        if release is not None:
            (beside / "release.json").write_text(release.model_dump_json(indent=2), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None


def _write_files(
    folder: Path, about: dict[str, Any], contexts: Contexts, habits: Habits, patterns: Sequence[Pattern]
) -> None:
    for prefix, columns in (("context", contexts), ("habit", habits)):
        for name, column in columns._asdict().items():
            np.save(folder / f"{prefix}-{name}.npy", column)
    lines = "".join(f"{pattern.model_dump_json()}\n" for pattern in patterns)
    (folder / "patterns.jsonl").write_text(lines, encoding="utf-8")
    (folder / "index.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def open_pattern_index(folder: Path) -> ArrayPatternIndex:
    """Map an index into memory.

    Raises:
        PatternIndexBroken: a file is missing or damaged.
    """
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise PatternIndexBroken(folder)
        contexts = Contexts(*(_map(folder / f"context-{name}.npy") for name in Contexts._fields))
        habits = Habits(*(_map(folder / f"habit-{name}.npy") for name in Habits._fields))
        tuning = Tuning(about["tuning"]["habit"], [Curve(*curve) for curve in about["tuning"]["curves"]])
        return ArrayPatternIndex(folder, about["domain"], about["labels"], contexts, habits, tuning)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        raise PatternIndexBroken(folder) from None


def _map(file: Path) -> Column:
    is_small = file.stat().st_size < SMALL_BYTES
    column: Column = np.load(file, mmap_mode=None if is_small else "r", allow_pickle=False)
    return column
