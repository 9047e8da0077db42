"""Makes training data of what the lake holds."""

import asyncio
from datetime import datetime
from pathlib import Path

from domains.loader import load_scenarios
from domains.model import Domain
from graph.state import Classifier
from learning.arranging import arrange
from learning.datasets import TrainingData, write_data
from learning.intents import BatchClassifier, stored_intents
from learning.progress import Progress
from learning.reading import INTENTS, read_events
from learning.session_data import session_tables
from learning.stored import Source
from learning.training import example_tables, split_examples, trusted_turns
from learning.trust import trusted
from memory.ports import Lake

TRAINING_DATA = "lake/processed/training-data"
"""Where training data lies below the state folder."""


async def prepare_examples(
    lake: Lake, classifier: BatchClassifier, *, tenant: str, domain: Domain, folder: Path
) -> TrainingData:
    """Store what the intent classifier is trained on: the domain's own examples, and turns it can trust.

    `classifier` is who names what the learner reads.
    """
    named = await asyncio.to_thread(stored_intents, folder / INTENTS, classifier.identity)
    turns = await trusted_turns(lake, named, tenant=tenant, domain=domain)
    tables = example_tables(split_examples(domain, load_scenarios(domain), turns))
    return await asyncio.to_thread(
        write_data, folder / TRAINING_DATA, "intent-classifier", domain.name, tenant, tables
    )


async def prepare_sessions(
    lake: Lake,
    classifier: BatchClassifier,
    *,
    fallback: Classifier,
    tenant: str,
    domain: Domain,
    folder: Path,
    now: datetime,
    on_progress: Progress,
) -> TrainingData:
    """Store what the pattern model is trained on: the sessions that a release would be learned from."""
    source = Source(tenant, domain.name, classifier.identity)
    read = await read_events(lake, classifier, source, folder, on_progress, keep=True, fallback=fallback)
    arranged = await asyncio.to_thread(arrange, read.events, now=now.timestamp())
    sessions = (await asyncio.to_thread(trusted, arranged.sessions))[0]
    return await asyncio.to_thread(
        write_data,
        folder / TRAINING_DATA,
        "pattern-recognition",
        domain.name,
        tenant,
        session_tables(sessions),
    )
