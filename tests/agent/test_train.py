"""The training job: as a subprocess in SageMaker's folders, with the environment that SageMaker sets."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.train import Job, JobIncomplete, main, read_job, run_job
from domains.loader import find_domain, load_domain, load_scenarios
from learning.datasets import TrainingData, write_data
from learning.session_data import session_tables
from learning.trained_classifier import open_classifier
from learning.training import example_tables, split_examples
from memory.arrays import open_pattern_index
from memory.onnx import open_embedder
from tests.learning.logs import sessions_of, usual_log

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    domain = load_domain(find_domain("support"))
    tables = example_tables(split_examples(domain, load_scenarios(domain), []))
    root = tmp_path_factory.mktemp("data")
    return write_data(root, "intent-classifier", "support", "local", tables)


def sessions(root: Path) -> TrainingData:
    return write_data(
        root, "pattern-recognition", "pumps", "acme", session_tables(sessions_of(usual_log() * 3))
    )


def train_as_sagemaker(data: Path, opt: Path, **hyperparameters: str) -> subprocess.CompletedProcess[str]:
    """Run the entry point as the platform does: its folders, its variables, options of its making."""
    (opt / "model").mkdir(parents=True)
    (opt / "output").mkdir()
    said = {
        "SM_CHANNEL_TRAIN": str(data),
        "SM_MODEL_DIR": str(opt / "model"),
        "SM_OUTPUT_DATA_DIR": str(opt / "output"),
        "SM_HPS": json.dumps(hyperparameters),
        "SM_HOSTS": '["algo-1"]',
        "SM_USER_ENTRY_POINT": "train.py",
    }
    options = [word for name, value in hyperparameters.items() for word in (f"--{name}", value)]
    return subprocess.run(
        [sys.executable, "train.py", *options],
        cwd=ROOT,
        env=os.environ | said,  # noqa: TID251 - what a child gets
        capture_output=True,
        text=True,
        check=False,
    )


async def test_sagemaker_trains_a_classifier_that_can_be_opened(
    examples: TrainingData, tmp_path: Path
) -> None:
    done = train_as_sagemaker(examples.folder, tmp_path, model="intent-classifier", embedder="minilm")

    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert figures == json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert figures["label_accuracy"] > 0.8
    assert f"validation:label_accuracy={figures['label_accuracy']:g}" in done.stdout.splitlines()
    classifier = open_classifier(tmp_path / "model", open_embedder("minilm"), "trained:1")
    [found] = await classifier.classify(["I forgot my password"])
    assert found.intent_confidence > 0.5


async def test_sagemaker_trains_patterns_that_can_be_asked(tmp_path: Path) -> None:
    done = train_as_sagemaker(sessions(tmp_path / "data").folder, tmp_path, model="pattern-recognition")

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "output" / "metrics.json").read_text())["hit_rate_at_3"] > 0.9
    found = await open_pattern_index(tmp_path / "model").match(["alarm"], user=None)
    assert found.suggestions[0].label == "diagnose"


def test_the_same_data_gives_the_same_files(tmp_path: Path) -> None:
    data = sessions(tmp_path / "data").folder
    for name in ("a", "b"):
        run_job(Job("pattern-recognition", data, tmp_path / name, None, "minilm"))

    first, second = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("a", "b")
    )
    assert first == second
    assert "metrics.json" in first


def test_data_of_another_model_is_two_lines_and_status_2(examples: TrainingData, tmp_path: Path) -> None:
    done = train_as_sagemaker(examples.folder, tmp_path, model="pattern-recognition")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[learning.training_data_broken]")
    assert not list((tmp_path / "model").iterdir())


# --- what the job is told ------------------------------------------------------------------------------


def test_options_win_over_what_the_platform_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SM_CHANNEL_TRAIN", str(tmp_path / "channel"))
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    monkeypatch.setenv("SM_HPS", '{"model": "pattern-recognition", "embedder": "other"}')

    told = read_job([])
    given = read_job(["--model", "intent-classifier", "--train", "here", "--embedder", "minilm"])

    assert told == Job("pattern-recognition", tmp_path / "channel", tmp_path / "model", None, "other")
    assert given == Job("intent-classifier", Path("here"), tmp_path / "model", None, "minilm")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "it is to train `nothing`"),
        (["--model", "poetry"], "invalid choice: 'poetry'"),
        (["--model", "intent-classifier"], "a folder is missing"),
        (["--speed", "9"], "unrecognized arguments: --speed 9"),
    ],
)
def test_a_job_that_lacks_something_says_what(words: list[str], problem: str) -> None:
    with pytest.raises(JobIncomplete, match=problem):
        read_job(words)


def test_hyperparameters_that_are_no_object_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SM_HPS", "{")

    with pytest.raises(SystemExit) as left:
        main(["--model", "intent-classifier"])

    assert left.value.code == 2
    assert "environment SM_HPS" in capsys.readouterr().err
