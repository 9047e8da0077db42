"""Releases whose files lie in a bucket, so that whoever reads the registry elsewhere has them too."""

import asyncio
import os
import shutil
from contextlib import suppress
from pathlib import Path

from memory.backoff import Backoff
from memory.errors import StorageFailed
from memory.objects import Objects
from memory.ports import ConversationStore, PatternStore, ProfileStore, Registry, Store
from memory.records import Release


class StoreWithFiles:
    """`Store` whose registries bring the files of a release along."""

    def __init__(self, store: Store, objects: Objects, folder: Path) -> None:
        """`folder` is where the paths of releases begin on this machine."""
        self._store = store
        self._files = _ReleaseFiles(objects, folder)

    def profiles(self, tenant: str) -> ProfileStore:
        """Return what is known of the users of a tenant."""
        return self._store.profiles(tenant)

    def conversations(self, tenant: str) -> ConversationStore:
        """Return the sessions of a tenant."""
        return self._store.conversations(tenant)

    def registry(self, tenant: str) -> "RegistryWithFiles":
        """Return the releases of a tenant."""
        return RegistryWithFiles(self._store.registry(tenant), self._files)

    def patterns(self, tenant: str) -> PatternStore | None:
        """Return where patterns of a tenant are published, if anywhere."""
        return self._store.patterns(tenant)


class RegistryWithFiles:
    """`Registry` that puts a release's files up before it is known, and fetches those of the live one."""

    def __init__(self, registry: Registry, files: "_ReleaseFiles") -> None:
        self._registry = registry
        self._files = files

    async def publish(self, release: Release) -> None:
        await asyncio.to_thread(self._files.put, release.path)
        await self._registry.publish(release)

    async def promote(self, domain: str, release_id: str) -> None:
        await self._registry.promote(domain, release_id)

    async def live(self, domain: str) -> Release | None:
        release = await self._registry.live(domain)
        if release is not None:
            await self._files.fetch(release.path)
        return release

    async def releases(self, domain: str) -> list[Release]:
        return await self._registry.releases(domain)


class _ReleaseFiles:
    """The files below the path of a release, here and in the bucket."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects = objects
        self._folder = folder
        self._backoff = Backoff()
        self._fetching = asyncio.Lock()

    def put(self, path: str) -> None:
        """Put every file up; a release is known to nobody before that, so it is whole or absent."""
        for file in sorted((self._folder / path).iterdir()):
            self._objects.put(f"{path}/{file.name}", file.read_bytes())

    async def fetch(self, path: str) -> None:
        """Fetch a release that is not here; when that fails, turns go on without guidance for a while."""
        if (self._folder / path).is_dir():
            return
        async with self._fetching:
            if (self._folder / path).is_dir() or not self._backoff.is_due:
                return
            try:
                await asyncio.to_thread(self._fetch, path)
            except StorageFailed:
                self._backoff.failed()
            else:
                self._backoff.worked()

    def _fetch(self, path: str) -> None:
        """Write beside and rename: the folder is whole or absent."""
        folder = self._folder / path
        beside = folder.with_name(f".{folder.name}.{os.getpid()}.fetched")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir(parents=True)
            for found in self._objects.list(path):
                with self._objects.open(found.name) as stream:
                    (beside / Path(found.name).name).write_bytes(stream.read())
            with suppress(FileExistsError):  # another process was quicker
                beside.rename(folder)
        except OSError as error:
            raise StorageFailed(str(folder), error.strerror or "it cannot be written") from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
