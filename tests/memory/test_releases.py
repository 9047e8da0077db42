"""A release that was published elsewhere is here with all its files, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.errors import StorageFailed
from memory.objects import FolderObjects
from memory.ports import LakeFile, Store
from memory.records import Release
from memory.releases import StoreWithFiles
from memory.sqlite import open_store
from tests.conformance.samples import release

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.sqlite") as opened:
        yield opened


class Bucket(FolderObjects):
    """A bucket that can be out of reach."""

    is_down = False
    asked = 0

    def list(self, prefix: str) -> list[LakeFile]:
        self.asked += 1
        if self.is_down:
            raise StorageFailed("the bucket", "it is down")
        return super().list(prefix)


def written(folder: Path) -> Release:
    made = release("r-1")
    (folder / made.path).mkdir(parents=True)
    (folder / made.path / "index.json").write_text("{}")
    (folder / made.path / "counts.npy").write_bytes(b"\x00\x01")
    return made


async def test_what_one_machine_published_another_serves(store: Store, tmp_path: Path) -> None:
    bucket, made = Bucket(tmp_path / "bucket"), written(tmp_path / "learner")
    learner = StoreWithFiles(store, bucket, tmp_path / "learner").registry("acme")
    await learner.publish(made)
    await learner.promote("pumps", "r-1")
    agent = StoreWithFiles(store, bucket, tmp_path / "agent").registry("acme")

    live = await agent.live("pumps")
    asked = bucket.asked
    await agent.live("pumps")

    assert live == made
    assert (tmp_path / "agent" / made.path / "counts.npy").read_bytes() == b"\x00\x01"
    assert sorted(one.name for one in (tmp_path / "agent" / made.path).parent.iterdir()) == ["r-1"]
    assert bucket.asked == asked
    assert await agent.releases("pumps") == [made]


async def test_while_the_bucket_is_down_the_release_is_named_and_fetched_later(
    store: Store, tmp_path: Path
) -> None:
    bucket, made = Bucket(tmp_path / "bucket"), written(tmp_path / "learner")
    learner = StoreWithFiles(store, bucket, tmp_path / "learner").registry("acme")
    await learner.publish(made)
    await learner.promote("pumps", "r-1")
    bucket.is_down = True
    files = StoreWithFiles(store, bucket, tmp_path / "agent")
    files._files._backoff._draw = lambda low, high: 1_000.0
    agent = files.registry("acme")

    seen = [await agent.live("pumps") for _ in range(5)]

    assert seen == [made] * 5
    assert bucket.asked == 1  # not once a turn
    assert not (tmp_path / "agent" / made.path).exists()


async def test_a_release_whose_files_cannot_be_put_up_is_not_published(store: Store, tmp_path: Path) -> None:
    made = written(tmp_path / "learner")
    (tmp_path / "bucket").write_text("this is no folder")
    learner = StoreWithFiles(store, Bucket(tmp_path / "bucket"), tmp_path / "learner").registry("acme")

    with pytest.raises(StorageFailed):
        await learner.publish(made)

    assert await store.registry("acme").releases("pumps") == []
