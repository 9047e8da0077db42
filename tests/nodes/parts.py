"""What a single node needs to run: a context of the small domain with everything else switched off."""

from typing import Any

from graph.state import GraphContext, Services, Skills
from graph.turnlog import TurnLog
from memory.records import Analysis, Citation, Draft, Passage, PassageHit
from memory.redact import redact
from nodes.local_judge import LocalJudge
from nodes.local_writer import LocalWriter
from tests.turns import DOMAIN, PASSAGES, START, Scripted, Words

SEAL = Analysis(intent="troubleshooting", intent_confidence=0.9, topic="seal", topic_confidence=0.9)
HITS = [PassageHit(passage=passage, score=score) for passage, score in zip(PASSAGES, (0.9, 0.6), strict=True)]


def context(
    raw_query: str = "",
    *,
    classifier: Scripted | None = None,
    session_id: str = "session-1",
    **services: Any,
) -> GraphContext:
    """Return a context; keywords that it does not know itself replace fields of the services."""
    skills = Skills(classifier=classifier or Scripted(), writer=LocalWriter(), judge=LocalJudge())
    fields: dict[str, Any] = {
        "domain": DOMAIN,
        "primary": skills,
        "local": skills,
        "knowledge": Words(PASSAGES),
        "patterns": None,
        "release": "r1",
        "profiles": None,
        "tools": {},
        "cases": {},
        "redact": redact,
        "holdout_share": 0.0,
    }
    log = TurnLog(
        session_id=session_id,
        request_id="r-1",
        tenant="local",
        domain="pumps",
        user="ann",
        turn=1,
        release=None,
        now=lambda: START,
        redact=redact,
    )
    return GraphContext(
        services=Services(**{**fields, **services}),
        skills=skills,
        session_id=session_id,
        tenant="local",
        user="ann",
        turn=1,
        raw_query=raw_query,
        request_id="r-1",
        now=lambda: START,
        log=log,
    )


def hit(text: str, *, title: str = "Seals", passage_id: str = "p-1", score: float = 0.9) -> PassageHit:
    passage = Passage(passage_id=passage_id, title=title, text=text, source=f"seals.md#{passage_id}")
    return PassageHit(passage=passage, score=score)


def draft(text: str, *cited: str, abstained: bool = False) -> Draft:
    """Return a draft that cites the passages of these ids, numbered from 1."""
    citations = [
        Citation(number=number, passage_id=passage_id, title="Seals", source="seals.md", quote="…")
        for number, passage_id in enumerate(cited, start=1)
    ]
    return Draft(text=text, citations=citations, abstained=abstained, skill="test")
