"""Batch classification: names the questions that nobody has named yet, or that another classifier has.

What was named lies in `processed/intents/year=/month=/day=` by the day of the turn, so that nothing is asked
twice; a file is whole or absent, and the same turns give the same file.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from graph.state import Classifier
from learning.progress import Progress
from learning.sessions import moment
from memory.errors import AgentError, StorageFailed
from memory.records import Analysis, Step

BATCH = 512
"""Turns classified and stored at once: what an interruption can cost."""

SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("session_id", pa.string()),
        ("user", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("intent", pa.string()),
        ("topic", pa.string()),
        ("confidence", pa.float32()),
        ("topic_confidence", pa.float32()),
        ("classifier", pa.string()),
        ("named_by", pa.string()),
    ]
)
"""`classifier` is who was asked; `named_by` is another one where the answer of the first was of no use."""

READ = ["event_id", "intent", "topic", "confidence", "named_by"]


class BatchClassifier(Protocol):
    """Names many texts at once; every `Classifier` is one."""

    identity: str
    """Name and version; a change makes the learner classify again."""

    async def classify(self, texts: Sequence[str]) -> Sequence[Analysis | None]:
        """Return intent and topic of each text; `None` for one that it cannot name and never will.

        Raises:
            ClassifierDown: it cannot be reached now.
        """
        ...


class ClassifierDown(AgentError):
    """A classifier that others run did not answer."""

    code = "learning.classifier_down"
    kind = "unavailable"

    def __init__(self, identity: str, reason: str) -> None:
        super().__init__(
            f"The classifier `{identity}` does not answer: {reason}.",
            fix="Run `slipstream learn` again later, or with `--model local`.",
        )


class Question(NamedTuple):
    """What a user asked in a turn that wants a name."""

    event_id: str
    session_id: str
    user: str
    """Key of the user (`user_key`)."""

    at: float
    """Unix time (seconds)."""

    text: str


class Naming(NamedTuple):
    """What a question was named."""

    step: Step
    confidence: float
    """Calibrated probability that the intent is right (0 to 1)."""

    by: str
    """Identity of the classifier that said so."""


class Named(NamedTuple):
    """The result of a run."""

    steps: dict[str, Step]
    """By event id, of all questions."""

    new: int
    """Questions that were named in this run (count)."""


async def classify_turns(
    questions: Iterable[Question],
    classifier: BatchClassifier,
    folder: Path,
    on_progress: Progress,
    *,
    fallback: Classifier | None = None,
) -> Named:
    """Name the questions, asking `classifier` only about those that it has not named before.

    `fallback` names, once for all, what the classifier cannot.

    Raises:
        ClassifierDown: the classifier cannot be reached; what it has named so far is kept.
        StorageFailed: the disk is full or refuses.
    """
    wanted = list(questions)
    known = stored_intents(folder, classifier.identity)
    new = sorted((one for one in wanted if one.event_id not in known), key=_place)
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        found = await _name(batch, classifier, fallback)
        _store(folder, classifier.identity, [one for one in batch if one.event_id in found], found)
        known |= {event_id: _naming(analysis, by) for event_id, (analysis, by) in found.items()}
        on_progress("intents", start + len(batch), len(new), "turns named")
    steps = {one.event_id: known[one.event_id].step for one in wanted if one.event_id in known}
    return Named(steps, len(new))


def stored_intents(folder: Path, identity: str) -> dict[str, Naming]:
    """Return by event id what a classifier has named before; damaged files count as absent."""
    known: dict[str, Naming] = {}
    for file in sorted(folder.glob(f"year=*/month=*/day=*/{_prefix(identity)}-*.parquet")):
        try:
            table = pq.read_table(file, columns=READ, partitioning=None)
        except (pa.ArrowException, OSError):
            continue  # its turns are named again
        for row in table.to_pylist():
            step = Step(intent=row["intent"], topic=row["topic"])
            known[row["event_id"]] = Naming(step, row["confidence"], row["named_by"])
    return known


def count_unlearned(times: NDArray[np.float64], named: Named, learned_until: float | None) -> int:
    """Return how many intents are new since the last release: what `learn_after` is compared with.

    Counts steps after `learned_until` (the newest step that the live release has seen; `None` without one),
    whoever named them, or the questions named just now where those are more: late or renamed ones.
    `times` and `learned_until` are Unix times (seconds).
    """
    after = float("-inf") if learned_until is None else learned_until
    return max(int(np.count_nonzero(times > after)), named.new)


def _place(question: Question) -> tuple[float, str]:
    return question.at, question.event_id


def _day(question: Question) -> str:
    return f"{moment(question.at):year=%Y/month=%m/day=%d}"


def _naming(analysis: Analysis, by: str) -> Naming:
    return Naming(analysis.step, analysis.intent_confidence, by)


async def _name(
    batch: Sequence[Question], classifier: BatchClassifier, fallback: Classifier | None
) -> dict[str, tuple[Analysis, str]]:
    """Return by event id what was found and who found it."""
    found: dict[str, tuple[Analysis, str]] = {}
    nameless: list[Question] = []
    for question, analysis in zip(batch, await classifier.classify([q.text for q in batch]), strict=True):
        if analysis is None:
            nameless.append(question)
        else:
            found[question.event_id] = (analysis, classifier.identity)
    if fallback is not None and nameless:
        guessed = await fallback.classify([question.text for question in nameless])
        for question, guess in zip(nameless, guessed, strict=True):
            found[question.event_id] = (guess, fallback.identity)
    return found


# --- files -------------------------------------------------------------------------------------------


def _prefix(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _store(
    folder: Path, identity: str, questions: Sequence[Question], found: Mapping[str, tuple[Analysis, str]]
) -> None:
    """Write a file for each day of the questions, which come in order of time."""
    for day, members in groupby(questions, key=_day):
        rows = [_row(question, identity, *found[question.event_id]) for question in members]
        digest = hashlib.sha256("".join(str(row["event_id"]) for row in rows).encode()).hexdigest()
        _write(folder / day / f"{_prefix(identity)}-{digest[:24]}.parquet", rows)


def _row(question: Question, identity: str, analysis: Analysis, by: str) -> dict[str, object]:
    return {
        "event_id": question.event_id,
        "session_id": question.session_id,
        "user": question.user,
        "at": moment(question.at),
        "intent": analysis.intent,
        "topic": analysis.topic,
        "confidence": analysis.intent_confidence,
        "topic_confidence": analysis.topic_confidence,
        "classifier": identity,
        "named_by": by,
    }


def _write(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write beside and rename: readers see the whole file or none."""
    beside = file.with_name(f".{file.stem}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), beside, compression="zstd")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageFailed(str(file), error.strerror or "it cannot be written") from None
