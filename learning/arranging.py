"""Sessions from gathered events: which turns belong together, what they are, how they ended."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from learning.gathering import COMPLETION, FEEDBACK, HANDOVER, STEP
from learning.numbering import distinct, number
from learning.sessions import ESCALATED, UNKNOWN, UNSOLVED, Sessions, sort_labels, spread
from learning.trust import AHEAD_S

STEPS_AT_MOST = 2_000
"""Steps of one session that are looked at; what is longer is a machine, and its tail adds nothing."""

SILENCE_S = 6 * 3600.0
"""Silence (seconds) after which the same session id is another session: longer than any meeting or lunch,
shorter than a night. Who comes back the next morning comes anew; midnight itself parts nothing. A recorded
log says itself where its sessions end."""

QUESTION_WORDS = 3
"""Words (count) that make a question worth comparing: "yes" comes twice in the best of sessions."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Arranged(NamedTuple):
    """Sessions, and what was left out of them."""

    sessions: Sessions
    """By id; a later part of a session that fell silent has the id with `#2`, `#3`, … behind it."""

    future: int
    """Events left out because they are dated in the future (count); they count once their time has come."""

    cut: int
    """Steps beyond `STEPS_AT_MOST` of their session (count)."""

    named: int
    """Steps that a classifier named after the fact (count)."""


class _Columns(NamedTuple):
    """Gathered events as arrays, without those from the future."""

    session: NDArray[np.int32]
    user: NDArray[np.int32]
    at_us: Ints
    kind: NDArray[np.int8]
    label: NDArray[np.int32]
    recorded: Bools
    named: Bools
    failed: Bools
    outcome: NDArray[np.int8]
    word_offsets: Ints
    """Row `n` has the words from `word_offsets[n]` on; an array longer by one."""


class _Parts(NamedTuple):
    """Which part of which session each turn and each word belongs to."""

    turns: Ints
    """Rows that are turns, in order."""

    of_turn: Ints
    """Number of the part of each turn."""

    words: Ints
    """Rows in which somebody says how it ended."""

    of_word: Ints
    total: int
    """Parts (count)."""


def arrange(events: pa.Table, *, now: float) -> Arranged:
    """Return the sessions of merged events as of `now` (Unix time, seconds); one without steps is none."""
    in_time = events.column("at_us").to_numpy() <= (now + AHEAD_S) * 1e6
    future = int(np.count_nonzero(~in_time))
    table = (events.filter(pa.array(in_time)) if future else events).combine_chunks()
    rows, words = _columns(table)
    parts = _split(rows)
    is_step = (rows.kind[parts.turns] == STEP) & (rows.label[parts.turns] != _number(table, "label", "none"))
    part = parts.of_turn[is_step]
    depth = np.arange(len(part)) - np.searchsorted(part, part)
    fits = depth < STEPS_AT_MOST
    step, part = parts.turns[is_step][fits], part[fits]
    kept = distinct(part)
    first = parts.turns[np.searchsorted(parts.of_turn, kept)]
    outcomes = _outcomes(rows, parts, words)
    places, word_offsets = spread(rows.word_offsets, step)
    users, user_keys = _owners(rows.user[first], _whole(table, "user").dictionary)
    found, steps = number(rows.label[step].astype(np.int64))
    sessions = Sessions(
        ids=_ids(rows, parts, kept, table),
        labels=_whole(table, "label").dictionary.take(pa.array(found)).to_pylist(),
        steps=steps.astype(np.int32),
        times=rows.at_us[step] / 1e6,
        offsets=np.append(np.searchsorted(part, kept), len(part)).astype(np.int64),
        users=users,
        user_keys=user_keys,
        outcomes=outcomes.last[kept],
        words=words[places],
        word_offsets=word_offsets,
        first_outcomes=outcomes.first[kept],
        first_told=outcomes.first_told[kept],
    )
    named = int(np.count_nonzero(rows.named[step]))
    return Arranged(sort_labels(sessions), future, int(np.count_nonzero(~fits)), named)


def _columns(table: pa.Table) -> tuple[_Columns, NDArray[np.uint32]]:
    """Return the rows as arrays, and the words of all rows one after the other."""

    def plain(name: str) -> NDArray[np.generic]:
        column = _whole(table, name)
        if pa.types.is_dictionary(column.type):
            column = column.indices
        values: NDArray[np.generic] = column.to_numpy(zero_copy_only=False)
        return values

    lists = _whole(table, "words")
    columns = {name: plain(name) for name in _Columns._fields if name != "word_offsets"}
    offsets = lists.offsets.to_numpy().astype(np.int64)
    return _Columns(**columns, word_offsets=offsets), lists.values.to_numpy()  # type: ignore[arg-type]


def _whole(table: pa.Table, name: str) -> pa.Array:
    """Return a column as one array."""
    column = table.column(name).combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def _number(table: pa.Table, column: str, name: str) -> int:
    """Return the number of a name in a column; -1 when it is not there."""
    found = _whole(table, column).dictionary.index(name).as_py()
    return int(found)


