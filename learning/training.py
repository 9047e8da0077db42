"""What the intent classifier is trained on: examples whose label can be trusted.

Texts are redacted, stay in their tenant, and come only from labels that enough different users brought up.
"""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import pyarrow as pa

from domains.model import Domain, Scenario
from learning.datasets import SPLITS, Split, split_of
from learning.intents import Naming
from learning.sessions import RECORDED
from memory.ports import Lake
from memory.records import FeedbackGiven, SessionCompleted, SessionEvent, Step, TurnFinished
from memory.redact import redact
from memory.text import clip

Source = Literal["domain", "scenario", "recorded", "confirmed", "solved"]
"""Who says that a label is right: the domain's author by an example or a scenario, the log that it came with;
or a classifier that was sure, in a session whose user said that it helped, or that ended solved."""

BY_PEOPLE: tuple[Source, ...] = ("domain", "scenario", "recorded")
"""Sources whose labels no classifier gave."""

SURE = 0.8
"""Confidence from which a classifier's label is taken, in a session that ended well."""

USERS_AT_LEAST = 5
"""Distinct users (count) who must have brought a label up before any of its texts is kept."""

TEXTS_PER_USER = 5
"""Texts of one user that a label takes (count): nobody teaches it alone."""

TEXTS_PER_LABEL = 200
"""Texts of sessions that a label takes (count); more change the fit less than they cost."""

TEXT_CHARACTERS = 1_000
EXAMPLES = pa.schema(
    [
        ("text", pa.string()),
        ("intent", pa.string()),
        ("topic", pa.string()),
        ("source", pa.string()),
        ("confidence", pa.float32()),
        ("session_id", pa.string()),
    ]
)


class Example(NamedTuple):
    """A text and what it was about."""

    text: str
    """Redacted."""

    step: Step
    source: Source
    confidence: float
    """Of the label (0 to 1); 1 where a person gave it."""

    session_id: str = ""
    """"" where it is from no session."""

    user: str = ""
    """Counts towards `USERS_AT_LEAST`; not stored."""


async def trusted_turns(
    lake: Lake, named: Mapping[str, Naming], *, tenant: str, domain: Domain
) -> list[Example]:
    """Return the turns of a tenant's sessions whose label can be trusted, each session's outcome known first.

    `named` gives by event id what a classifier found after the fact. Reads the lake twice: what is kept
    in memory is only what can be trusted.
    """
    ends = await _ends(lake.scan(tenant=tenant, domain=domain.name))
    kept: dict[str, Example] = {}
    async for event in lake.scan(tenant=tenant, domain=domain.name):
        if isinstance(event, TurnFinished) and event.reply_kind == "answer" and not event.sample:
            example = _example(event, named.get(event.event_id), ends.get(event.session_id))
            if example and _is_known(example.step, domain):
                kept[event.event_id] = example
    return [kept[event_id] for event_id in sorted(kept)]


async def _ends(events: AsyncIterator[SessionEvent]) -> dict[str, Source]:
    """Return the sessions that ended well, and who says so; a user's last word counts before all else."""
    said: dict[str, tuple[float, str, bool]] = {}
    solved: set[str] = set()
    async for event in events:
        if isinstance(event, FeedbackGiven) and event.resolved is not None:
            word = (event.at.timestamp(), event.event_id, event.resolved)
            said[event.session_id] = max(word, said.get(event.session_id, word))
        elif isinstance(event, SessionCompleted) and event.outcome == "solved":
            solved.add(event.session_id)
    ends: dict[str, Source] = dict.fromkeys(solved - said.keys(), "solved")
    return ends | {session_id: "confirmed" for session_id, (_, _, helped) in said.items() if helped}


def _example(event: TurnFinished, naming: Naming | None, end: Source | None) -> Example | None:
    """Return the turn as an example; `None` where nobody vouches for its label."""
    text = clip(redact(" ".join(event.query.split())), TEXT_CHARACTERS)
    if not text:
        return None
    step, confidence = Step(intent=event.intent, topic=event.topic), event.confidence
    if event.label_source == RECORDED:
        return Example(text, step, "recorded", 1.0, event.session_id, event.user)
    if naming is not None:
        step, confidence = naming.step, naming.confidence
    elif event.label_source == "none":
        return None
    if end is None or confidence < SURE:
        return None
    return Example(text, step, end, confidence, event.session_id, event.user)


