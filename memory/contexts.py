"""What followed each context, the last steps of a flow, as flat sorted arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

ORDER = 4
"""Longest context (steps) that is looked up."""

START = 0
"""Stands before the first step of a session in a context; labels count from 1 there."""

RISK_PRIOR = 4.0
"""Sessions that the failure rate of a shorter context counts for, in that of a longer one."""

EMPTY_KEY = 0x5D1B3
"""Key of the context without steps."""

_PRIME = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def extend_key(key: int, number: int) -> int:
    """Return the key of a context with one more step before it; contexts grow backwards."""
    mixed = ((key ^ (number + 1)) * _PRIME) & _MASK
    return mixed ^ (mixed >> 29)


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
    """Row: number of the label that followed (int32); sorted within a context."""

    shares: Column
    """Row: discounted probability of the label after the context (float32)."""

    counts: Column
    """Row: sessions that show the context followed by the label (count, int32)."""

    label_solved: Column
    """Row: those of them that were solved (count, int32)."""

    label_known: Column
    """Row: those of them with a known outcome (count, int32)."""


class Link(NamedTuple):
    """A known context that ends the flow."""

    row: int
    length: int
    """Steps of it, the start of the session counted as one."""

    start: int
    """First row of what followed it, and one past the last."""

    end: int


class Evidence(NamedTuple):
    """What a context knows of a label that followed it."""

    length: int
    """Steps of the context."""

    sessions: int
    solved: int
    known: int


def find_chain(contexts: Contexts, steps: Sequence[int]) -> list[Link]:
    """Return the known contexts that end a flow, shortest first; the one without steps is always known.

    `steps` are numbers of labels from 1, oldest first, below 0 for an unknown one.
    """
    keys = contexts.keys
    found: list[Link] = []
    key = EMPTY_KEY
    recent = steps[-ORDER:]
    before = [*recent[::-1], START] if len(steps) < ORDER else recent[::-1]
    for length, number in enumerate([None, *before]):
        if number is not None:
            if number < 0:
                break
            key = extend_key(key, number)
        row = int(keys.searchsorted(np.uint64(key)))
        if row == len(keys) or int(keys[row]) != key:
            break
        found.append(Link(row, length, int(contexts.starts[row]), int(contexts.starts[row + 1])))
    return found


def popularity(contexts: Contexts, labels: int) -> NDArray[np.float64]:
    """Return the chance of each label (L,) after no step at all; what is left is spread evenly.

    Without labels, which is how a log of few users looks to others, there is nothing to spread it on.
    """
    row = int(contexts.keys.searchsorted(np.uint64(EMPTY_KEY)))
    chances = np.full(labels, float(contexts.left[row]) / max(labels, 1))
    start, end = int(contexts.starts[row]), int(contexts.starts[row + 1])
    chances[contexts.labels[start:end]] += contexts.shares[start:end]
    return chances


def interpolate(
    contexts: Contexts, chain: Sequence[Link], popular: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the chance of each label (L,), from the longest context down to `popular`."""
    chances = np.zeros_like(popular)
    mass = 1.0
    for row, _, start, end in chain[:0:-1]:
        chances[contexts.labels[start:end]] += mass * contexts.shares[start:end]
        mass *= float(contexts.left[row])
    chances += mass * popular
    return chances


def find_evidence(contexts: Contexts, chain: Sequence[Link], label: int) -> Evidence | None:
    """Return what the longest context that the label was seen after knows of it."""
    for _, length, start, end in reversed(chain):
        at = start + int(contexts.labels[start:end].searchsorted(np.int32(label)))
        if at < end and contexts.labels[at] == label:
            return Evidence(
                length,
                int(contexts.counts[at]),
                int(contexts.label_solved[at]),
                int(contexts.label_known[at]),
            )
    return None


def failure_rate(contexts: Contexts, chain: Sequence[Link]) -> float | None:
    """Estimate the failure rate from the shortest context to the longest, each a prior for the next."""
    rate: float | None = None
    for row, _, _, _ in chain:
        known = int(contexts.known[row])
        if not known:
            continue
        failed = known - int(contexts.solved[row])
        rate = failed / known if rate is None else (failed + RISK_PRIOR * rate) / (known + RISK_PRIOR)
    return rate
