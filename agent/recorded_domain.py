"""A domain made from a recorded log: its labels are the intents, what it taught is the knowledge."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import yaml

from domains.loader import BUILT_IN
from learning.recorded import RecordedSession
from memory.records import Pattern, parse_step
from memory.redact import redact
from memory.text import clip

NAME = "recorded"
EXAMPLES = 8
"""Texts kept of each label, as examples for the classifier."""

EXAMPLE_CHARACTERS = 300
NEXT_STEPS, WAYS = 5, 3
"""Next steps and ways through that a section of the knowledge names."""


def write_recorded_domain(sessions: Iterable[RecordedSession], into: Path) -> str:
    """Write `into/recorded/` with one intent a label and return the domain's name.

    The texts in it are those of the log, secrets and personal data replaced; they stay in the state folder.
    """
    folder = into / NAME
    for part in ("knowledge", "prompts"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for prompt in sorted((BUILT_IN / "template" / "prompts").glob("*.md")):
        (folder / "prompts" / prompt.name).write_text(prompt.read_text(encoding="utf-8"), encoding="utf-8")
    domain = {
        "format": 1,
        "name": NAME,
        "title": "what the recorded sessions were about",
        "description": "Made from a log of recorded sessions.",
        "intents": _intents(sessions),
        "clarify": {"min_confidence": 0.0, "min_margin": 0.0},
        "replies": {
            "static": "I cannot answer just now. Please try again in a minute.",
            "escalation": "I will hand this to a person.",
            "off_topic": "Nothing that was learned from the recorded sessions answers this.",
        },
    }
    text = yaml.dump(domain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100)
    (folder / "domain.yaml").write_text(text, encoding="utf-8")
    return NAME


def _intents(sessions: Iterable[RecordedSession]) -> dict[str, dict[str, object]]:
    """Return intents with topics and a few texts each; a label that no text belongs to is its own example."""
    texts: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for session in sessions:
        for number, label in enumerate(session.labels):
            found = texts[label]
            if session.texts and len(found) < EXAMPLES and session.texts[number].strip():
                found[clip(redact(session.texts[number]), EXAMPLE_CHARACTERS)] = None
    intents: dict[str, dict[str, object]] = {}
    for label in sorted(texts):
        step = parse_step(label)
        intent = intents.setdefault(step.intent, {"description": f"Step `{step.intent}` of the log."})
        examples = list(texts[label]) or [words_of(label)]
        if step.topic is None:
            intent["examples"] = examples
        else:
            topics = intent.setdefault("topics", {})
            assert isinstance(topics, dict)
            topics[step.topic] = examples
    return intents


def describe_steps(patterns: Sequence[Pattern], into: Path) -> None:
    """Write what was learned of each step as a document that answers can cite.

    Only shared patterns go in, so nothing stands there that fewer users did than the privacy rule wants.
    """
    ways = [p for p in patterns if p.pattern_type == "flow"]
    next_steps: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for run in patterns:
        if run.pattern_type != "gapped":
            for one, other in pairwise(run.sequence):
                counts = next_steps[one.label]
                counts[other.label] = max(counts[other.label], run.frequency)
    sections = [
        _section(label, counts, [way for way in ways if label in {step.label for step in way.sequence}])
        for label, counts in sorted(next_steps.items())
    ]
    text = "# What was learned from the recorded sessions\n\n" + "\n".join(sections)
    (into / NAME / "knowledge" / "steps.md").write_text(text, encoding="utf-8")


def _section(label: str, counts: Counter[str], ways: Sequence[Pattern]) -> str:
    total = counts.total()
    following = ", ".join(f"`{step}` ({count / total:.0%})" for step, count in counts.most_common(NEXT_STEPS))
    lines = [
        f"## {words_of(label)}",
        "",
        f"Step `{label}` ({words_of(label)}) was followed by {following} in the recorded sessions.",
    ]
    for way in ways[:WAYS]:
        rate = f", solved {way.success_rate:.0%}" if way.success_rate is not None else ""
        steps = " > ".join(step.label for step in way.sequence)
        lines.append(f"A way that {way.frequency} sessions took{rate}: {steps}.")
    return "\n".join([*lines, ""])


def words_of(label: str) -> str:
    """Read a label as words: `query:doctor_followup` is `query doctor followup`."""
    return " ".join(label.replace("_", " ").replace(":", " ").replace("/", " ").split())
