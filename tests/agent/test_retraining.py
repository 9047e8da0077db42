"""Training anew: a better model is put in use, serves turns from then on, and can be taken back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.cli import main
from agent.retraining import Retrained, TrainingFailed, _train, models_folder, retrain
from agent.runtime import Runtime
from agent.settings import Settings
from agent.wiring import open_runtime
from domains.loader import new_domain
from learning.models import read_live, rollback
from learning.recorded import RecordedSession, recorded_events

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NAME = "intent-classifier.shop.t-local"
JARGON = "the frobnicator zorps"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Runtime]:
    settings = Settings(state_dir=folder / "state", domains_dir=folder / "domains", domain="shop")
    runtime = await open_runtime(settings)
    try:
        yield runtime
    finally:
        await runtime.close()


async def replay(runtime: Runtime, sessions: int) -> None:
    """Fill the lake: people have labelled what users say in words that the domain's examples lack."""
    log = [
        RecordedSession(
            session_id=f"old-{n}",
            user_id=f"u-{n % 97}",
            labels=["troubleshooting", "how_to"],
            texts=[f"{JARGON} number {n}", f"make the frobnicator sing number {n}"],
        )
        for n in range(sessions)
    ]
    await runtime.replay([e for one in log for e in recorded_events(one, tenant="local", domain="shop")])


async def train(runtime: Runtime) -> Retrained:
    return await retrain(runtime, "intent-classifier", "shop", NOW, lambda *_: None)


@pytest.fixture(scope="module")
async def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Retrained]:
    folder = tmp_path_factory.mktemp("trained")
    new_domain("shop", folder / "domains")
    async with opened(folder) as runtime:
        await replay(runtime, 240)
        return folder, await train(runtime)


async def test_what_people_labelled_teaches_a_better_model_and_it_is_put_in_use(
    trained: tuple[Path, Retrained],
) -> None:
    folder, done = trained

    assert (done.is_new, done.is_live, done.version.version) == (True, True, 1)
    assert done.comparison.candidate["label_accuracy"] > done.comparison.live["label_accuracy"]
    assert done.version.data_hash == done.data.data_hash
    async with opened(folder) as runtime:
        classifier = (await runtime.services("shop")).primary.classifier
        [found] = await classifier.classify([f"{JARGON} again"])
    assert classifier.identity.endswith(f":v1-{done.data.data_hash[:8]}")
    assert found.intent == "troubleshooting"


async def test_the_same_lake_gives_the_same_version(trained: tuple[Path, Retrained]) -> None:
    folder, done = trained
    async with opened(folder) as runtime:
        again = await train(runtime)

    assert (again.version, again.is_new, again.is_live) == (done.version, False, True)


async def test_what_somebody_took_back_stays_out_and_another_tenant_never_had_it(
    trained: tuple[Path, Retrained],
) -> None:
    folder, _ = trained
    async with opened(folder) as runtime:
        root = models_folder(runtime)
        await replay(runtime, 300)
        second = await train(runtime)
        (root / NAME / "live.json").write_text(json.dumps({"history": [1, 2]}))
        rollback(root, NAME)
        again = await train(runtime)
        theirs = await runtime._parts.services("shop", "other")
        ours = await runtime._parts.services("shop", "local")

    assert second.version.version == 2
    assert (again.is_live, again.version) == (False, second.version)
    assert "took it back" in again.reason
    assert read_live(root, NAME).history == [1]
    assert ":v1-" in ours.local.classifier.identity
    assert ":v1-" not in theirs.local.classifier.identity


async def test_a_broken_model_does_not_stop_turns(
    trained: tuple[Path, Retrained], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, _ = trained
    (folder / "state/models" / NAME / "v1/mean.npy").rename(tmp_path / "mean.npy")
    try:
        async with opened(folder) as runtime:
            identity = (await runtime.services("shop")).local.classifier.identity
    finally:
        (tmp_path / "mean.npy").rename(folder / "state/models" / NAME / "v1/mean.npy")

    assert ":v1-" not in identity
    assert "`mean.npy` is not what was published" in caplog.text


async def test_a_job_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"status 2: .*data\.json"):
        await _train("intent-classifier", tmp_path, tmp_path / "into", "minilm")


def test_versions_are_listed_shown_and_taken_back_by_hand(
    trained: tuple[Path, Retrained], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, _ = trained
    here = ["-d", "shop", "--state", str(folder / "state")]

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["models", *words, *here])
        return int(left.value.code or 0), *capsys.readouterr()

    assert "in use" in call("list")[1]
    status, shown, _ = call("show", "intent-classifier", "v1", "--json")
    assert (status, json.loads(shown)["version"]["name"]) == (0, NAME)
    assert call("promote", "intent-classifier", "v2")[2] == f"v2 of {NAME} is in use\n"
    assert call("rollback", "intent-classifier")[2] == f"v1 of {NAME} is in use\n"
    assert "taken back" in call("list")[1]
    status, _, told = call("show", "intent-classifier", "newest")
    assert (status, told.splitlines()[0]) == (2, "error[agent.usage]: `newest` is no version.")
    assert call("rollback", "intent-classifier", "v9")[0] == 2
