"""The training job: the same as a subprocess, by hand and in SageMaker, whose folders it finds by itself.

    python -m agent.train --model intent-classifier --train DIR --model-dir DIR

The figures of the validation split go to stdout, one a line, as `validation:NAME=VALUE`.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, get_args

from agent.cli.failures import guarded
from agent.cli.output import write
from learning.datasets import ModelKind
from memory.errors import AgentError

if TYPE_CHECKING:
    from learning.next_step import Fitted
    from memory.ports import PatternIndex

PROGRAM = "python -m agent.train"


class JobIncomplete(AgentError):
    """A training job was not told what it needs."""

    code = "agent.job_incomplete"

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(f"The training job cannot start: {problem}.", fix=fix)


class Job(NamedTuple):
    """What to train, from what, into where."""

    model: ModelKind
    train: Path
    model_dir: Path
    output_dir: Path | None
    embedder: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise JobIncomplete(message, fix=f"See `{PROGRAM} --help`.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and exit with the status of the command line: 0 fine, 2 usage or data, 3 worth retrying."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    sys.exit(guarded(lambda: run_job(read_job(words)), words))


def read_job(words: Sequence[str]) -> Job:
    """Return the job that the options describe, with what they leave out from the platform's environment.

    Raises:
        JobIncomplete: model or folders are named nowhere, or an option is unknown.
    """
    from agent.settings import load_training_job

    parser = _Parser(prog=PROGRAM, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=get_args(ModelKind), help="what to train")
    parser.add_argument("--train", type=Path, metavar="DIR", help="training data (else SM_CHANNEL_TRAIN)")
    parser.add_argument("--model-dir", type=Path, metavar="DIR", help="for the model (else SM_MODEL_DIR)")
    parser.add_argument(
        "--output-dir", type=Path, metavar="DIR", help="for the figures once more (else SM_OUTPUT_DATA_DIR)"
    )
    parser.add_argument("--embedder", metavar="NAME", help="minilm, a folder, or bedrock:ID (minilm)")
    given = parser.parse_args(words)
    platform = load_training_job()
    named = given.model or platform.hps.get("model")
    kinds: tuple[ModelKind, ...] = get_args(ModelKind)
    model = next((kind for kind in kinds if kind == named), None)
    if model is None:
        known = " or ".join(f"`{kind}`" for kind in kinds)
        raise JobIncomplete(f"it is to train `{named or 'nothing'}`", fix=f"Give `--model` {known}.")
    train, model_dir = given.train or platform.channel_train, given.model_dir or platform.model_dir
    if train is None or model_dir is None:
        raise JobIncomplete("a folder is missing", fix="Give `--train DIR` and `--model-dir DIR`.")
    embedder = given.embedder or str(platform.hps.get("embedder") or "minilm")
    return Job(model, train, model_dir, given.output_dir or platform.output_data_dir, embedder)


def run_job(job: Job) -> None:
    """Train, write the model and its figures, and print the figures.

    Raises:
        TrainingDataBroken: the folder holds no data for this model.
    """
    metrics = asyncio.run(_train(job))
    if job.output_dir is not None:
        job.output_dir.mkdir(parents=True, exist_ok=True)
        (job.output_dir / "metrics.json").write_bytes((job.model_dir / "metrics.json").read_bytes())
    for name, value in sorted(metrics.items()):
        write(f"validation:{name}={value:g}")


async def _train(job: Job) -> dict[str, float]:
    from agent.models import make_embeddings
    from agent.settings import load_settings
    from learning.train import train_classifier, train_patterns

    if job.model == "pattern-recognition":
        return await train_patterns(job.train, job.model_dir, save_patterns)
    embedder = make_embeddings(load_settings(embedder=job.embedder))
    return await train_classifier(job.train, job.model_dir, embedder)


def save_patterns(fitted: "Fitted", domain: str, folder: Path) -> "PatternIndex":
    """Write a next-step model as an index without patterns to read, and open it."""
    from memory.arrays import open_pattern_index, write_index

    write_index(folder, domain=domain, model=fitted.model, patterns=[])
    return open_pattern_index(folder)


if __name__ == "__main__":
    main()
