"""What a backup has done so far, and its result."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class BackupCounts:
    """Counters of a running backup, in restic's words."""

    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    total_bytes_processed: int = 0
    bytes_read: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    skipped_sockets: int = 0
    bytes_under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def total_files_processed(self) -> int:
        """Files that are done."""
        return self.files_new + self.files_changed + self.files_unmodified

    def add_bytes_read(self, count: int) -> None:
        """Count content that was read and dealt with."""
        with self._lock:
            self.bytes_read += count

    def count_file(self, *, known: bool, size: int) -> None:
        """Count a file that was read."""
        if known:
            self.files_changed += 1
        else:
            self.files_new += 1
        self.total_bytes_processed += size


@dataclass(frozen=True)
class BackupSummary:
    """The result of a backup; the names are restic's.

    :param snapshot_id: hex id of the new snapshot.
    :param data_added: bytes of new blobs before compression, trees included.
    :param data_added_packed: the bytes that these take in the repository.
    :param bytes_read: bytes of content that were read from files.
    :param total_duration: seconds.
    :param errors: files that could not be read, with the reason; the snapshot is without them.
    :param sockets_skipped: sockets, which the snapshot is without: programs make them when they start.
    """

    snapshot_id: str
    files_new: int
    files_changed: int
    files_unmodified: int
    dirs_new: int
    dirs_changed: int
    dirs_unmodified: int
    data_blobs: int
    tree_blobs: int
    data_added: int
    data_added_packed: int
    bytes_read: int
    total_files_processed: int
    total_bytes_processed: int
    backup_start: str
    backup_end: str
    total_duration: float
    parent: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    sockets_skipped: int = 0

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON."""
        document = {"message_type": "summary", **asdict(self)}
        document["errors"] = len(self.errors)
        return document

    def for_snapshot(self) -> dict[str, Any]:
        """What restic keeps of it in the snapshot."""
        names = (
            "backup_start",
            "backup_end",
            "files_new",
            "files_changed",
            "files_unmodified",
            "dirs_new",
            "dirs_changed",
            "dirs_unmodified",
            "data_blobs",
            "tree_blobs",
            "data_added",
            "data_added_packed",
            "total_files_processed",
            "total_bytes_processed",
        )
        return {name: getattr(self, name) for name in names}
