"""What the engine asks of the place that stores a repository: named, write-once files of six kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

Buffer = bytes | bytearray | memoryview

ID_PATTERN = re.compile(r"[0-9a-f]{64}\Z")


class FileKind(StrEnum):
    """The kinds of files; the value is the folder that holds them (``config`` is a single file)."""

    CONFIG = "config"
    KEY = "keys"
    INDEX = "index"
    SNAPSHOT = "snapshots"
    LOCK = "locks"
    PACK = "data"
    PROBE = "probe"

    def path_of(self, name: str) -> str:
        """Path of the file below the repository's root, with forward slashes."""
        if self is FileKind.CONFIG:
            return "config"
        if self is FileKind.PACK:
            return f"data/{name[:2]}/{name}"
        if self is FileKind.PROBE:
            return f"probe-{name}"
        return f"{self.value}/{name}"


class Backend(Protocol):
    """Storage of one repository. Every method may be called from several threads at once.

    A file is visible under its name completely or not at all, and durable when ``save`` has returned.
    `read_ahead` is how many bytes are worth reading to save a request; 0 where requests cost nothing.
    Errors are :class:`~migration_ops.vault.errors.StorageError` and its subclasses.
    """

    location: str
    connections: int
    read_ahead: int

    def create(self) -> None:
        """Prepare the place for a new repository (folders; a bucket must exist)."""

    def save(self, kind: FileKind, name: str, parts: Sequence[Buffer]) -> None:
        """Store the concatenation of `parts`; it replaces a file of that name."""

    def load(self, kind: FileKind, name: str) -> bytes:
        """Read a whole file.

        :raises ObjectMissing: if there is none of that name.
        """

    def read_range(self, kind: FileKind, name: str, offset: int, length: int) -> Buffer:
        """Read exactly `length` bytes from `offset`.

        :raises ObjectMissing: if there is no file of that name.
        :raises DamagedError: if the file ends before.
        """

    def size(self, kind: FileKind, name: str) -> int:
        """Size of a file in bytes.

        :raises ObjectMissing: if there is none of that name.
        """

    def modified(self, kind: FileKind, name: str) -> float:
        """When a file was written, in seconds, by the storage's own clock.

        :raises ObjectMissing: if there is none of that name.
        """

    def list(self, kind: FileKind) -> Iterator[tuple[str, int]]:
        """Name and size of every file of a kind, each once; foreign names are passed over."""

    def remove(self, kind: FileKind, name: str) -> None:
        """Delete a file; one that is gone already is no error."""

    def close(self) -> None:
        """Give back connections."""


def open_backend(location: str, settings: object | None = None) -> Backend:
    """Make the backend for a repository's name.

    :param location: as in :func:`migration_ops.vault.location.parse_location`.
    :param settings: :class:`~migration_ops.vault.location.StoreSettings` for S3.
    """
    from migration_ops.vault.location import LocalLocation, StoreSettings, parse_location

    parsed = parse_location(location)
    if isinstance(parsed, LocalLocation):
        from migration_ops.vault.backend_local import LocalBackend

        return LocalBackend(parsed.path)
    from migration_ops.vault.backend_s3 import S3Backend

    chosen = settings if isinstance(settings, StoreSettings) else StoreSettings()
    return S3Backend(parsed, chosen)
