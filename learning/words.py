"""Which words count, and their numbers: those that enough users said."""

import numpy as np
from numpy.typing import NDArray

from learning.numbering import distinct
from learning.sessions import Sessions
from learning.trust import MIN_USERS

WORDS_AT_MOST = 20_000
"""Words that are known, the most widely used ones."""

Ints = NDArray[np.int64]


def known_words(sessions: Sessions) -> NDArray[np.uint32]:
    """Return the keys of the words that at least `MIN_USERS` users said, sorted."""
    lengths = np.diff(sessions.word_offsets)
    owner = np.repeat(sessions.users, np.diff(sessions.offsets))
    speaker = np.repeat(owner, lengths).astype(np.int64)
    people = max(len(sessions.user_keys), 1)
    pairs = distinct(sessions.words.astype(np.int64) * people + speaker)
    words, users = np.unique(pairs // people, return_counts=True)
    shared = np.flatnonzero(users >= MIN_USERS)
    widest = shared[np.argsort(-users[shared], kind="stable")[:WORDS_AT_MOST]]
    return np.sort(words[widest]).astype(np.uint32)


def number_words(sessions: Sessions, words: NDArray[np.uint32]) -> tuple[NDArray[np.int32], Ints]:
    """Return the numbers of the known words of each step, one step after the other, and where each begins."""
    if not len(words):
        return np.zeros(0, np.int32), np.zeros(len(sessions.steps) + 1, np.int64)
    place = np.minimum(np.searchsorted(words, sessions.words), len(words) - 1)
    is_known = words[place] == sessions.words
    before = np.concatenate([[0], np.cumsum(is_known)])
    return place[is_known].astype(np.int32), before[sessions.word_offsets].astype(np.int64)
