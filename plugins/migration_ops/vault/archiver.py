"""The walk of a backup: from files to trees.

One thread walks. It decides by a file's metadata whether the parent's content still holds; it reads small
files itself, in batches that a worker hashes and seals as a whole; large ones go to the reader. A folder's
tree is stored when the last of its nodes is complete, so folders overlap.
"""

from __future__ import annotations

import errno
import os
import queue
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from migration_ops.vault.backup_counts import BackupCounts, Report
from migration_ops.vault.blob_saver import BlobSaver
from migration_ops.vault.chunker import SMALLEST
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.excludes import Patterns
from migration_ops.vault.file_reader import FileReader, LargeFile
from migration_ops.vault.folder import Folder, Slot, Targets
from migration_ops.vault.names import json_key
from migration_ops.vault.node import Node, encode_content, encode_head, encode_node, file_head
from migration_ops.vault.pack import BlobType
from migration_ops.vault.parent import ParentTree
from migration_ops.vault.repository import Repository
from migration_ops.vault.source import (
    below,
    has_holes,
    is_device,
    node_of,
    open_source,
    owner_names,
    read_xattrs,
)
from migration_ops.vault.stopping import StopRequest

SMALL_BYTES = SMALLEST
_BATCH_BYTES = 1024 * 1024
_BATCH_FILES = 256
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


@dataclass
class WalkOptions:
    """What the walk leaves out and trusts.

    :param ignore_ctime: take a file for unchanged although its ctime differs (clones of volumes change it).
    :param ignore_inode: likewise for inode numbers.
    """

    excludes: Patterns
    ignore_ctime: bool = False
    ignore_inode: bool = False


