"""Trains a model anew from the lake, and puts it in use only when it is better than the one in use."""

import asyncio
import sys
import tempfile
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from agent.runtime import Runtime
from learning.datasets import DataSet, ModelKind, TrainingData, read_split
from learning.models import (
    ModelVersion,
    VersionBroken,
    live_version,
    model_name,
    promote,
    publish_version,
    read_live,
    version_folder,
)
from learning.progress import Progress
from learning.session_data import SESSIONS, read_sessions
from learning.train import measure_patterns
from learning.trained_classifier import Comparison, compare, compare_figures, open_classifier
from learning.training import EXAMPLES, read_examples
from memory.arrays import PatternIndexBroken, open_pattern_index
from memory.errors import AgentError
from memory.records import Record

MODELS = "models"
"""Where model versions lie below the state folder."""


class TrainingFailed(AgentError):
    """The training job ended without a model."""

    code = "agent.training_failed"
    kind = "unavailable"

    def __init__(self, status: int, last_words: str) -> None:
        super().__init__(
            f"The training job ended with status {status}: {last_words[:300] or 'it said nothing'}.",
            fix="Mend what it says and train again; the model in use stays.",
        )


class Retrained(Record):
    """What a training run brought."""

    version: ModelVersion
    is_new: bool
    """False when the same data had given the same model before."""

    data: DataSet
    comparison: Comparison
    is_live: bool
    """The version is in use now."""

    reason: str
    """Why it is, or is not."""


def models_folder(runtime: Runtime) -> Path:
    """Return where the model versions of all domains and tenants lie."""
    return runtime.settings.state_dir / MODELS


async def retrain(
    runtime: Runtime, kind: ModelKind, domain: str, now: datetime, on_progress: Progress
) -> Retrained:
    """Make training data, train in a process of its own, publish, compare, and promote what is better.

    A version that somebody took back is not put in use again.

    Raises:
        TrainingFailed: the job ended without a model.
        StorageFailed: the disk is full or refuses.
    """
    root, name = models_folder(runtime), model_name(kind, domain, runtime.settings.tenant)
    on_progress("train", 0, 3, "making training data")
    data = await runtime.training_data(kind, domain, on_progress)
    on_progress("train", 1, 3, f"training on {data.about.rows['train']:,} rows")
    with tempfile.TemporaryDirectory() as into:
        await _train(kind, data.folder, Path(into), runtime.settings.embedder)
        published = await asyncio.to_thread(
            publish_version,
            root,
            name,
            Path(into),
            data_hash=data.about.data_hash,
            code_version=f"slipstream {version('slipstream')}",
            created_at=now,
        )
    on_progress("train", 2, 3, "comparing with the model in use")
    found = published.version
    comparison = await _compare(runtime, kind, domain, found, data)
    live = await asyncio.to_thread(read_live, root, name)
    is_live = live.history[-1:] == [found.version]
    reason = comparison.reason
    if is_live:
        reason = "it is in use already"
    elif found.version in live.withdrawn:
        reason = "somebody took it back; `slipstream models promote` puts it in use again"
    elif comparison.is_better:
        await asyncio.to_thread(promote, root, name, found.version)
        is_live = True
    on_progress("train", 3, 3, f"{found.version_id} is {'' if is_live else 'not '}in use")
    return Retrained(
        version=found,
        is_new=published.is_new,
        data=data.about,
        comparison=comparison,
        is_live=is_live,
        reason=reason,
    )


async def _train(kind: ModelKind, data: Path, into: Path, embedder: str) -> None:
    """Run the training job as the platform would; its memory is gone when it ends."""
    options = ["--model", kind, "--train", str(data), "--model-dir", str(into), "--embedder", embedder]
    job = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent.train",
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await job.communicate()
    except BaseException:
        if job.returncode is None:
            job.terminate()
            await job.wait()
        raise
    if job.returncode:
        raise TrainingFailed(job.returncode, " ".join(said.decode(errors="replace").split()))


async def _compare(
    runtime: Runtime, kind: ModelKind, domain: str, found: ModelVersion, data: TrainingData
) -> Comparison:
    """Compare a version with what is in use, on the validation split that neither was fitted to."""
    root = models_folder(runtime)
    folder = version_folder(root, found)
    if kind == "intent-classifier":
        services = await runtime.services(domain)
        candidate = open_classifier(folder, runtime.embedder, found.version_id)
        rows = read_examples(await asyncio.to_thread(read_split, data.folder, "validation", EXAMPLES))
        return await compare(candidate, services.local.classifier, rows)
    sessions = read_sessions(await asyncio.to_thread(read_split, data.folder, "validation", SESSIONS))
    try:
        live = await asyncio.to_thread(live_version, root, found.name)
        figures = (
            await measure_patterns(open_pattern_index(version_folder(root, live)), sessions) if live else {}
        )
    except (VersionBroken, PatternIndexBroken):
        figures = {}
    mine = await measure_patterns(open_pattern_index(folder), sessions)
    return compare_figures(mine, figures, {"hit_rate_at_1": 1, "hit_rate_at_3": 1, "mrr_at_3": 1})
