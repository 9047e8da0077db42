"""The pattern index as flat arrays: mapped from disk, shared by processes, immutable."""

import json
import math
import os
import shutil
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory.clues import Layout, find_clues, layout
from memory.contexts import (
    Contexts,
    Link,
    failure_rate,
    find_chain,
    find_evidence,
    interpolate,
    popularity,
)
from memory.errors import AgentError, StorageFailed
from memory.histories import Histories, history_of
from memory.ids import make_pattern_id
from memory.network import Forecast, Network, forecast, word_numbers
from memory.ports import FlowMatch
from memory.records import Pattern, Release, Suggestion
from memory.text import word_keys

Column = NDArray[Any]
Chances = NDArray[np.float64]

FORMAT = 4

SUREST = 1 - 1e-6
"""Chance above which, or below 1 minus it, log odds would run away."""

LEAST = 1e-7
"""Chance below which none is taken to be when chances are multiplied."""

TEXTS = 6
"""Last texts that are looked at; clues go no further back."""

SMALL_BYTES = 1 << 20
"""Columns below this are read outright: a memory map costs more than it saves."""


class Curve(NamedTuple):
    """Turns a chance into a confidence: log odds into log odds, straight from point to point and beyond."""

    said: Sequence[float]
    """Log odds of the chance, at least two, rising."""

    meant: Sequence[float]
    """What each of them is worth."""


class Risk(NamedTuple):
    """Turns what network and contexts say of failure into one chance: weights of their log odds."""

    network: float
    contexts: float
    shift: float


class Tuning(NamedTuple):
    """What was fitted on held-out sessions."""

    share: float
    """Weight (0 to 1) of the network against the contexts in the geometric mean of their chances."""

    curves: list[Curve]
    """Calibration of the first suggestion, of the second, …; the last one stands for all after it."""

    risk: Risk


class Model(NamedTuple):
    """What a release knows of next steps."""

    labels: list[str]
    contexts: Contexts
    histories: Histories
    network: Network | None
    """`None` where there was too little to train on."""

    network_labels: Column
    """Number of the label that each output of the network stands for (int32)."""

    tuning: Tuning


class Flow(NamedTuple):
    """A session so far, in the numbers of a model."""

    steps: list[int]
    """Numbers of labels from 1, oldest first; below 0 for an unknown one."""

    texts: list[list[int]]
    """Known words said at each step, as many as `steps`, or none at all."""

    times: Sequence[float]
    user: str | None


class PatternIndexBroken(AgentError):
    """The files of a release are not what they should be."""

    code = "memory.pattern_index_broken"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The pattern index in `{folder}` cannot be read.", fix="Run `slipstream learn` again."
        )