def _owners(users: NDArray[np.int32], keys: pa.Array) -> tuple[NDArray[np.int32], list[str]]:
    """Number the owners of sessions in the order in which they appear, and return their keys."""
    found, first, place = np.unique(users, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[place], keys.take(pa.array(found[order])).to_pylist()


# --- where sessions begin and end --------------------------------------------------------------------


def _split(rows: _Columns) -> _Parts:
    """Part sessions where they fell silent; a word belongs to the turns before it, or else to the first."""
    turns = np.flatnonzero(rows.kind <= HANDOVER)
    session, at_us = rows.session[turns], rows.at_us[turns]
    begins = np.ones(len(turns), bool)
    silent = (np.diff(at_us) > SILENCE_S * 1e6) & ~rows.recorded[turns][1:]
    begins[1:] = (session[1:] != session[:-1]) | silent
    of_turn = np.cumsum(begins) - 1
    words = np.flatnonzero(rows.kind >= FEEDBACK)
    if not len(turns):
        return _Parts(turns, of_turn, words[:0], words[:0], 0)
    before = np.searchsorted(turns, words) - 1
    is_after = (before >= 0) & (session[before] == rows.session[words])
    nearest = np.where(is_after, before, np.minimum(before + 1, len(turns) - 1))
    belongs = session[nearest] == rows.session[words]
    return _Parts(turns, of_turn, words[belongs], of_turn[nearest[belongs]], int(of_turn[-1]) + 1)


def _ids(rows: _Columns, parts: _Parts, kept: Ints, table: pa.Table) -> list[str]:
    """Return the ids of the parts that are kept."""
    first = np.searchsorted(parts.of_turn, np.arange(parts.total))
    session = rows.session[parts.turns[first]]
    is_new = np.ones(parts.total, bool)
    is_new[1:] = session[1:] != session[:-1]
    later = np.arange(parts.total) - np.maximum.accumulate(np.where(is_new, np.arange(parts.total), 0))
    names = _whole(table, "session").dictionary.take(pa.array(session[kept])).to_pylist()
    return [f"{name}#{n + 1}" if n else name for name, n in zip(names, later[kept].tolist(), strict=True)]


# --- how they ended ----------------------------------------------------------------------------------


class _Outcomes(NamedTuple):
    """How parts ended, one each."""

    last: NDArray[np.int8]
    first: NDArray[np.int8]
    """Before anything was told anew."""

    first_told: NDArray[np.float64]
    """When that was told (Unix seconds); 0 where the turns themselves say it."""


def _outcomes(rows: _Columns, parts: _Parts, words: NDArray[np.uint32]) -> _Outcomes:
    """Return how each part ended.

    What weighs more comes first:

    1. the user's own last word: `resolved`, else a rating of 4 or 5 (solved), of 1 or 2 (unsolved);
    2. the last completion that says how it ended: a client's, or that of a recorded log;
    3. a turn that handed over to a person: escalated;
    4. a last answer that was refused, canned, or broke an exact rule (an invented figure, a citation of
       nothing): unsolved; one that was followed by another answer is overcome and says nothing. What a
       judge thinks of an answer counts for nothing here;
    5. a last question that the user had asked before in the same words: unsolved, since the first answer
       did not help;
    6. else unknown: silence is neither.
    """
    last = np.full(parts.total, UNKNOWN, np.int8)
    kinds = rows.kind[parts.turns]
    step, part = parts.turns[kinds == STEP], parts.of_turn[kinds == STEP]
    is_last = np.ones(len(part), bool)
    is_last[:-1] = part[1:] != part[:-1]
    fails = rows.failed[step] | _is_repeated(rows, step, part, words)
    last[part[is_last & fails]] = UNSOLVED
    last[parts.of_turn[kinds == HANDOVER]] = ESCALATED
    by_time = np.argsort(rows.at_us[parts.words], kind="stable")
    row, of_row = parts.words[by_time], parts.of_word[by_time]
    first, first_told = last.copy(), np.zeros(parts.total)
    told, earliest = np.unique(of_row, return_index=True)
    silent = first[told] == UNKNOWN
    first[told[silent]] = rows.outcome[row[earliest[silent]]]
    first_told[told[silent]] = rows.at_us[row[earliest[silent]]] / 1e6
    for kind in (COMPLETION, FEEDBACK):
        of_kind = rows.kind[row] == kind
        last[of_row[of_kind]] = rows.outcome[row[of_kind]]  # of several the last stands
    return _Outcomes(last, first, first_told)


def _is_repeated(rows: _Columns, step: Ints, part: Ints, words: NDArray[np.uint32]) -> Bools:
    """True for steps whose question stands more than once in their part; not told of recorded logs."""
    enough = np.diff(rows.word_offsets)[step] >= QUESTION_WORDS
    asked = np.flatnonzero(enough & ~rows.recorded[step])
    places, offsets = spread(rows.word_offsets, step[asked])
    question = _digests(words[places], offsets)
    order = np.lexsort((question, part[asked]))
    same = (question[order][1:] == question[order][:-1]) & (np.diff(part[asked][order]) == 0)
    repeated = np.zeros(len(step), bool)
    repeated[asked[order[1:][same]]] = True
    repeated[asked[order[:-1][same]]] = True
    return repeated


def _digests(words: NDArray[np.uint32], offsets: Ints) -> NDArray[np.uint64]:
    """Return a number for each run of words that, but for one in 2^60, only the same words share."""
    lengths = np.diff(offsets)
    place = np.arange(len(words)) - np.repeat(offsets[:-1], lengths)
    odd = np.random.default_rng(7).integers(1, 2**62, int(lengths.max(initial=1)), np.uint64) * 2 + 1
    total = np.append(np.uint64(0), np.cumsum(words * odd[place], dtype=np.uint64))
    return total[offsets[1:]] - total[offsets[:-1]]
