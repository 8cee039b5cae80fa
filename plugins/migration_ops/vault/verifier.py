"""The verify command: a folder is read again and compared with a snapshot, content and metadata."""

from __future__ import annotations

import os
import random
import stat
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migration_ops.vault import lock as locks
from migration_ops.vault.device import only_file
from migration_ops.vault.errors import UsageError
from migration_ops.vault.index import blob_id_of
from migration_ops.vault.node import Node, type_of
from migration_ops.vault.pack import BlobType
from migration_ops.vault.progress import Report, Ticker, error_message, silent
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore_options import JOURNAL_NAME
from migration_ops.vault.restored_file import is_zeros
from migration_ops.vault.snapshot import Snapshot, find_snapshot
from migration_ops.vault.source import below, read_xattrs
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.target_folder import open_folder
from migration_ops.vault.tree import decode_tree

_LARGE = 1024 * 1024
_MOST_ITEMS = 1000
_MOST_OPEN = 64


@dataclass
class VerifySummary:
    """What a comparison found.

    :param differences: how many differences there are.
    :param items: path and difference, at most a thousand.
    """

    snapshot_id: str
    total_files: int = 0
    total_bytes: int = 0
    differences: int = 0
    items: list[tuple[str, str]] = field(default_factory=list)
    total_duration: float = 0.0

    def as_document(self) -> dict[str, Any]:
        """The summary's JSON."""
        return {
            "message_type": "summary", "snapshot_id": self.snapshot_id, "total_files": self.total_files,
            "total_bytes": self.total_bytes, "differences": self.differences,
            "items": [{"item": path, "difference": what} for path, what in self.items[:20]],
            "total_duration": self.total_duration,
        }  # fmt: skip


def verify(
    repo: Repository,
    snapshot_id: str,
    target: Path | str,
    *,
    content: float = 1.0,
    stop: StopRequest | None = None,
    progress: Report | None = None,
) -> VerifySummary:
    """Read a folder (or block device) again and compare it with a snapshot.

    :param content: which part of the content is read, chosen at random: 1.0 all of it, 0.0 nothing but sizes,
        links and metadata.
    :param progress: called with JSON messages, one error for each difference.
    :raises UsageError: if the target is not there.
    """
    with locks.locked(repo):
        snapshot = find_snapshot(repo, snapshot_id)
        return verify_tree(
            repo,
            snapshot,
            Path(target),
            report=progress or silent,
            content=content,
            stop=stop,
            progress=progress,
        )


def verify_tree(
    repo: Repository,
    snapshot: Snapshot,
    target: Path,
    *,
    report: Report,
    content: float = 1.0,
    stop: StopRequest | None = None,
    progress: Report | None = None,
) -> VerifySummary:
    """Compare a folder with a snapshot, under a lock that is held already; see `verify`."""
    started = time.monotonic()
    verifier = _Verifier(repo, snapshot, report, stop or StopRequest(), content)
    expected = int(snapshot.summary.get("total_bytes_processed", 0))

    def status() -> dict[str, Any]:
        summary = verifier.summary
        total = max(expected, summary.total_bytes)
        return {
            "message_type": "status",
            "percent_done": summary.total_bytes / total if total else 0.0,
            "files_done": summary.total_files,
            "bytes_done": summary.total_bytes,
            "total_bytes": total,
            "total_files": int(snapshot.summary.get("total_files_processed", 0)),
            "seconds_elapsed": int(time.monotonic() - started),
            "seconds_remaining": 0,
        }

    with Ticker(progress, status):
        verifier.run(target)
    verifier.summary.total_duration = time.monotonic() - started
    return verifier.summary


