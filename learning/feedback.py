"""What users think of the answers, by intent, topic, release and passage, and what to change about it."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from learning.intents import Naming, stored_intents
from learning.progress import Progress
from learning.reading import INTENTS
from learning.signals import TELLING, Judged, Sign, judge_turns
from learning.significance import share
from learning.stored import Source
from memory.ports import Lake
from memory.records import Record, SessionEvent, TurnFinished

By = Literal["intent", "topic", "release", "passage"]
Change = Literal["missing_knowledge", "wrong_intent_examples", "weak_prompt", "weak_passage"]

FEWEST = 3
"""Poor answers (count) from which a group calls for a change."""

EVIDENCE = 5
"""Session ids and comments that are named, the newest ones."""

COMMENT = 200
"""Characters of a comment that are shown."""

UNSURE = 0.6
"""Confidence below which an intent was rather guessed."""

MOSTLY = 0.5
"""Share of the poor answers of a group that have to show the same cause."""

NOT_KNOWN = ("refusal", "static")
SCANNED = 10_000
"""Events (count) between two tellings of progress."""


class Group(Record):
    """Answers that have something in common."""

    by: By
    name: str
    answers: int
    """Turns (count)."""

    rated: int = 0
    rating: float | None = None
    """Mean rating (1 to 5); `None` when nobody rated."""

    resolved: int = 0
    liked: int = 0
    """Answers (count) of which the user said that they helped."""

    poor: int = 0
    """Answers (count) with a sign against them."""

    poor_share: float = 0.0
    poor_low: float = 0.0
    """Lower end of the 95 % interval of the share; groups are ranked by it, so that few cases do not lead."""

    signs: dict[str, int] = {}
    """Sign to answers that show it (count)."""

    sessions: list[str] = []
    """The newest sessions with poor answers."""

    comments: list[str] = []
    """The newest comments on poor answers, redacted when they were given."""


class Proposal(Record):
    """What to change, and the sessions that say so."""

    change: Change
    by: By
    name: str
    why: str
    advice: str
    sessions: list[str]


class FeedbackReport(Record):
    """What users think of a domain's answers in a span of time."""

    domain: str
    since: datetime | None = None
    until: datetime | None = None
    sessions: int = 0
    answers: int = 0
    told: int = 0
    """Answers (count) that somebody rated, or said to have helped or not."""

    overall: Group
    groups: list[Group] = []
    """By what they have in common, the worst first."""

    proposals: list[Proposal] = []
    """The worst first."""


async def run(
    lake: Lake,
    source: Source,
    folder: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    on_progress: Progress | None = None,
) -> FeedbackReport:
    """Read a domain's turns and feedback from the lake and report.

    Turns from `since` on and before `until` count (aware times); feedback on them counts whenever it came.
    Turns that came without an intent bear the one that the source's classifier gave them when they were
    learned from, as stored in the state folder `folder`.
    """
    names = await asyncio.to_thread(stored_intents, folder / INTENTS, source.classifier)
    events: list[SessionEvent] = []
    read = 0
    async for event in lake.scan(tenant=source.tenant, domain=source.domain):
        read += 1
        if isinstance(event, TELLING):
            events.append(_named(event, names))
        if on_progress and read % SCANNED == 0:
            on_progress("feedback", read, 0, "events read")
    found = report(events, source.domain, since=since, until=until)
    if on_progress:
        on_progress("feedback", 1, 1, f"{found.answers:,} answers")
    return found


def _named(event: SessionEvent, names: Mapping[str, Naming]) -> SessionEvent:
    if not isinstance(event, TurnFinished) or event.label_source != "none" or event.event_id not in names:
        return event
    known = names[event.event_id]
    step = {"intent": known.step.intent, "topic": known.step.topic, "confidence": known.confidence}
    return event.model_copy(update=step)


