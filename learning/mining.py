"""Frequent patterns of sessions with their figures, counted by compiled loops over numbers of labels.

Two passes: the first finds what is frequent and counts nothing else, the second adds users, outcomes and
times to what was found.
"""

from typing import NamedTuple

import numpy as np

from learning.figures import MICROSECONDS, Figures, Floats, Kind, measure
from learning.gapped import count_gapped
from learning.runs import count_runs
from learning.sessions import Sessions
from learning.trie import Ints, Numbers, Trie, sequences


class Mined(NamedTuple):
    """Frequent patterns as columns, short ones first, those of one length in the order of their labels."""

    steps: Numbers
    """Numbers of labels, one pattern after the other."""

    offsets: Ints
    """Pattern `n` has the steps `offsets[n]` to `offsets[n + 1]`."""

    sessions: Ints
    """Sessions that show it (count), each once."""

    users: Ints
    """Distinct users among them (count)."""

    solved: Ints
    """Solved sessions among them (count)."""

    known: Ints
    """Sessions among them with a known outcome (count)."""

    seconds: Floats
    """Mean time from first to last step, where the pattern stands earliest in a session (seconds)."""

    first_seen: Floats
    """Earliest time of a first step (Unix seconds)."""

    last_seen: Floats
    """Latest time of a last step (Unix seconds)."""


def contiguous(sessions: Sessions, *, longest: int, min_sessions: int, min_users: int = 1) -> Mined:
    """Return the runs of 2 to `longest` neighbouring steps that enough sessions and users show."""
    trie = find("contiguous", sessions, longest=longest, min_sessions=min_sessions)
    return finish(trie, measure(sessions, "contiguous", trie), min_sessions, min_users)


def gapped(sessions: Sessions, *, longest: int, min_sessions: int, min_users: int = 1) -> Mined:
    """Return the sequences of 2 to `longest` steps, gaps or not, that enough sessions and users show."""
    trie = find("gapped", sessions, longest=longest, min_sessions=min_sessions)
    return finish(trie, measure(sessions, "gapped", trie), min_sessions, min_users)


def find(kind: Kind, sessions: Sessions, *, longest: int, min_sessions: int) -> Trie:
    """Return the patterns of up to `longest` steps in at least `min_sessions` sessions, and in one.

    Raises:
        TooManyPatterns: there are more than memory holds; a long session shows millions of them.
    """
    count = count_runs if kind == "contiguous" else count_gapped
    found = count(
        sessions.steps,
        sessions.offsets,
        len(sessions.labels),
        longest=longest,
        min_sessions=max(min_sessions, 1),
    )
    return found.trie


def finish(trie: Trie, figures: Figures, min_sessions: int, min_users: int) -> Mined:
    """Return the patterns of a trie with their figures, without those of too few sessions or users."""
    steps, offsets = sequences(trie)
    is_kept = (figures.sessions >= max(min_sessions, 1)) & (figures.users >= min_users)
    is_kept[: trie.levels[2]] = False  # single steps
    own = figures.of(is_kept)
    lengths = np.diff(offsets)
    is_kept = is_kept[trie.levels[2] :]
    return Mined(
        steps=steps[np.repeat(is_kept, lengths)],
        offsets=np.concatenate([[0], np.cumsum(lengths[is_kept])]).astype(np.int64),
        sessions=own.sessions,
        users=own.users,
        solved=own.solved,
        known=own.known,
        seconds=own.micros / MICROSECONDS / own.sessions,
        first_seen=own.first_seen,
        last_seen=own.last_seen,
    )