class _Verifier:
    def __init__(
        self, repo: Repository, snapshot: Snapshot, report: Report, stop: StopRequest, content: float
    ) -> None:
        self._repo = repo
        self._snapshot = snapshot
        self._report = report
        self._stop = stop
        self._content = content
        self._pool = ThreadPoolExecutor(os.cpu_count() or 2, "verify")
        self._running: list[tuple[bytes, Future[str]]] = []
        # Hard links: the inode on the disk of each (inode, device) of the snapshot, and back.
        self._links: dict[tuple[int, int], int] = {}
        self.summary = VerifySummary(snapshot.id)

    def _differs(self, path: bytes, what: str) -> None:
        message = error_message(path or b"/", what, "verify")
        self.summary.differences += 1
        if len(self.summary.items) < _MOST_ITEMS:
            self.summary.items.append((message["item"], what))
        self._report(message)

    def run(self, target: Path) -> None:
        try:
            if not target.exists():
                raise UsageError(f"the target {target} does not exist")
            if stat.S_ISBLK(target.stat().st_mode):
                self._compare_device(target)
            else:
                self._compare_folder(target)
            self._collect(leave=0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _compare_device(self, target: Path) -> None:
        node = only_file(self._repo, self._snapshot)
        self.summary.total_files = 1
        self.summary.total_bytes = node.size
        self._compare_later(os.open(target, os.O_RDONLY | os.O_CLOEXEC), os.fsencode(target), node)

    def _compare_folder(self, target: Path) -> None:
        try:
            root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except NotADirectoryError as error:
            raise UsageError(f"the target {target} is neither a folder nor a block device") from error
        if self._snapshot.root is not None:
            self._compare_metadata(b"", self._snapshot.root, os.fstat(root), root)
        stack: list[tuple[int, bytes, Iterator[Node], set[bytes]]] = []
        try:
            stack.append(self._enter(root, b"", bytes.fromhex(self._snapshot.tree)))
            while stack:
                folder, path, nodes, extras = stack[-1]
                node = next(nodes, None)
                if node is None:
                    for name in sorted(extras - ({JOURNAL_NAME, b"lost+found"} if not path else set())):
                        self._differs(path + b"/" + name, "is not in the snapshot")
                    os.close(folder)
                    stack.pop()
                    continue
                self._stop.check()
                extras.discard(node.name)
                deeper = self._compare_entry(folder, path + b"/" + node.name, node)
                if deeper is not None and node.subtree is not None:
                    stack.append(self._enter(deeper, path + b"/" + node.name, node.subtree))
        finally:
            for folder, *_ in stack:
                os.close(folder)

    def _enter(self, folder: int, path: bytes, tree: bytes) -> tuple[int, bytes, Iterator[Node], set[bytes]]:
        names = {os.fsencode(name) for name in os.listdir(folder)}
        return folder, path, decode_tree(self._repo.load_tree(tree)), names

    def _compare_entry(self, folder: int, path: bytes, node: Node) -> int | None:
        """Compare one entry; returns a descriptor if it is a folder to go on with."""
        if node.type == "socket":
            return None
        try:
            status = os.stat(node.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            self._differs(path, "is missing")
            return None
        kind = type_of(status.st_mode)
        if kind != node.type:
            self._differs(path, f"is a {kind}, not a {node.type}")
            return None
        self._compare_metadata(path, node, status, below(folder, node.name))
        if node.type == "dir":
            return open_folder(node.name, folder)
        if node.type == "symlink" and os.readlink(node.name, dir_fd=folder) != node.link_target:
            self._differs(path, "points to something else")
        elif node.type in ("dev", "chardev") and status.st_rdev != node.device:
            self._differs(path, f"is device {status.st_rdev}, not {node.device}")
        elif node.type == "file":
            self._compare_file(folder, path, node, status)
        return None

    def _compare_metadata(self, path: bytes, node: Node, status: os.stat_result, place: bytes | int) -> None:
        found: list[str] = []
        if node.type != "symlink" and permissions_of(status) != node.permissions:
            found.append(f"mode {permissions_of(status):04o}, not {node.permissions:04o}")
        if (status.st_uid, status.st_gid) != (node.uid, node.gid):
            found.append(f"owner {status.st_uid}:{status.st_gid}, not {node.uid}:{node.gid}")
        if status.st_mtime_ns != node.mtime:
            found.append(f"time {status.st_mtime_ns}, not {node.mtime}")
        try:
            xattrs = dict(read_xattrs(place))
        except OSError as error:
            found.append(f"attributes that can't be read: {error.strerror}")
        else:
            if xattrs != dict(node.xattrs):
                found.append("other extended attributes")
        for what in found:
            self._differs(path, what)

    def _compare_file(self, folder: int, path: bytes, node: Node, status: os.stat_result) -> None:
        self.summary.total_files += 1
        self.summary.total_bytes += node.size
        if status.st_size != node.size:
            self._differs(path, f"has {status.st_size} bytes, not {node.size}")
            return
        if node.links > 1:
            key = (node.inode, node.device_id)
            if self._links.setdefault(key, status.st_ino) != status.st_ino:
                self._differs(path, "is no hard link to the files that it should share its content with")
        if not node.size or self._content <= 0:
            return
        try:
            descriptor = os.open(node.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            self._differs(path, f"can't be read: {error.strerror}")
            return
        if node.size >= _LARGE:
            self._compare_later(descriptor, path, node)
            return
        what = self._compare_content(descriptor, node)
        if what:
            self._differs(path, what)

    def _compare_later(self, descriptor: int, path: bytes, node: Node) -> None:
        self._running.append((path, self._pool.submit(self._compare_content, descriptor, node)))
        self._collect(leave=_MOST_OPEN)

    def _collect(self, *, leave: int) -> None:
        while len(self._running) > leave:
            path, future = self._running.pop(0)
            what = future.result()
            if what:
                self._differs(path, what)

    def _is_chosen(self) -> bool:
        return self._content >= 1 or random.random() < self._content  # noqa: S311 - no secret is made of it

    def _compare_content(self, descriptor: int, node: Node) -> str:
        offset = 0
        try:
            for blob_id in node.content or ():
                if self._stop.asked:
                    return ""
                place = self._repo.index.find(BlobType.DATA, blob_id)
                if place is None:
                    return f"can't be compared: its data blob {blob_id.hex()} is in no index"
                length = place.blob.plaintext_length
                if self._is_chosen() and not _is_hole(descriptor, offset, length, blob_id):
                    data = os.pread(descriptor, length, offset)
                    if len(data) != length or blob_id_of(data) != blob_id:
                        return f"has other content between bytes {offset} and {offset + length}"
                offset += length
        except OSError as error:
            return f"can't be read: {error.strerror}"
        finally:
            os.close(descriptor)
        return "" if offset >= node.size else f"has content up to byte {offset} only in the snapshot"


def _is_hole(descriptor: int, offset: int, length: int, blob_id: bytes) -> bool:
    """Whether a range is a hole where zeros belong: it need not be read."""
    try:
        data = os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError:
        data = offset + length if os.fstat(descriptor).st_size >= offset + length else offset
    return data >= offset + length and is_zeros(blob_id, length)


def permissions_of(status: os.stat_result) -> int:
    """The lower twelve bits of a mode."""
    return stat.S_IMODE(status.st_mode)
