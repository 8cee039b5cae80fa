"""The walk of a backup: from files to trees.

One thread walks. What is in a file is left to the file saver; a folder's tree is stored when the last of its
nodes is complete, so folders overlap.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from migration_ops.vault.backup_counts import BackupCounts
from migration_ops.vault.blob_saver import BlobSaver
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.file_saver import FileSaver, WalkOptions
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.folder import Folder, Targets
from migration_ops.vault.names import json_key
from migration_ops.vault.node import Node, encode_node
from migration_ops.vault.parent import ParentTree
from migration_ops.vault.progress import Report, error_message
from migration_ops.vault.repository import Repository
from migration_ops.vault.source import below, is_device, node_of, read_xattrs

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


class Archiver:
    """Backs up one set of targets."""

    def __init__(  # noqa: PLR0917 - one caller, in the order of the work
        self,
        repo: Repository,
        saver: BlobSaver,
        counts: BackupCounts,
        options: WalkOptions,
        fingerprints: Fingerprints,
        report: Report,
    ) -> None:
        self._repo = repo
        self._saver = saver
        self._files = FileSaver(repo, saver, counts, options, fingerprints, self._error)
        self._counts = counts
        self._excludes = options.excludes
        self._report = report
        self._root_tree: bytes | None = None

    def run(self, start: bytes, targets: Targets | None, parent_tree: bytes | None) -> bytes:
        """Walk from a folder.

        :param start: the folder that becomes the snapshot's root.
        :param targets: the paths below it that are wanted; None for everything.
        :param parent_tree: id of the parent's root tree.
        :returns: the id of the root tree.
        :raises Interrupted: if it was asked to stop.
        :raises OSError: if `start` can't be read.
        """
        descriptor = os.open(start, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        parent = self._load_parent(parent_tree)
        path = start.rstrip(b"/")
        root = Folder(descriptor, path, None, None, parent, self._names(descriptor, path, targets), targets)
        root.known, root.old_subtree = parent is not None, parent_tree
        stack = [root]
        try:
            self._walk(stack)
            self._files.flush()
            while self._root_tree is None:
                self._take_completed(wait=True)
        finally:
            for folder in stack:
                folder.close()
            self._files.close()
        return self._root_tree

    def _walk(self, stack: list[Folder]) -> None:
        steps = 0
        while stack:
            folder = stack[-1]
            name = self._files.take_unchanged(folder) if folder.parent else next(folder.names, None)
            if name is None:
                folder.close()
                stack.pop()
                self._finish_if_complete(folder)
            elif (child := self._visit(folder, name)) is not None:
                stack.append(child)
            steps += 1
            if not steps % 64:
                self._saver.check()
                self._take_completed(wait=False)

    def _names(self, descriptor: int, path: bytes, targets: Targets | None) -> Iterator[bytes]:
        names = sorted(targets if targets is not None else map(os.fsencode, os.listdir(descriptor)))
        if self._excludes:
            return (name for name in names if not self._excludes.match(os.fsdecode(path + b"/" + name)))
        return iter(names)

    def _error(self, path: bytes, error: OSError | DamagedError) -> None:
        message = error_message(path, error, "archival")
        self._counts.errors.append((message["item"], message["error"]["message"]))
        self._report(message)

    def _visit(self, folder: Folder, name: bytes) -> Folder | None:
        """Deal with one entry; returns the folder to walk next if it is one."""
        path = folder.path + b"/" + name
        try:
            status = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                self._files.visit(folder, name, path, status)
                return None
            node = node_of(name, status, self._files.devices.number(status))
            if node.type == "socket":
                self._counts.skipped_sockets += 1
                self._report(
                    {"message_type": "verbose_status", "action": "skipped socket", "item": os.fsdecode(path)}
                )
                return None
            if node.type == "dir":
                if name == b"lost+found" and folder.slot is None and not status.st_uid:
                    return None
                return self._enter(folder, name, path, node)
            if is_device(status.st_mode) and folder.targets.get(name, 0) is None:
                self._files.visit_device(folder, name, path, node)
                return None
            if node.type == "symlink":
                node.link_target = os.readlink(name, dir_fd=folder.descriptor)
            node.xattrs = read_xattrs(below(folder.descriptor, name))
            folder.add(encode_node(node))
        except OSError as error:
            if error.errno not in _GONE:
                self._error(path, error)
        return None

    def _enter(self, folder: Folder, name: bytes, path: bytes, node: Node) -> Folder:
        targets = folder.targets.get(name) if folder.targets else None
        descriptor = os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.descriptor
        )
        try:
            names = self._names(descriptor, path, targets)
            node.xattrs = read_xattrs(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        old = folder.parent.node(json_key(name).encode("utf-8", "surrogatepass")) if folder.parent else None
        subtree = old.subtree if old is not None and old.type == "dir" else None
        child = Folder(descriptor, path, node, folder.reserve(), self._load_parent(subtree), names, targets)
        child.known, child.old_subtree = subtree is not None, subtree
        return child

    def _load_parent(self, tree_id: bytes | None) -> ParentTree | None:
        if tree_id is None:
            return None
        try:
            return ParentTree(self._repo.load_tree(tree_id), self._repo.index)
        except DamagedError as error:
            self._report(error_message(tree_id.hex(), f"the parent's tree is not used: {error}", "archival"))
            return None

    def _take_completed(self, *, wait: bool) -> None:
        for finished in self._files.completed(wait=wait):
            for slot, raw in finished:
                slot.folder.fill(slot, raw)
                self._finish_if_complete(slot.folder)

    def _finish_if_complete(self, folder: Folder) -> None:
        """Store the trees of a folder and of those above that were waiting for it only."""
        while folder.complete:
            tree_id, size, plaintext, compressed = folder.builder.finish()
            self._saver.save_tree(tree_id, size, plaintext, compressed)
            if not folder.known:
                self._counts.dirs_new += folder.slot is not None
            elif tree_id == folder.old_subtree:
                self._counts.dirs_unmodified += folder.slot is not None
            else:
                self._counts.dirs_changed += folder.slot is not None
            if folder.slot is None or folder.node is None:
                self._root_tree = tree_id
                return
            folder.node.subtree = tree_id
            above = folder.slot.folder
            above.fill(folder.slot, encode_node(folder.node))
            folder = above
