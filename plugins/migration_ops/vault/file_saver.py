"""The files of a backup: unchanged ones are taken over, small ones go in batches, large ones to the reader.

A small file is read by the thread that walks; a worker hashes and seals a whole batch of them. The nodes that
this completes later come back through :meth:`FileSaver.completed`.
"""

from __future__ import annotations

import errno
import os
import queue
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from migration_ops.vault.backup_counts import BackupCounts
from migration_ops.vault.blob_saver import BlobSaver
from migration_ops.vault.chunker import SMALLEST
from migration_ops.vault.excludes import Patterns
from migration_ops.vault.file_reader import FileReader, LargeFile, OldChunk
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.folder import Folder, Slot
from migration_ops.vault.names import json_key
from migration_ops.vault.node import Node, encode_content, encode_head
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.source import DeviceNumbers, below, has_holes, node_of, open_source, read_xattrs

SMALL_BYTES = SMALLEST
_BATCH_BYTES = 1024 * 1024
_BATCH_FILES = 256
# A place in a folder, and the node that belongs there; None if there is none after all.
Completed = list[tuple[Slot, bytes | None]]


@dataclass
class WalkOptions:
    """What a backup leaves out and trusts.

    :param ignore_ctime: take a file for unchanged although its ctime differs (clones of volumes change it).
    :param ignore_inode: likewise for inode numbers.
    """

    excludes: Patterns
    ignore_ctime: bool = False
    ignore_inode: bool = False


class FileSaver:
    """Gets files into the repository and their nodes into folders.

    :param error: told the path and the reason when a file can't be read.
    """

    def __init__(  # noqa: PLR0917 - one caller, in the order of the work
        self,
        repo: Repository,
        saver: BlobSaver,
        counts: BackupCounts,
        options: WalkOptions,
        fingerprints: Fingerprints,
        error: Callable[[bytes, OSError], None],
    ) -> None:
        self._repo = repo
        self._saver = saver
        self._reader = FileReader(saver, repo.config.polynomial, fingerprints)
        self._fingerprints = fingerprints
        self._counts = counts
        self._options = options
        self._error = error
        self._completed: queue.SimpleQueue[Completed] = queue.SimpleQueue()
        self._batch: list[tuple[Slot, str, bytes, bool]] = []
        self._batch_bytes = 0
        self._under_way = 0
        self.devices = DeviceNumbers()

    def take_unchanged(self, folder: Folder) -> bytes | None:
        """Take over the next files of a folder, as long as they are what they were.

        :returns: the first name that has to be looked at; None at the end of the folder.
        :raises Interrupted: if it was asked to stop.
        """
        assert folder.parent is not None  # noqa: S101 - for the type checker: the caller has asked
        while True:
            self._saver.check()
            run = folder.parent.run_of_unchanged(folder.descriptor, folder.names, self.devices)
            for raw in run.nodes:
                folder.add(raw)
            self._counts.files_unmodified += len(run.nodes)
            self._counts.total_bytes_processed += run.size
            for content in run.large:
                self._fingerprints.keep(content)
            if run.left:
                folder.names = chain(run.left, folder.names)
            if run.stopped_at is not None or run.is_last:
                return run.stopped_at

    def visit(self, folder: Folder, name: bytes, path: bytes, status: os.stat_result) -> None:
        """Take over, or read, one file.

        :raises OSError: if it can't be read.
        """
        old: Node | None = None
        if folder.parent is not None:
            old = folder.parent.node(json_key(name).encode("utf-8", "surrogatepass"))
            if old is not None and (raw := self._unchanged_node(folder, name, status, old)) is not None:
                folder.add(raw)
                self._counts.files_unmodified += 1
                self._counts.total_bytes_processed += status.st_size
                return
        node = node_of(name, status, self.devices.number(status))
        node.xattrs = read_xattrs(below(folder.descriptor, name))
        self._read(folder, name, node, encode_head(node), path, old=old)

    def _unchanged_node(self, folder: Folder, name: bytes, status: os.stat_result, old: Node) -> bytes | None:
        """The node with fresh metadata and the parent's content, if restic's rule says unchanged."""
        if folder.parent is None:
            return None
        node = node_of(name, status, self.devices.number(status))
        content = folder.parent.content_if_same(
            node, old, ignore_ctime=self._options.ignore_ctime, ignore_inode=self._options.ignore_inode
        )
        if content is None:
            return None
        self._fingerprints.keep(b"".join(old.content or ()))
        node.xattrs = read_xattrs(below(folder.descriptor, name))
        return f'{encode_head(node)},"content":{content}}}'.encode("utf-8", "surrogatepass")

    def _read(
        self, folder: Folder, name: bytes, node: Node, head: str, path: bytes, *, old: Node | None
    ) -> None:
        descriptor = open_source(name, folder.descriptor)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.ESTALE, "it was replaced by something else meanwhile")
            if (status.st_size, status.st_mtime_ns, status.st_ino) != (node.size, node.mtime, node.inode):
                xattrs = node.xattrs
                node = node_of(name, status, self.devices.number(status))
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

    def visit_device(self, folder: Folder, name: bytes, path: bytes, node: Node) -> None:
        """Back up a block device's content, as a file."""
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder.descriptor)
        node.type, node.mode, node.device, node.links = "file", node.mode & 0o777, 0, 1
        old = folder.parent.node(json_key(name).encode()) if folder.parent else None
        self._read_later(folder.reserve(), descriptor, node, path, old)

    def _read_later(self, slot: Slot, descriptor: int, node: Node, path: bytes, old: Node | None) -> None:
        self._under_way += 1

        def done(ids: list[bytes], fingerprints: list[bytes], size: int, error: OSError | None) -> None:
            if error is not None:
                self._error(path, error)
                self._completed.put([(slot, None)])
                return
            node.size = size
            self._counts.count_file(known=old is not None, size=size)
            self._fingerprints.note(ids, fingerprints)
            raw = f'{encode_head(node)},"content":{encode_content(ids)}}}'.encode("utf-8", "surrogatepass")
            self._completed.put([(slot, raw)])

        chunks = self._old_chunks(old.content) if old is not None and old.content else None
        self._reader.submit(LargeFile(descriptor, done, self._counts.add_bytes_read, chunks))

    def _old_chunks(self, content: list[bytes]) -> list[OldChunk] | None:
        """The chunks of a file of the parent, if the index has all of them."""
        places = [self._repo.index.find(BlobType.DATA, blob_id) for blob_id in content]
        lengths = [place.blob.plaintext_length for place in places if place is not None]
        if len(lengths) < len(places):
            return None
        fingerprints = self._fingerprints.of_file(content) or [b""] * len(content)
        return list(map(OldChunk, content, lengths, fingerprints))

    def _add_to_batch(self, slot: Slot, head: str, data: bytes, *, known: bool) -> None:
        self._batch.append((slot, head, data, known))
        self._batch_bytes += len(data)
        if self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_FILES:
            self.flush()

    def flush(self) -> None:
        """Give the files that wait for more to a worker."""
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

    def completed(self, *, wait: bool) -> Iterator[Completed]:
        """The nodes that were completed since.

        :param wait: wait for one of those that are under way.
        :raises Interrupted: if it was asked to stop meanwhile.
        """
        while self._under_way:
            try:
                finished = self._completed.get(timeout=0.5) if wait else self._completed.get_nowait()
            except queue.Empty:
                self._saver.check()
                if not wait:
                    return
                continue
            self._under_way -= 1
            yield finished
            if wait:
                return

    def close(self) -> None:
        """End the reader."""
        self._reader.close()


def _read_small(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            break
        data += more
    return data
