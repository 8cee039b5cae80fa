"""A trial of the storage before anything depends on it: write, read back, compare, delete, with times."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from typing import Any

from migration_ops.vault.backend import FileKind, open_backend
from migration_ops.vault.config import config_exists
from migration_ops.vault.errors import DamagedError, ObjectMissing, StorageError
from migration_ops.vault.location import StoreSettings


@dataclass(frozen=True)
class ProbeSummary:
    """What the trial showed; times are seconds.

    :param repository_exists: whether the location holds a repository already.
    """

    location: str
    bytes: int
    write_seconds: float
    read_seconds: float
    delete_seconds: float
    repository_exists: bool

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON."""
        return {"message_type": "summary", **asdict(self)}


_TRIAL = "0" * 32


def try_writing(location: str, settings: StoreSettings | None = None) -> bool:
    """Store one small object, as a backup would, and delete it; says whether it could be deleted.

    It always has the same name: where deleting isn't allowed, one object of some bytes stays, however often
    this is done.

    :param location: of a repository, which need not exist; a folder has to.
    :raises StorageError: if it can't be stored.
    """
    backend = open_backend(location, settings)
    backend.save(FileKind.PROBE, _TRIAL, [b"migration-ops was here to see whether it may write\n"])
    try:
        backend.remove(FileKind.PROBE, _TRIAL)
    except StorageError:
        return False
    return True


def probe(
    location: str, settings: StoreSettings | None = None, *, size: int = 8 * 1024 * 1024
) -> ProbeSummary:
    """Write random bytes to a repository's location, read them back and delete them.

    No repository is needed.

    :param size: bytes.
    :raises StorageError: if any step is refused, or the object can still be read after it was deleted.
    :raises DamagedError: if what comes back is not what was written.
    """
    backend = open_backend(location, settings)
    exists = config_exists(backend)
    name, content = os.urandom(16).hex(), os.urandom(size)
    if not exists and not location.startswith("s3:"):
        backend.create()
    started = time.monotonic()
    backend.save(FileKind.PROBE, name, [content])
    written = time.monotonic()
    try:
        returned = backend.load(FileKind.PROBE, name)
        read = time.monotonic()
    finally:
        deleting = time.monotonic()
        backend.remove(FileKind.PROBE, name)
        deleted = time.monotonic()
    if returned != content:
        raise DamagedError(f"{location} gave back other bytes than were written: do not use this storage")
    try:
        backend.size(FileKind.PROBE, name)
    except ObjectMissing:
        pass
    else:
        raise StorageError(
            f"{location} still has an object that was deleted; check versioning and retention locks"
        )
    return ProbeSummary(
        backend.location,
        size,
        round(written - started, 6),
        round(read - written, 6),
        round(deleted - deleting, 6),
        exists,
    )
