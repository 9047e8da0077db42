"""Whether unclear questions are known as such: `python -m benchmarks.clarity [--domain NAME]`.

Each question of the domain's `clarity.yaml` is analysed as the first message of a session, as a turn does.
Every second one of each kind is held out: settings are chosen on the others.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import yaml

from agent.models import make_embeddings
from agent.settings import load_settings
from domains.loader import find_domain, load_domain
from domains.model import Domain
from graph.state import Classifier
from memory.records import Analysis
from nodes.classify import fit_classifier
from nodes.query_analyzer import find_doubt, understand

DOMAINS = ("solaris", "support")
TODAY = date(2026, 11, 21)


class Case(NamedTuple):
    """A question, and what people say of it."""

    text: str
    is_unclear: bool
    is_held_out: bool


class Found(NamedTuple):
    """What the node says of a question."""

    case: Case
    is_unclear: bool
    analysis: Analysis


def load_cases(domain: Domain) -> list[Case]:
    """Return the labelled questions of a domain."""
    listed = yaml.safe_load((domain.folder / "clarity.yaml").read_text(encoding="utf-8"))
    return [
        Case(str(text), kind == "unclear", n % 2 == 1)
        for kind in ("clear", "unclear")
        for n, text in enumerate(listed[kind])
    ]


async def judge(domain: Domain, classifier: Classifier, cases: Sequence[Case]) -> list[Found]:
    """Analyse each question alone."""
    guesses = await classifier.classify([case.text for case in cases])
    found = []
    for case, guess in zip(cases, guesses, strict=True):
        analysis = understand(guess, case.text, case.text, domain, TODAY)
        found.append(Found(case, find_doubt(analysis, case.text, domain) is not None, analysis))
    return found


def accuracy(found: Sequence[Found]) -> float:
    """Return the share of questions of which the node says what people say."""
    return sum(one.is_unclear == one.case.is_unclear for one in found) / len(found)


def run(name: str, embedder: str | None) -> None:
    """Print the figures of a domain and what was got wrong."""
    named = {"embedder": embedder} if embedder else {}
    domain = load_domain(find_domain(name))
    with tempfile.TemporaryDirectory() as cache:
        classifier = fit_classifier(domain, make_embeddings(load_settings(**named)), Path(cache))
    found = asyncio.run(judge(domain, classifier, load_cases(domain)))
    parts = {"all": found}
    parts |= {
        part: [one for one in found if one.case.is_held_out == held]
        for part, held in (("tuned", False), ("held out", True))
    }
    for part, rows in parts.items():
        print(f"{name:10} {part:9} {len(rows):4} questions, accuracy {accuracy(rows):.3f}")
    for one in found:
        if one.is_unclear != one.case.is_unclear:
            said = "asked back" if one.is_unclear else "went on"
            sure = f"{one.analysis.intent_confidence:.2f} sure, margin {one.analysis.margin:.2f}"
            print(f"  {said}: {one.case.text!r} ({one.analysis.step.label}, {sure})")


def main() -> None:
    """Measure one domain or all that have labelled questions."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--domain", help=f"one domain instead of {' and '.join(DOMAINS)}")
    parser.add_argument("--embedder", help="as in the settings: minilm, a folder, or bedrock:<model id>")
    given = parser.parse_args()
    for name in [given.domain] if given.domain else DOMAINS:
        run(name, given.embedder)


if __name__ == "__main__":
    main()
