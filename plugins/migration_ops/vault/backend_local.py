"""A repository in a folder: temporary file, fsync, rename, fsync of the folder, read-only afterwards."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from migration_ops.vault.backend import ID_PATTERN, Buffer, FileKind
from migration_ops.vault.errors import (
    DamagedError,
    ObjectMissing,
    StorageDenied,
    StorageError,
    StorageUnavailable,
)

# Full disks and quotas do not heal by themselves within a run; an I/O error may.
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG, errno.EFBIG}
_IOV_MAX = 1024


def _explain(error: OSError, path: Path, doing: str) -> StorageError:
    text = f"cannot {doing} {path}: {error.strerror or error}"
    if error.errno == errno.ENOENT:
        return ObjectMissing(f"{text}; the file is not in the repository")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return StorageDenied(f"{text}; give this user access to the repository's folder")
    if error.errno in _LASTING:
        return StorageError(f"{text}; free space or raise the limit, then run again")
    return StorageUnavailable(f"{text}; look at the system's log, then run again")


class LocalBackend:
    """Files below a folder, in restic's default layout.

    :param root: the repository's folder.
    """

    def __init__(self, root: str) -> None:
        self.location = root
        self.connections = 2
        self.read_ahead = 0
        self._root = Path(root)
        self._file_mode = 0o400
        self._folder_mode = 0o700

    def create(self) -> None:
        """Make the folders, ``data/00`` to ``data/ff`` included."""
        try:
            for kind in (FileKind.KEY, FileKind.INDEX, FileKind.SNAPSHOT, FileKind.LOCK, FileKind.PACK):
                (self._root / kind.value).mkdir(mode=0o700, parents=True, exist_ok=True)
            for prefix in range(256):
                (self._root / "data" / f"{prefix:02x}").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _explain(error, self._root, "create the repository's folders in") from error

    def _path(self, kind: FileKind, name: str) -> Path:
        return self._root / kind.path_of(name)

    def save(self, kind: FileKind, name: str, parts: Sequence[Buffer]) -> None:
        """Write beside, sync, rename; a crash leaves a ``-tmp-`` file that every reader passes over."""
        path = self._path(kind, name)
        temporary = path.with_name(f"{path.name}-tmp-{os.urandom(6).hex()}")
        try:
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                path.parent.mkdir(mode=self._folder_mode, exist_ok=True)
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                length = _write_all(descriptor, parts)
                os.fchmod(descriptor, self._file_mode)
                os.fsync(descriptor)
                if os.fstat(descriptor).st_size != length:
                    raise OSError(errno.EIO, "the stored size is not the written size")
            finally:
                os.close(descriptor)
            temporary.rename(path)
            _sync_folder(path.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise _explain(error, path, "write") from error

    def load(self, kind: FileKind, name: str) -> bytes:
        """Read a whole file."""
        path = self._path(kind, name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise _explain(error, path, "read") from error

    def read_range(self, kind: FileKind, name: str, offset: int, length: int) -> Buffer:
        """Read exactly `length` bytes from `offset`."""
        path = self._path(kind, name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.pread(descriptor, length, offset)
                while 0 < len(data) < length:
                    more = os.pread(descriptor, length - len(data), offset + len(data))
                    if not more:
                        break
                    data += more
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _explain(error, path, "read") from error
        if len(data) != length:
            raise DamagedError(
                f"{path} ends at {offset + len(data)}, before byte {offset + length}: it is truncated"
            )
        return data

    def size(self, kind: FileKind, name: str) -> int:
        """Size of a file in bytes."""
        path = self._path(kind, name)
        try:
            return path.stat().st_size
        except OSError as error:
            raise _explain(error, path, "look at") from error

    def modified(self, kind: FileKind, name: str) -> float:
        """When a file was written, by the file system's clock."""
        path = self._path(kind, name)
        try:
            return path.stat().st_mtime
        except OSError as error:
            raise _explain(error, path, "look at") from error

    def list(self, kind: FileKind) -> Iterator[tuple[str, int]]:
        """Name and size of every file of a kind."""
        folder = self._root / kind.value
        try:
            folders = (
                sorted(entry.path for entry in os.scandir(folder)) if kind is FileKind.PACK else [str(folder)]
            )
        except FileNotFoundError:
            return
        except OSError as error:
            raise _explain(error, folder, "list") from error
        for each in folders:
            try:
                with os.scandir(each) as entries:
                    found = [(entry.name, entry) for entry in entries if ID_PATTERN.match(entry.name)]
            except (NotADirectoryError, FileNotFoundError):
                continue
            except OSError as error:
                raise _explain(error, Path(each), "list") from error
            for name, entry in found:
                try:
                    yield name, entry.stat().st_size
                except FileNotFoundError:
                    continue

    def remove(self, kind: FileKind, name: str) -> None:
        """Delete a file."""
        path = self._path(kind, name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _explain(error, path, "delete") from error

    def close(self) -> None:
        """Nothing is kept open."""


def _write_all(descriptor: int, parts: Sequence[Buffer]) -> int:
    total = 0
    for start in range(0, len(parts), _IOV_MAX):
        pending = [memoryview(part) for part in parts[start : start + _IOV_MAX] if len(part)]
        while pending:
            written = os.writev(descriptor, pending)
            total += written
            while pending and written >= len(pending[0]):
                written -= len(pending.pop(0))
            if pending and written:
                pending[0] = pending[0][written:]
    return total


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