def report(
    events: Iterable[SessionEvent],
    domain: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> FeedbackReport:
    """Return what the events say; the order in which they come does not matter."""
    turns = [
        judged
        for judged in judge_turns(events)
        if (since is None or judged.turn.at >= since) and (until is None or judged.turn.at < until)
    ]
    parts: dict[tuple[By, str], list[Judged]] = defaultdict(list)
    for judged in turns:
        for place in _places(judged):
            parts[place].append(judged)
    ranked = sorted(
        ((_group(by, name, of), of) for (by, name), of in parts.items()),
        key=lambda pair: (-pair[0].poor_low, -pair[0].poor, pair[0].by, pair[0].name),
    )
    usual = _group("intent", "all", turns)
    return FeedbackReport(
        domain=domain,
        since=since,
        until=until,
        sessions=len({judged.turn.session_id for judged in turns}),
        answers=len(turns),
        told=sum(judged.rating is not None or judged.resolved is not None for judged in turns),
        overall=usual,
        groups=[group for group, _ in ranked],
        proposals=[found for group, of in ranked if (found := _proposal(group, of, usual))],
    )


def _places(judged: Judged) -> Iterable[tuple[By, str]]:
    turn = judged.turn
    yield "intent", turn.intent
    if turn.topic:
        yield "topic", f"{turn.intent}/{turn.topic}"
    yield "release", turn.release or "none"
    for passage in dict.fromkeys(turn.cited):
        yield "passage", passage


def _group(by: By, name: str, turns: Sequence[Judged]) -> Group:
    poor = [judged for judged in turns if judged.signs]
    ratings = [judged.rating for judged in turns if judged.rating is not None]
    rate = share(len(poor), len(turns))
    comments = [comment for judged in reversed(poor) for comment in judged.comments]
    signs: Counter[Sign] = Counter(sign for judged in poor for sign in judged.signs)
    return Group(
        by=by,
        name=name,
        answers=len(turns),
        rated=len(ratings),
        rating=round(sum(ratings) / len(ratings), 2) if ratings else None,
        resolved=sum(judged.resolved is True for judged in turns),
        liked=sum(judged.is_liked for judged in turns),
        poor=len(poor),
        poor_share=round(rate.mean, 4),
        poor_low=round(rate.low, 4),
        signs=dict(sorted(signs.items())),
        sessions=_newest(poor),
        comments=[comment[:COMMENT] for comment in comments[:EVIDENCE]],
    )


def _newest(turns: Sequence[Judged]) -> list[str]:
    return list(dict.fromkeys(judged.turn.session_id for judged in reversed(turns)))[:EVIDENCE]


# --- what to change ------------------------------------------------------------------------------


class _Cause(NamedTuple):
    """A change, the answers that call for it, and what to say of them."""

    change: Change
    shows: list[Judged]
    why: str
    advice: str


def _proposal(group: Group, turns: Sequence[Judged], usual: Group) -> Proposal | None:
    """Return what to change about a group that is poor more often than all; `None` otherwise.

    A release is no cause that can be mended here: it is compared, and rolled back elsewhere.
    """
    is_worse = group.poor_share > usual.poor_share or group.answers == usual.answers
    if group.by == "release" or group.poor < FEWEST or not is_worse:
        return None
    poor = [judged for judged in turns if judged.signs]
    cause = _passage_cause(group, poor) if group.by == "passage" else _cause(group, poor)
    return Proposal(
        change=cause.change,
        by=group.by,
        name=group.name,
        why=f"{len(cause.shows)} of {len(poor)} poor answers {cause.why}",
        advice=cause.advice,
        sessions=_newest(cause.shows),
    )


def _cause(group: Group, poor: list[Judged]) -> _Cause:
    """Tell what most poor answers have in common: nothing was known, the intent was a guess, or neither."""
    unknown = [judged for judged in poor if judged.turn.reply_kind in NOT_KNOWN]
    if len(unknown) >= MOSTLY * len(poor):
        return _Cause(
            "missing_knowledge",
            unknown,
            "found nothing in the knowledge",
            f"Add documents that answer questions of `{group.name}` (`slipstream knowledge add`).",
        )
    guessed = [judged for judged in poor if judged.turn.confidence < UNSURE]
    if len(guessed) >= MOSTLY * len(poor):
        return _Cause(
            "wrong_intent_examples",
            guessed,
            f"were taken for it with a confidence below {UNSURE}",
            f"Look at these questions and give `{group.name}`, or the intent they belong to, such examples.",
        )
    return _Cause(
        "weak_prompt",
        [judged for judged in poor if judged not in unknown],
        "were answered from the knowledge and did not help",
        f"Read these answers and change the prompt `write` for questions of `{group.name}`.",
    )


def _passage_cause(group: Group, poor: list[Judged]) -> _Cause:
    return _Cause(
        "weak_passage",
        poor,
        "cite it",
        f"Check whether passage `{group.name}` is right, current and complete.",
    )