class Archiver:
    """Backs up one set of targets."""

    def __init__(  # noqa: PLR0917 - one caller, in the order of the work
        self,
        repo: Repository,
        saver: BlobSaver,
        counts: BackupCounts,
        stop: StopRequest,
        options: WalkOptions,
        report: Report,
    ) -> None:
        self._repo = repo
        self._saver = saver
        self._reader = FileReader(saver, repo.config.polynomial, stop)
        self._counts = counts
        self._stop = stop
        self._options = options
        self._report = report
        self._completed: queue.SimpleQueue[list[tuple[Slot, bytes | None]]] = queue.SimpleQueue()
        self._batch: list[tuple[Slot, str, bytes, bool]] = []
        self._batch_bytes = 0
        self._under_way = 0
        self._root_tree: bytes | None = None
        # File systems in the order in which the walk meets them.
        self._devices: dict[int, int] = {}

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
        root = Folder(
            descriptor, start.rstrip(b"/"), None, None, parent, self._names(descriptor, targets), targets
        )
        root.known, root.old_subtree = parent is not None, parent_tree
        stack = [root]
        try:
            self._walk(stack)
            self._flush_batch()
            while self._root_tree is None:
                self._take_completed(wait=True)
        finally:
            for folder in stack:
                folder.close()
            self._reader.close()
        return self._root_tree

    def _walk(self, stack: list[Folder]) -> None:
        steps = 0
        while stack:
            folder = stack[-1]
            name = next(folder.names, None)
            if name is None:
                folder.close()
                stack.pop()
                self._finish_if_complete(folder)
                continue
            child = self._visit(folder, name)
            if child is not None:
                stack.append(child)
            steps += 1
            if not steps % 64:
                self._stop.check()
                self._saver.check()
                self._take_completed(wait=False)

    def _names(self, descriptor: int, targets: Targets | None) -> Iterator[bytes]:
        if targets is not None:
            return iter(sorted(targets))
        return iter(sorted(map(os.fsencode, os.listdir(descriptor))))

    def _error(self, path: bytes, error: OSError | DamagedError) -> None:
        message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = os.fsdecode(path)
        self._counts.errors.append((text, message))
        self._report(
            {"message_type": "error", "error": {"message": message}, "during": "archival", "item": text}
        )

    def _visit(self, folder: Folder, name: bytes) -> Folder | None:
        """Deal with one entry; returns the folder to walk next if it is one."""
        path = folder.path + b"/" + name
        try:
            status = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
            if self._is_left_out(folder, path, name, status):
                return None
            if stat.S_ISREG(status.st_mode):
                self._visit_file(folder, name, path, status)
                return None
            node = self._node_of(name, status)
            if node.type == "socket":
                self._counts.skipped_sockets += 1
                self._report(
                    {"message_type": "verbose_status", "action": "skipped socket", "item": os.fsdecode(path)}
                )
                return None
            if node.type == "dir":
                return self._enter(folder, name, path, node)
            if is_device(status.st_mode) and folder.targets.get(name, 0) is None:
                self._visit_device(folder, name, path, node)
                return None
            if node.type == "symlink":
                node.link_target = os.readlink(name, dir_fd=folder.descriptor)
            node.xattrs = read_xattrs(below(folder.descriptor, name))
            folder.add(encode_node(node))
        except OSError as error:
            if error.errno not in _GONE:
                self._error(path, error)
        return None

    def _node_of(self, name: bytes, status: os.stat_result) -> Node:
        return node_of(name, status, self._device_of(status))

    def _device_of(self, status: os.stat_result) -> int:
        if status.st_nlink == 1 or stat.S_ISDIR(status.st_mode):
            return 0
        return self._devices.setdefault(status.st_dev, len(self._devices) + 1)

    def _is_left_out(self, folder: Folder, path: bytes, name: bytes, status: os.stat_result) -> bool:
        if (
            name == b"lost+found"
            and stat.S_ISDIR(status.st_mode)
            and folder.slot is None
            and status.st_uid == 0
        ):
            return True
        return bool(self._options.excludes) and self._options.excludes.match(os.fsdecode(path))

    def _enter(self, folder: Folder, name: bytes, path: bytes, node: Node) -> Folder:
        targets = folder.targets.get(name) if folder.targets else None
        descriptor = os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.descriptor
        )
        try:
            names = self._names(descriptor, targets)
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
            self._report(
                {
                    "message_type": "error",
                    "error": {"message": f"the parent's tree is not used: {error}"},
                    "during": "archival",
                    "item": tree_id.hex(),
                }
            )
            return None

    def _visit_file(self, folder: Folder, name: bytes, path: bytes, status: os.stat_result) -> None:
        old: Node | None = None
        if folder.parent is not None:
            key = json_key(name)
            encoded = key.encode("utf-8", "surrogatepass")
            # With the same ctime the attributes are the same too, so that they need not be asked for.
            head = file_head(key, status, self._device_of(status), owner_names).encode(
                "utf-8", "surrogatepass"
            )
            raw = folder.parent.unchanged(encoded, head)
            if raw is None and (old := folder.parent.node(encoded)) is not None:
                raw = self._unchanged_node(folder, name, status, old)
            if raw is not None:
                folder.add(raw)
                self._counts.files_unmodified += 1
                self._counts.total_bytes_processed += status.st_size
                return
        node = self._node_of(name, status)
        node.xattrs = read_xattrs(below(folder.descriptor, name))
        self._read_file(folder, name, node, encode_head(node), path, old=old)

    def _unchanged_node(self, folder: Folder, name: bytes, status: os.stat_result, old: Node) -> bytes | None:
        """The node with fresh metadata and the parent's content, if restic's rule says unchanged."""
        if folder.parent is None:
            return None
        node = self._node_of(name, status)
        content = folder.parent.content_if_same(
            node, old, ignore_ctime=self._options.ignore_ctime, ignore_inode=self._options.ignore_inode
        )
        if content is None:
            return None
        node.xattrs = read_xattrs(below(folder.descriptor, name))
        return f'{encode_head(node)},"content":{content}}}'.encode("utf-8", "surrogatepass")

    def _read_file(
        self, folder: Folder, name: bytes, node: Node, head: str, path: bytes, *, old: Node | None
    ) -> None:
        descriptor = open_source(name, folder.descriptor)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.ESTALE, "it was replaced by something else meanwhile")
            if (status.st_size, status.st_mtime_ns, status.st_ino) != (node.size, node.mtime, node.inode):
                xattrs = node.xattrs
                node = self._node_of(name, status)
                node.xattrs = xattrs
                head = encode_head(node)
            small = node.size <= SMALL_BYTES and not (node.size >= 8192 and has_holes(descriptor, status))
            if small:
                data = _read_small(descriptor, node.size)
                if len(data) != node.size:
                    node.size = len(data)
                    head = encode_head(node)
        except BaseException:
            os.close(descriptor)
            raise
        slot = folder.reserve()
        if small:
            os.close(descriptor)
            self._add_to_batch(slot, head, data, known=old is not None)
        else:
            self._read_later(slot, descriptor, node, path, old)

    def _visit_device(self, folder: Folder, name: bytes, path: bytes, node: Node) -> None:
        """Back up a block device's content, as a file."""
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder.descriptor)
        node.type, node.mode, node.device, node.links = "file", node.mode & 0o777, 0, 1
        old = folder.parent.node(json_key(name).encode()) if folder.parent else None
        self._read_later(folder.reserve(), descriptor, node, path, old)

    def _read_later(self, slot: Slot, descriptor: int, node: Node, path: bytes, old: Node | None) -> None:
        self._under_way += 1

        def done(ids: list[bytes], size: int, error: OSError | None) -> None:
            if error is not None:
                self._error(path, error)
                self._completed.put([(slot, None)])
                return
            node.size = size
            self._counts.count_file(known=old is not None, size=size)
            raw = f'{encode_head(node)},"content":{encode_content(ids)}}}'.encode("utf-8", "surrogatepass")
            self._completed.put([(slot, raw)])

        lengths = self._lengths(old.content) if old is not None and old.content else None
        self._reader.submit(LargeFile(descriptor, done, self._counts.add_bytes_read, lengths))

    def _lengths(self, content: list[bytes]) -> list[int] | None:
        """Lengths of a parent's chunks, if all of them are known."""
        places = [self._repo.index.find(BlobType.DATA, blob_id) for blob_id in content]
        lengths = [place.blob.plaintext_length for place in places if place is not None]
        return lengths if len(lengths) == len(places) else None

    def _add_to_batch(self, slot: Slot, head: str, data: bytes, *, known: bool) -> None:
        self._batch.append((slot, head, data, known))
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_FILES:
            self._flush_batch()

    def _flush_batch(self) -> None:
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        self._under_way += 1

        def task() -> None:
            contents = [data for _, _, data, _ in batch if data]
            ids = iter(self._saver.save_small(contents))
            finished: list[tuple[Slot, bytes | None]] = []
            for slot, head, data, _ in batch:
                content = f'["{next(ids).hex()}"]' if data else "[]"
                finished.append((slot, f'{head},"content":{content}}}'.encode("utf-8", "surrogatepass")))
            self._counts.add_bytes_read(sum(map(len, contents)))
            self._completed.put(finished)

        for _, _, data, known in batch:
            self._counts.count_file(known=known, size=len(data))
        self._saver.submit(task)

    def _take_completed(self, *, wait: bool) -> None:
        while self._under_way:
            try:
                finished = self._completed.get(timeout=0.5) if wait else self._completed.get_nowait()
            except queue.Empty:
                self._saver.check()
                self._stop.check()
                if not wait:
                    return
                continue
            self._under_way -= 1
            for slot, raw in finished:
                folder = slot.folder
                folder.fill(slot, raw)
                self._finish_if_complete(folder)
            if wait:
                return

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


def _read_small(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            break
        data += more
    return data