class ArrayPatternIndex:
    """`PatternIndex` of one release."""

    def __init__(self, folder: Path, domain: str, model: Model) -> None:
        self._folder = folder
        self._domain = domain
        self._model = model
        self._numbers = {label: number for number, label in enumerate(model.labels, 1)}
        network = model.network
        self._layout = layout(len(model.network_labels), len(network.words)) if network else None
        self._outputs = {int(number) + 1: n for n, number in enumerate(model.network_labels, 1)}
        self._popular = popularity(model.contexts, len(model.labels))
        self._is_same = len(self._outputs) == len(model.labels)

    async def match(
        self,
        flow: Sequence[str],
        *,
        user: str | None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
        k: int = 3,
    ) -> FlowMatch:
        so_far = self._flow(flow, user, texts, times)
        chain = find_chain(self._model.contexts, so_far.steps)
        said = self._forecast(so_far)
        chances = self._chances(chain, said)
        best = _best(chances, k)
        confidences = _calibrated(chances[best].tolist(), self._model.tuning.curves)
        suggestions = [
            self._suggestion(number, confidence, flow, chain)
            for number, confidence in zip(best, confidences, strict=True)
        ]
        return FlowMatch([found for found in suggestions if found is not None], self._risk(chain, said))

    async def patterns(self, *, limit: int = 50) -> list[Pattern]:
        return self._patterns[:limit]

    def chances(
        self,
        flow: Sequence[str],
        *,
        user: str | None = None,
        texts: Sequence[str] = (),
        times: Sequence[float] = (),
    ) -> dict[str, float]:
        """Return the chance of every label after `flow`, not calibrated, for evaluation."""
        so_far = self._flow(flow, user, texts, times)
        chain = find_chain(self._model.contexts, so_far.steps)
        found = self._chances(chain, self._forecast(so_far))
        return dict(zip(self._model.labels, found.tolist(), strict=True))

    @cached_property
    def _patterns(self) -> list[Pattern]:
        """Read when first asked for: no turn needs them."""
        try:
            lines = (self._folder / "patterns.jsonl").read_bytes().splitlines()
            return [Pattern.model_validate_json(line) for line in lines]
        except (OSError, ValueError):
            raise PatternIndexBroken(self._folder) from None

    def _flow(
        self, flow: Sequence[str], user: str | None, texts: Sequence[str], times: Sequence[float]
    ) -> Flow:
        """Look labels and words up; texts are those of the last steps."""
        steps = [self._numbers.get(label, -1) for label in flow]
        network = self._model.network
        if network is None or not texts or not len(network.words):
            return Flow(steps, [], times, user)
        # without texts of all steps the first one is not the session's opening
        kept = texts[-len(steps) :]
        skipped = len(steps) - len(kept)
        near = [word_numbers(network, word_keys(text)) for text in kept[-TEXTS:]]
        far: list[list[int]] = [[] for _ in range(skipped + len(kept) - len(near))]
        if far and not skipped:
            far[0] = word_numbers(network, word_keys(kept[0]))
        return Flow(steps, [*far, *near], times, user)

    def _forecast(self, flow: Flow) -> Forecast | None:
        """Ask the network, which needs a step to go by."""
        network, where = self._model.network, self._layout
        if network is None or where is None or not flow.steps:
            return None
        history = self._outputs_of(history_of(self._model.histories, flow.user), where)
        steps = self._outputs_of(flow.steps, where)
        return forecast(network, find_clues(steps, flow.texts, flow.times, history, where))

    def _outputs_of(self, steps: list[int], where: Layout) -> list[int]:
        """Return steps in the numbers of the network, which may know fewer labels than the contexts."""
        unknown = where.steps - 1
        return [self._outputs.get(step, unknown) if step else 0 for step in steps]

    def _chances(self, chain: Sequence[Link], said: Forecast | None) -> Chances:
        """Mix what contexts and network say; what the network cannot name is left to the contexts."""
        counted = interpolate(self._model.contexts, chain, self._popular)
        if said is None:
            return counted
        if self._is_same:
            return mixed(counted, said.scores, self._model.tuning.share)
        part = self._model.network_labels
        learned = np.log(np.maximum(counted, LEAST))
        among = said.scores - said.scores.max()
        learned[part] = among - np.log(np.exp(among).sum()) + np.log(max(counted[part].sum(), LEAST))
        return mixed(counted, learned, self._model.tuning.share)

    def _risk(self, chain: Sequence[Link], said: Forecast | None) -> float | None:
        """Estimate how likely the session ends unsolved; `None` while no outcome is known."""
        rate = failure_rate(self._model.contexts, chain)
        if rate is None or said is None:
            return rate
        risk = self._model.tuning.risk
        odds = risk.network * log_odds(said.failure) + risk.contexts * log_odds(rate) + risk.shift
        return logistic(odds)

    def _suggestion(
        self, label: int, confidence: float, flow: Sequence[str], chain: Sequence[Link]
    ) -> Suggestion | None:
        """Name the longest context that the label was seen after; `None` when it never was."""
        found = find_evidence(self._model.contexts, chain, label)
        if found is None:
            return None
        steps = list(flow[len(flow) - min(found.length, len(flow)) :]) if found.length else []
        name = self._model.labels[label]
        return Suggestion(
            label=name,
            confidence=int(confidence * 10_000) / 10_000,  # rounded down: the sum stays at most 1
            pattern_id=make_pattern_id(self._domain, "sequence", [*steps, name]),
            support=found.sessions,
            success_rate=round(found.solved / found.known, 3) if found.known else None,
            why=" > ".join(steps),
        )


