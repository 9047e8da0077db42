"""What the lake tells, as small columns in order: one row an event, each event once.

Text stays out: a step keeps the numbers of its words, and only what has yet to be named keeps its
question until it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from learning.intents import Question
from learning.sessions import CODES, RECORDED, SOLVED, UNKNOWN, UNSOLVED, words_of
from memory.records import Step

STEP, HANDOVER, FEEDBACK, COMPLETION = range(4)
"""Kinds of row: a turn that may be a step, one that handed over to a person, and two kinds of word."""

STEPS = ("answer", "refusal", "static")
"""Kinds of reply whose turn may be a step; asking back and blocking are none."""

FAILED_REPLIES = ("refusal", "static")
FAILED_GRADES = ("fail",)
"""Grades of an answer that broke a rule for certain; a judge's opinion is not learned from."""

GOOD_RATING, BAD_RATING = 4, 2
"""From and up to which rating (1 to 5) a user says that it helped or did not; 3 says neither."""

LAST_TURN = 2**31 - 1
"""Turn of a completion that does not say after which turn it came."""

NAMES = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("session", NAMES),
        ("user", NAMES),
        ("turn", pa.int32()),
        ("at_us", pa.int64()),
        ("kind", pa.int8()),
        ("label", NAMES),
        ("recorded", pa.bool_()),
        ("named", pa.bool_()),
        ("failed", pa.bool_()),
        ("outcome", pa.int8()),
        ("words", pa.list_(pa.uint32())),
    ]
)
"""`at_us` in Unix microseconds; `recorded`: the label came with the log; `named`: a classifier gave it
afterwards; `failed`: the answer was refused, canned or broke a rule; `outcome`: what a word says."""

Bools = NDArray[np.bool_]


class Digest(NamedTuple):
    """What a part of the lake holds."""

    events: pa.Table
    """Rows of `SCHEMA`, in the order of the file, repeats and all."""

    questions: list[Question]
    """What a classifier has yet to name."""


