"""A file that is being restored: opened at its first write, finished after its last."""

from __future__ import annotations

import os
import threading

from migration_ops.vault.index import blob_id_of
from migration_ops.vault.metadata import apply_metadata, apply_to_new_file
from migration_ops.vault.node import Node
from migration_ops.vault.restored_folder import OpenFolder
from migration_ops.vault.target_folder import punch_hole, write_fully, write_sparsely

_zero_ids: dict[int, bytes] = {}
_MOST_REMEMBERED = 4096


def is_zeros(blob_id: bytes, length: int) -> bool:
    """Whether a blob of some length is nothing but zeros."""
    known = _zero_ids.get(length)
    if known is None:
        if len(_zero_ids) > _MOST_REMEMBERED:
            _zero_ids.clear()
        known = _zero_ids[length] = blob_id_of(bytes(length))
    return known == blob_id


class RestoredFile:
    """One file whose content or metadata must change.

    :param fresh: whether the file does not exist yet; otherwise it is changed in place.
    """

    __slots__ = (
        "_descriptor",
        "_lock",
        "_outstanding",
        "error",
        "folder",
        "fresh",
        "node",
        "sparse",
    )

    def __init__(self, folder: OpenFolder, node: Node, *, fresh: bool) -> None:
        self.folder = folder
        self.node = node
        self.fresh = fresh
        self.sparse = False
        self.error: Exception | None = None
        self._descriptor = -1
        self._outstanding = 0
        self._lock = threading.Lock()
        folder.pending += 1

    @property
    def path(self) -> bytes:
        """For messages."""
        return self.folder.path + b"/" + self.node.name

    def expect(self) -> None:
        """One more write is to come."""
        self._outstanding += 1

    def _open(self) -> int:
        if self._descriptor < 0:
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
            if self.fresh:
                flags |= os.O_CREAT | os.O_EXCL
            self._descriptor = os.open(self.node.name, flags, 0o600, dir_fd=self.folder.descriptor)
            if not self.fresh or self._outstanding != 1 or self.sparse:
                os.ftruncate(self._descriptor, self.node.size)
        return self._descriptor

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Write one blob's content at its place; any thread may call it."""
        with self._lock:
            if self.error is not None:
                return
            descriptor = self._open()
        if self.sparse:
            write_sparsely(descriptor, data, offset, fresh=self.fresh)
        else:
            write_fully(descriptor, data, offset)

    def write_whole(self, data: bytes | bytearray | memoryview) -> bool:
        """Make a new file of one blob in one go, metadata included.

        :returns: False if this is no such file; then nothing was done.
        """
        node = self.node
        whole = self.fresh and self._outstanding == 1 and len(data) == node.size and not self.sparse
        if not whole or not self.folder.plain:
            return False
        if self._descriptor >= 0 or self.error is not None:
            return False
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self.node.name, flags, 0o600, dir_fd=self.folder.descriptor)
            write_fully(self._descriptor, data, 0)
        except OSError as error:
            self.fail(error)
        self._outstanding = 0
        return True

    def write_zeros(self, offset: int, length: int) -> None:
        """Make a range a hole."""
        with self._lock:
            descriptor = self._open()
        if not self.fresh:
            punch_hole(descriptor, offset, length)

    def settle(self) -> bool:
        """Note that one write is done; returns whether it was the last."""
        with self._lock:
            self._outstanding -= 1
            return self._outstanding <= 0

    def __del__(self) -> None:
        # Only of files that nobody will finish, because the restore ended.
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def fail(self, error: Exception) -> None:
        """Note what went wrong; the first reason counts."""
        with self._lock:
            self.error = self.error or error

    def finish_or_fail(self) -> None:
        """Finish; `error` tells what was wrong, if anything was."""
        try:
            self.finish()
        except OSError as error:
            self.fail(error)

    def finish(self) -> None:
        """Give the file its metadata, its time last, and close it.

        A file that could not be written never looks finished: a new one is removed, one that was changed in
        place keeps the time of the change.

        :raises OSError: if the metadata can't be set.
        """
        try:
            if self.error is None:
                descriptor = self._open()
                if self.fresh and self.folder.plain:
                    apply_to_new_file(self.node, descriptor)
                else:
                    apply_metadata(self.node, descriptor=descriptor)
            elif self.fresh and self._descriptor >= 0:
                os.unlink(self.node.name, dir_fd=self.folder.descriptor)
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