def mixed(counted: Chances, scores: NDArray[Any], share: float) -> Chances:
    """Return the weighted geometric mean of chances and of scores (log chances), one row or many (…, L)."""
    odds = (1 - share) * np.log(np.maximum(counted, LEAST)) + share * scores
    chances: Chances = np.exp(odds - odds.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    return chances


def log_odds(chance: float) -> float:
    """Return the log odds of a chance that is not quite sure."""
    bounded = min(max(chance, 1 - SUREST), SUREST)
    return math.log(bounded / (1 - bounded))


def logistic(odds: float) -> float:
    """Return the chance of log odds."""
    return (1 + math.tanh(odds / 2)) / 2


def _best(chances: Chances, k: int) -> list[int]:
    """Return the places of the `k` largest chances, largest first, equal ones in order; none of 0."""
    left = chances.copy()
    found: list[int] = []
    while len(found) < min(k, len(left)):
        place = int(left.argmax())
        if left[place] <= 0:
            break
        found.append(place)
        left[place] = 0.0
    return found


def _calibrated(chances: Sequence[float], curves: Sequence[Curve]) -> list[float]:
    """Turn chances, largest first, into confidences that fall and add up to at most 1."""
    found: list[float] = []
    most, left = 1.0, 1.0
    for place, chance in enumerate(chances):
        curve = curves[min(place, len(curves) - 1)]
        most = min(most, left, logistic(_worth(curve, log_odds(chance))))
        left -= most
        found.append(most)
    return found


def _worth(curve: Curve, odds: float) -> float:
    said, meant = curve
    after = min(max(bisect_left(said, odds), 1), len(said) - 1)
    begin, low = said[after - 1], meant[after - 1]
    return low + (odds - begin) * (meant[after] - low) / (said[after] - begin)


# --- files -----------------------------------------------------------------------------------------


def write_index(
    folder: Path, *, domain: str, model: Model, patterns: Sequence[Pattern], release: Release | None = None
) -> None:
    """Write a release's index beside and rename it: the folder is whole or absent.

    `release` goes into the folder as `release.json`, so that a folder copied elsewhere says what it is.

    Raises:
        StorageFailed: the disk is full or refuses.
    """
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        _write_files(beside, domain, model, patterns)
        if release is not None:
            (beside / "release.json").write_text(release.model_dump_json(indent=2), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None


def _write_files(folder: Path, domain: str, model: Model, patterns: Sequence[Pattern]) -> None:
    for name, columns in _tables(model):
        for column, values in columns:
            np.save(folder / f"{name}-{column}.npy", values)
    lines = "".join(f"{pattern.model_dump_json()}\n" for pattern in patterns)
    (folder / "patterns.jsonl").write_text(lines, encoding="utf-8")
    about = {
        "format": FORMAT,
        "domain": domain,
        "labels": model.labels,
        "tuning": model.tuning._asdict(),
        "has_network": model.network is not None,
    }
    (folder / "index.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def _tables(model: Model) -> list[tuple[str, list[tuple[str, Column]]]]:
    """Return the columns of a model by the name of their table."""
    tables = [
        ("context", list(model.contexts._asdict().items())),
        ("history", list(model.histories._asdict().items())),
    ]
    if model.network is not None:
        columns = {**model.network._asdict(), "labels": model.network_labels}
        tables.append(("network", list(columns.items())))
    return tables


def open_pattern_index(folder: Path) -> ArrayPatternIndex:
    """Map an index into memory.

    Raises:
        PatternIndexBroken: a file is missing or damaged.
    """
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise PatternIndexBroken(folder)
        return ArrayPatternIndex(folder, about["domain"], _read_model(folder, about))
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        raise PatternIndexBroken(folder) from None


def _read_model(folder: Path, about: dict[str, Any]) -> Model:
    def table(name: str, fields: Sequence[str]) -> list[Column]:
        return [_map(folder / f"{name}-{field}.npy") for field in fields]

    tuning = about["tuning"]
    network = Network(*table("network", Network._fields)) if about["has_network"] else None
    return Model(
        labels=about["labels"],
        contexts=Contexts(*table("context", Contexts._fields)),
        histories=Histories(*table("history", Histories._fields)),
        network=network,
        network_labels=table("network", ["labels"])[0] if network else np.zeros(0, np.int32),
        tuning=Tuning(tuning["share"], [Curve(*curve) for curve in tuning["curves"]], Risk(*tuning["risk"])),
    )


def _map(file: Path) -> Column:
    is_small = file.stat().st_size < SMALL_BYTES
    column: Column = np.load(file, mmap_mode=None if is_small else "r", allow_pickle=False)
    return column.view(np.ndarray)  # reading through `memmap` itself costs several times as much