def digest(raw: pa.Table, classifier: str) -> Digest:
    """Keep what says something of a session; `raw` are columns as `Lake.columns` gives them.

    `classifier` is the identity whose labels, and those that came with a log, stand as they are.
    """
    kind, outcome = _kinds(raw), _words_said(raw)
    keep = (kind >= 0) & ((kind < FEEDBACK) | (outcome != UNKNOWN))
    raw, kind, outcome = raw.filter(pa.array(keep)), kind[keep], outcome[keep]
    source = raw.column("label_source").fill_null("none")
    question = raw.column("query").fill_null("")
    is_open = (kind == STEP) & ~_among(source, [RECORDED, classifier]) & ~_among(question, [""])
    is_step = pa.array(kind == STEP)
    failed = _among(raw.column("reply_kind"), FAILED_REPLIES) | _among(raw.column("grade"), FAILED_GRADES)
    columns = {
        "event_id": raw.column("event_id"),
        "session": raw.column("session_id"),
        "user": raw.column("user"),
        "turn": _turns(raw, kind),
        "at_us": raw.column("at").cast(pa.int64()),
        "kind": kind.astype(np.int8),
        "label": pc.if_else(is_step, _labels(raw), "none"),
        "recorded": _among(source, [RECORDED]),
        "named": np.zeros(len(kind), bool),
        "failed": failed & (kind == STEP),
        "outcome": outcome,
        "words": _word_lists(pc.if_else(is_step, question, "")),
    }
    events = pa.table([_column(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)
    return Digest(events, _questions(raw.filter(pa.array(is_open))))


def _questions(raw: pa.Table) -> list[Question]:
    names = raw.select(["event_id", "session_id", "user"]).to_pydict()
    at_s = raw.column("at").cast(pa.int64()).to_numpy() / 1e6
    return list(map(Question, *names.values(), at_s.tolist(), raw.column("query").to_pylist()))


def _column(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Return a column of the schema; names that come again and again are held once."""
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
    if kind != NAMES or pa.types.is_dictionary(column.type):
        return column
    return pc.dictionary_encode(column)


def _among(column: pa.ChunkedArray, values: Sequence[str]) -> Bools:
    found: Bools = pc.is_in(column, value_set=pa.array(values, pa.string())).to_numpy()
    return found


def _kinds(raw: pa.Table) -> NDArray[np.int8]:
    """Return the kind of each row; -1 for one that says nothing of a session."""
    event = raw.column("kind")
    reply = raw.column("reply_kind").fill_null("answer")
    is_turn = _among(event, ["turn_finished"])
    kinds = np.full(raw.num_rows, -1, np.int8)
    kinds[is_turn & _among(reply, STEPS)] = STEP
    kinds[is_turn & _among(reply, ["escalation"])] = HANDOVER
    kinds[_among(event, ["feedback_given"])] = FEEDBACK
    kinds[_among(event, ["session_completed"])] = COMPLETION
    return kinds


def _words_said(raw: pa.Table) -> NDArray[np.int8]:
    """Return what each row says of the outcome: a user's `resolved`, else the rating; a completion's own."""
    said = np.full(raw.num_rows, UNKNOWN, np.int8)
    is_completion = _among(raw.column("kind"), ["session_completed"])
    for outcome, code in CODES.items():
        said[is_completion & _among(raw.column("outcome"), [outcome])] = code
    is_feedback = _among(raw.column("kind"), ["feedback_given"])
    rating = raw.column("rating").fill_null(3).to_numpy()
    resolved = raw.column("resolved").cast(pa.int8()).fill_null(-1).to_numpy()
    said[is_feedback & (rating >= GOOD_RATING)] = SOLVED
    said[is_feedback & (rating <= BAD_RATING)] = UNSOLVED
    said[is_feedback & (resolved == 1)] = SOLVED
    said[is_feedback & (resolved == 0)] = UNSOLVED
    return said


def _turns(raw: pa.Table, kind: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return the turn that each row belongs to; a completion notes in `seq` how many there were."""
    turn, seq = raw.column("turn").to_numpy(), raw.column("seq").to_numpy()
    last = np.where(seq > 0, seq, LAST_TURN)
    return np.clip(np.where(kind == COMPLETION, last, turn), 0, LAST_TURN).astype(np.int32)


def _labels(raw: pa.Table) -> pa.ChunkedArray:
    """Return `intent` or `intent/topic` of each row, as `Step.label` does."""
    intent = raw.column("intent").fill_null("none")
    topic = raw.column("topic").fill_null("")
    return pc.if_else(pc.equal(topic, ""), intent, pc.binary_join_element_wise(intent, topic, "/"))


def _word_lists(texts: pa.ChunkedArray) -> pa.Array:
    """Return the words of each text; a text that comes again is looked at once."""
    found = pc.dictionary_encode(texts.combine_chunks())
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    words, offsets = words_of(found.dictionary.to_pylist())
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(words, pa.uint32()))
    return lists.take(found.indices)


def with_names(events: pa.Table, names: Mapping[str, Step]) -> pa.Table:
    """Return the events with the labels that a classifier found, by event id."""
    if not names:
        return events
    ids = pa.array(list(names), pa.string())
    place = pc.index_in(events.column("event_id"), value_set=ids)
    found = pc.take(pa.array([step.label for step in names.values()], pa.string()), place)
    label = pc.coalesce(found, events.column("label").cast(pa.string()))
    columns = {"label": pc.dictionary_encode(label), "named": pc.is_valid(place)}
    for name, column in columns.items():
        events = events.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    return events


def merge(parts: Sequence[pa.Table]) -> pa.Table:
    """Return the events of all parts by session, turn, time and id, each id once (the earliest).

    The result does not depend on how the events are spread over the parts.
    """
    table = pa.concat_tables([SCHEMA.empty_table(), *parts]).unify_dictionaries().combine_chunks()
    if not table.num_rows:
        return table
    session = _ranks(table.column("session").combine_chunks())
    turn, at = (table.column(name).to_numpy() for name in ("turn", "at_us"))
    ids = table.column("event_id")
    order = _by_id(np.lexsort((at, turn, session)), (session, turn, at), ids)
    codes = pc.dictionary_encode(ids.take(pa.array(order)).combine_chunks()).indices.to_numpy()
    highest = np.concatenate([[-1], np.maximum.accumulate(codes)[:-1]])
    order = order[codes > highest]  # numbers are given in order of appearance: a repeat's is no new high
    is_in_order = len(order) == table.num_rows and bool((order == np.arange(len(order))).all())
    return table if is_in_order else table.take(pa.array(order)).combine_chunks()


def _ranks(names: pa.DictionaryArray) -> NDArray[np.int64]:
    """Return the place of each row's name in alphabetical order."""
    by_name = pc.sort_indices(names.dictionary).to_numpy()
    rank = np.empty(len(by_name), np.int64)
    rank[by_name] = np.arange(len(by_name))
    ranks: NDArray[np.int64] = rank[names.indices.to_numpy()]
    return ranks


def _by_id(
    order: NDArray[np.int64], keys: tuple[NDArray[Any], ...], ids: pa.ChunkedArray
) -> NDArray[np.int64]:
    """Order rows whose keys are all the same by their ids."""
    is_first = np.ones(len(order), bool)
    is_first[1:] = np.logical_or.reduce([key[order[1:]] != key[order[:-1]] for key in keys])
    group = np.cumsum(is_first) - 1
    tied = np.flatnonzero(np.bincount(group)[group] > 1)
    if len(tied):
        of_group = pa.table({"group": group[tied], "id": ids.take(pa.array(order[tied]))})
        by = pc.sort_indices(of_group, sort_keys=[("group", "ascending"), ("id", "ascending")])
        order = order.copy()
        order[tied] = order[tied][by.to_numpy()]
    return order
