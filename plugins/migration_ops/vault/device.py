"""Block-mode volumes: the snapshot's only file is written into a device, only where it differs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from migration_ops.vault.base_proof import find_other_blob
from migration_ops.vault.content_writer import ContentWriter
from migration_ops.vault.errors import UsageError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.node import Node
from migration_ops.vault.repository import Repository
from migration_ops.vault.restore_counts import RestoreCounts
from migration_ops.vault.restored_file import RestoredFile
from migration_ops.vault.restored_folder import OpenFolder
from migration_ops.vault.snapshot import Snapshot
from migration_ops.vault.source import device_size
from migration_ops.vault.stopping import StopRequest
from migration_ops.vault.tree import decode_tree


class _Device(RestoredFile):
    """A device in the place of a file: never truncated, no metadata."""

    __slots__ = ("_device_lock",)

    def __init__(self, folder: OpenFolder, node: Node) -> None:
        super().__init__(folder, node, fresh=False)
        self._device_lock = threading.Lock()

    def _open(self) -> int:
        with self._device_lock:
            if self._descriptor < 0:
                self._descriptor = os.open(
                    self.node.name, os.O_RDWR | os.O_CLOEXEC, dir_fd=self.folder.descriptor
                )
            return self._descriptor

    def finish(self) -> None:
        """Bring what was written to the device."""
        if self._descriptor >= 0:
            try:
                os.fsync(self._descriptor)
            finally:
                os.close(self._descriptor)
                self._descriptor = -1


def only_file(repo: Repository, snapshot: Snapshot) -> Node:
    """The one file that a snapshot of a device holds.

    :raises UsageError: if it holds something else.
    """
    tree = bytes.fromhex(snapshot.tree)
    while True:
        nodes = list(decode_tree(repo.load_tree(tree)))
        if len(nodes) == 1 and nodes[0].type == "dir" and nodes[0].subtree is not None:
            tree = nodes[0].subtree
        elif len(nodes) == 1 and nodes[0].type == "file":
            return nodes[0]
        else:
            raise UsageError(
                f"snapshot {snapshot.short_id} is not of a block device: it holds {len(nodes)} entries;"
                " restore it to a folder"
            )


def restore_device(
    repo: Repository,
    snapshot: Snapshot,
    base: Snapshot | None,
    device: Path,
    *,
    counts: RestoreCounts,
    stop: StopRequest,
    dry_run: bool,
    mismatch: Callable[[str], None],
) -> bool:
    """Write a snapshot's only file into a block device.

    Without a base the device is read and compared; with one, only blobs that differ from the base's are
    looked at, and a sample of the others, which proves the base. A device has no room for a journal: a
    restore of another snapshot that did not end leaves it neither here nor there, which a sample may miss.

    :param mismatch: told what shows that the device does not hold the base; all of it is compared then.
    :returns: whether it was found to hold the base.
    :raises UsageError: if the device is smaller than the content, or a file system on it is mounted.
    """
    node = only_file(repo, snapshot)
    counts.total_files, counts.total_bytes = 1, node.size
    resolved = Path(os.path.realpath(device))
    _refuse_unfit(device, resolved, node)
    folder = OpenFolder(
        os.open(resolved.parent, os.O_RDONLY | os.O_DIRECTORY),
        os.fsencode(resolved.parent),
        None,
        None,
        fresh=False,
    )
    try:
        node.name = os.fsencode(resolved.name)
        file = _Device(folder, node)

        def finished(done: RestoredFile) -> None:
            done.finish_or_fail()
            if done.error is None:
                counts.files_restored += 1
            else:
                counts.errors.append((str(device), str(done.error)))

        fingerprints = Fingerprints(repo.key)
        fingerprints.load(repo, snapshot.fingerprints)
        writer = ContentWriter(repo, fingerprints, stop, finished)
        counts.content = writer.counts
        pieces = writer.layout(node)
        trusted = False
        if base is not None:
            there = {(piece.id, piece.offset) for piece in writer.layout(only_file(repo, base))}
            skipped = [piece for piece in pieces if (piece.id, piece.offset) in there]
            other = find_other_blob(resolved, skipped)
            if other:
                mismatch(other)
            else:
                trusted = True
                counts.content.bytes_unchanged += sum(piece.length for piece in skipped)
                pieces = [piece for piece in pieces if (piece.id, piece.offset) not in there]
        if dry_run:
            return trusted
        try:
            # Blobs that the base lacks may have been written by an interrupted run: comparing finds out.
            writer.add_compared(file, pieces)
            writer.start()
            writer.drain()
        finally:
            writer.close()
        return trusted
    finally:
        os.close(folder.descriptor)


def _refuse_unfit(device: Path, resolved: Path, node: Node) -> None:
    descriptor = os.open(resolved, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = device_size(descriptor)
    finally:
        os.close(descriptor)
    if size < node.size:
        raise UsageError(
            f"{device} has {size} bytes, the snapshot needs {node.size}; use a volume at least as large"
        )
    mounted = _mounted_at(resolved)
    if mounted:
        raise UsageError(f"{device} holds a file system that is mounted at {mounted}; unmount it first")


def _mounted_at(device: Path) -> str:
    """Where this mount namespace has a device's file system, or nothing."""
    number = os.stat(device).st_rdev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if words[2] == wanted:
            return words[4]
    return ""
