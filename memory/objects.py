"""Named pieces of data that never change: files in a folder, or objects in a bucket (`memory.s3`)."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from memory.errors import StorageFailed
from memory.ports import LakeFile

if TYPE_CHECKING:  # nobody pays for Arrow who only names it
    import pyarrow as pa


class Objects(Protocol):
    """Keeps immutable data by name (`a/b/c`). All methods may raise `StorageFailed`."""

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Store it: whole or absent, even after a crash. A name that is there stays as it is."""
        ...

    def open(self, name: str) -> "pa.NativeFile":
        """Return what has the name, to be read anywhere in it; the caller closes it."""
        ...

    def list(self, prefix: str) -> list[LakeFile]:
        """Return all whose names start with the folder `prefix`, by name."""
        ...

    def delete(self, name: str) -> None:
        """Remove what has the name, if anything has; only for what must not be kept any longer."""
        ...

    def where(self, name: str) -> str:
        """Return the full address of a name, for people."""
        ...


class FolderObjects:
    """`Objects` in a folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, data: bytes | memoryview) -> None:
        """Write beside, sync, rename, sync the folder."""
        file = self._folder / name
        try:
            if file.exists():
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            beside = file.with_suffix(f".{secrets.token_hex(4)}.new")
            try:
                with beside.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                beside.replace(file)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            _sync_folder(file.parent)
        except OSError as error:
            raise StorageFailed(str(file), error.strerror or "it cannot be written") from None

    def open(self, name: str) -> "pa.NativeFile":
        import pyarrow as pa

        try:
            return pa.OSFile(str(self._folder / name))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else "it cannot be read"
            raise StorageFailed(self.where(name), reason) from None

    def list(self, prefix: str) -> list[LakeFile]:
        return sorted(self._walk(self._folder / prefix))

    def delete(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(self.where(name), error.strerror or "it cannot be removed") from None

    def _walk(self, folder: Path) -> Iterator[LakeFile]:
        for place, _, names in os.walk(folder):
            for name in names:
                file = Path(place, name)
                if file.suffix != ".new":
                    yield LakeFile(file.relative_to(self._folder).as_posix(), file.stat().st_size)

    def where(self, name: str) -> str:
        return str(self._folder / name)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
