"""What a restore has done so far, and its result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from migration_ops.vault.content_plan import ContentCounts


@dataclass
class RestoreCounts:
    """Counters of a running restore."""

    total_files: int = 0
    files_restored: int = 0
    files_unchanged: int = 0
    files_deleted: int = 0
    dirs: int = 0
    others: int = 0
    subtrees_skipped: int = 0
    total_bytes: int = 0
    bytes_done: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)
    content: ContentCounts = field(default_factory=ContentCounts)

    def begin_again(self) -> None:
        """Forget what was counted: the restore goes on in another way."""
        vars(self).update(vars(RestoreCounts()))


@dataclass(frozen=True)
class RestoreSummary:
    """The result of a restore; the first names are restic's.

    :param bytes_restored: bytes of content that were written.
    :param bytes_skipped: bytes of changed files that were there already.
    :param bytes_fetched: bytes that were read from the repository for content.
    :param subtrees_skipped: folders that were not looked into because base and snapshot agree on them.
    :param base_trusted: whether the target was found to hold the base.
    :param errors: what could not be restored, with the reason.
    """

    snapshot_id: str
    total_files: int
    files_restored: int
    files_skipped: int
    files_deleted: int
    total_bytes: int
    bytes_restored: int
    bytes_skipped: int
    bytes_fetched: int
    subtrees_skipped: int
    base_trusted: bool
    total_duration: float
    base: str | None = None
    dry_run: bool = False
    errors: tuple[tuple[str, str], ...] = ()
    differences: int | None = None

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON."""
        document = {"message_type": "summary", **asdict(self)}
        document["errors"] = len(self.errors)
        return document
