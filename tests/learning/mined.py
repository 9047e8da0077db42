"""Logs drawn at random for tests of mining, and a slow miner that is plainly right."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from learning.mining import Mined
from learning.sessions import ESCALATED, SOLVED, UNKNOWN, UNSOLVED, SessionRow, Sessions, make_sessions

Figures = tuple[int, int, int, int, float, float, float]
"""Sessions, users, solved, known, mean seconds, first seen, last seen."""


def drawn_log(count: int, *, seed: int, labels: int = 20, steps: int = 8) -> Sessions:
    """Return sessions of popular and rare labels, of users who come once or often."""
    rng = np.random.default_rng(seed)
    names = [f"label-{number:05}" for number in range(labels)]
    chance = 1 / np.arange(1, labels + 1)
    rows = []
    for number in range(count):
        length = int(rng.poisson(steps))
        times = 1.7e9 + number * 3_600 + np.sort(rng.uniform(0, 3_000, length)).round(6)
        rows.append(
            SessionRow(
                f"session-{number}",
                f"user-{int(rng.exponential(40))}",
                [names[n] for n in rng.choice(labels, length, p=chance / chance.sum())],
                times.tolist(),
                int(rng.choice([SOLVED, UNSOLVED, ESCALATED, UNKNOWN])),
            )
        )
    return make_sessions(rows)


def read(found: Mined, labels: Sequence[str]) -> dict[tuple[str, ...], Figures]:
    """Return what was mined by labels, in the order it came in."""
    bounds = zip(found.offsets[:-1], found.offsets[1:], strict=True)
    keys = [tuple(labels[step] for step in found.steps[begin:end]) for begin, end in bounds]
    figures = zip(*(column.tolist() for column in found[2:]), strict=True)
    return dict(zip(keys, figures, strict=True))


def mine_slowly(
    rows: Sequence[SessionRow], *, with_gaps: bool, longest: int, min_sessions: int, min_users: int
) -> dict[tuple[str, ...], Figures]:
    """Count every occurrence of every pattern, one by one; the first one of a session gives its times."""
    shown: dict[tuple[str, ...], list[tuple[SessionRow, float, float]]] = {}
    for row in rows:
        places = range(len(row.labels))
        first: dict[tuple[str, ...], tuple[int, int]] = {}
        for length in range(2, longest + 1):
            for chosen in combinations(places, length):
                if with_gaps or chosen[-1] - chosen[0] == length - 1:
                    pattern = tuple(row.labels[place] for place in chosen)
                    found = (chosen[-1], chosen[0])
                    first[pattern] = min(found, first.get(pattern, found))
        for pattern, (end, begin) in first.items():
            shown.setdefault(pattern, []).append((row, row.times[begin], row.times[end]))
    all_figures = {pattern: _figures(found) for pattern, found in shown.items()}
    return {
        pattern: figures
        for pattern, figures in sorted(all_figures.items(), key=lambda item: (len(item[0]), item[0]))
        if figures[0] >= min_sessions and figures[1] >= min_users
    }


def _figures(found: Sequence[tuple[SessionRow, float, float]]) -> Figures:
    micros = sum(round((last - first) * 1e6) for _, first, last in found)
    return (
        len(found),
        len({row.user for row, _, _ in found}),
        sum(row.outcome == SOLVED for row, _, _ in found),
        sum(row.outcome != UNKNOWN for row, _, _ in found),
        micros / 1e6 / len(found),
        min(first for _, first, _ in found),
        max(last for _, _, last in found),
    )