def _is_known(step: Step, domain: Domain) -> bool:
    spec = domain.intents.get(step.intent)
    return spec is not None and (step.topic is None or step.topic in spec.topics)


def split_examples(
    domain: Domain, scenarios: Sequence[Scenario], turns: Iterable[Example]
) -> dict[Split, list[Example]]:
    """Return what to fit to and what to measure on; no text is in both.

    The domain's examples are fitted to, its other scenarios measured on, and each session is on one side for
    good, so that no model is measured on what it or an earlier one has seen.
    """
    found: dict[Split, list[Example]] = {
        "train": [Example(redact(text), step, "domain", 1.0) for text, step in domain.examples()],
        "validation": [
            Example(redact(one.question), Step(intent=one.intent, topic=one.topic), "scenario", 1.0)
            for one in scenarios
            if not one.after and one.kind == "answer"
        ],
    }
    shown = {_plain(one.text) for one in found["train"]}
    scenes = {_plain(one.text) for one in found["validation"]} - shown
    for turn in _fair(_shared(turns)):
        found[split_of(turn.session_id)].append(turn)
    train = _different([one for one in found["train"] if _plain(one.text) not in scenes])
    seen = {_plain(one.text) for one in train}
    validation = _different([one for one in found["validation"] if _plain(one.text) not in seen])
    return {"train": train, "validation": validation}


def _shared(turns: Iterable[Example]) -> list[Example]:
    """Keep the labels that enough users brought up."""
    by_label: defaultdict[str, list[Example]] = defaultdict(list)
    for turn in turns:
        by_label[turn.step.label].append(turn)
    groups = (by_label[label] for label in sorted(by_label))
    return [turn for group in groups if len({one.user for one in group}) >= USERS_AT_LEAST for turn in group]


def _fair(turns: Iterable[Example]) -> list[Example]:
    """Keep so many texts of each user and label, drawn by a digest, so that the same log gives the same."""
    kept: list[Example] = []
    of_label: defaultdict[str, int] = defaultdict(int)
    of_user: defaultdict[tuple[str, str], int] = defaultdict(int)
    for turn in sorted(turns, key=_draw):
        label = turn.step.label
        if of_label[label] < TEXTS_PER_LABEL and of_user[label, turn.user] < TEXTS_PER_USER:
            of_label[label] += 1
            of_user[label, turn.user] += 1
            kept.append(turn)
    return kept


def _draw(example: Example) -> bytes:
    return hashlib.sha256(
        "\x00".join([example.session_id, example.text, example.step.label]).encode()
    ).digest()


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _different(examples: Sequence[Example]) -> list[Example]:
    """Keep each text once, with the first label that the most trusted source gives it."""
    trust: list[Source] = ["domain", "scenario", "recorded", "confirmed", "solved"]
    kept: dict[str, Example] = {}
    for example in sorted(examples, key=lambda one: trust.index(one.source)):
        kept.setdefault(_plain(example.text), example)
    return list(kept.values())


def example_tables(examples: Mapping[Split, Sequence[Example]]) -> dict[Split, pa.Table]:
    """Return the rows of `EXAMPLES` of each split."""
    return {
        split: pa.Table.from_pylist(
            [
                {
                    "text": one.text,
                    "intent": one.step.intent,
                    "topic": one.step.topic,
                    "source": one.source,
                    "confidence": one.confidence,
                    "session_id": one.session_id,
                }
                for one in examples[split]
            ],
            schema=EXAMPLES,
        )
        for split in SPLITS
    }


def read_examples(table: pa.Table) -> list[Example]:
    """Return the examples in rows of `EXAMPLES`."""
    return [
        Example(
            row["text"],
            Step(intent=row["intent"], topic=row["topic"]),
            row["source"],
            row["confidence"],
            row["session_id"],
        )
        for row in table.to_pylist()
    ]
