"""What the pattern model is trained on: sessions with their outcome, as rows of a table."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from learning.datasets import Split, split_of
from learning.sessions import Sessions, sort_labels

SESSIONS = pa.schema(
    [
        ("session_id", pa.string()),
        ("user", pa.string()),
        ("steps", pa.list_(pa.string())),
        ("times", pa.list_(pa.float64())),
        ("words", pa.list_(pa.list_(pa.uint32()))),
        ("outcome", pa.int8()),
    ]
)
"""`times` in Unix seconds; `words` are numbers of words (`memory.text.word_keys`); `outcome` as in
`learning.sessions`. The words themselves stay out."""


def session_tables(sessions: Sessions) -> dict[Split, pa.Table]:
    """Return the rows of `SESSIONS` of each split; the same session is in the same one for good."""
    offsets = pa.array(sessions.offsets, pa.int32())
    steps = pa.DictionaryArray.from_arrays(pa.array(sessions.steps), pa.array(sessions.labels, pa.string()))
    words = pa.ListArray.from_arrays(
        pa.array(sessions.word_offsets, pa.int32()), pa.array(sessions.words, pa.uint32())
    )
    users = pa.DictionaryArray.from_arrays(
        pa.array(sessions.users), pa.array(sessions.user_keys, pa.string())
    )
    table = pa.table(
        [
            pa.array(sessions.ids, pa.string()),
            users.cast(pa.string()),
            pa.ListArray.from_arrays(offsets, steps.cast(pa.string())),
            pa.ListArray.from_arrays(offsets, pa.array(sessions.times)),
            pa.ListArray.from_arrays(offsets, words),
            pa.array(sessions.outcomes, pa.int8()),
        ],
        schema=SESSIONS,
    )
    held = np.array([split_of(session_id) == "validation" for session_id in sessions.ids], bool)
    return {"train": table.filter(pa.array(~held)), "validation": table.filter(pa.array(held))}


def read_sessions(table: pa.Table) -> Sessions:
    """Return rows of `SESSIONS` as columns."""
    table = table.combine_chunks()
    steps, times, words = (_column(table, name) for name in ("steps", "times", "words"))
    labels = steps.flatten().dictionary_encode()
    users = _column(table, "user").dictionary_encode()
    of_step = words.flatten()
    return sort_labels(
        Sessions(
            ids=table.column("session_id").to_pylist(),
            labels=labels.dictionary.to_pylist(),
            steps=labels.indices.to_numpy().astype(np.int32),
            times=times.flatten().to_numpy().astype(np.float64),
            offsets=_offsets(steps),
            users=users.indices.to_numpy().astype(np.int32),
            user_keys=users.dictionary.to_pylist(),
            outcomes=table.column("outcome").to_numpy().astype(np.int8),
            words=of_step.flatten().to_numpy().astype(np.uint32),
            word_offsets=_offsets(of_step),
        )
    )


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks()
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _offsets(lists: pa.ListArray) -> NDArray[np.int64]:
    """Return where each list begins in what `flatten` gives, and where the last one ends."""
    lengths = lists.value_lengths().to_numpy()
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
