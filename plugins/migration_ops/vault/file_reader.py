"""Reading large files: one thread reads and cuts, the workers do the rest.

Files are read into a few buffers that are used again and again, never mapped: a file that shrinks while it
is mapped kills the process. The number of buffers bounds the memory, whatever the size of a file.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

from migration_ops.vault.blob_saver import BlobSaver
from migration_ops.vault.chunker import FIRST_ZEROS, LARGEST, cut, make_chunker, zero_lengths
from migration_ops.vault.source import device_size, extents, has_holes, is_device
from migration_ops.vault.stopping import StopRequest

_READ_BYTES = 4 * 1024 * 1024
_BUFFER_BYTES = LARGEST + _READ_BYTES
_BUFFERS = 5


class _Buffer:
    """A buffer that goes back to its pool when the last chunk in it has been dealt with."""

    def __init__(self, pool: queue.Queue[_Buffer]) -> None:
        self.view = memoryview(bytearray(_BUFFER_BYTES))
        self._pool = pool
        self._users = 0
        self._lock = threading.Lock()

    def retain(self) -> None:
        with self._lock:
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
        self._pool.put(self)


class LargeFile:
    """A file whose chunks are on their way.

    :param descriptor: the open file; closed when it has been read.
    :param done: called once, from some thread, with the ids of the blobs and the number of bytes read, or
        with the error that ended reading.
    :param progress: called with the bytes of each chunk that is dealt with.
    :param old_lengths: the chunks of the parent's file of the same size. A file that keeps its size was
        changed in place, as databases do, so that the same boundaries fit again: nothing needs to be searched
        for cuts, which is a third of the work on what did not change.
    """

    def __init__(
        self,
        descriptor: int,
        done: Callable[[list[bytes], int, OSError | None], None],
        progress: Callable[[int], None],
        old_lengths: list[int] | None = None,
    ) -> None:
        self.descriptor = descriptor
        self.old_lengths = old_lengths
        self._done = done
        self.progress = progress
        self._ids: list[bytes] = []
        self._outstanding = 1  # the reader itself
        self._lock = threading.Lock()
        self.size = 0
        self.error: OSError | None = None

    def expect(self, length: int) -> int:
        """Make room for the next chunk's id; returns its number."""
        with self._lock:
            self._ids.append(b"")
            self._outstanding += 1
            self.size += length
            return len(self._ids) - 1

    def append(self, blob_id: bytes, length: int) -> None:
        """Append a chunk whose id is known already."""
        with self._lock:
            self._ids.append(blob_id)
            self.size += length

    def settle(self, number: int | None = None, blob_id: bytes = b"") -> None:
        """Note a chunk's id, or (without a number) that reading has ended."""
        with self._lock:
            if number is not None:
                self._ids[number] = blob_id
            self._outstanding -= 1
            if self._outstanding:
                return
        self._done(self._ids, self.size, self.error)


class FileReader:
    """Reads large files, one after the other."""

    def __init__(self, saver: BlobSaver, polynomial: int, stop: StopRequest) -> None:
        self._saver = saver
        self._stop = stop
        self._polynomial = polynomial
        self._files: queue.Queue[LargeFile | None] = queue.Queue(maxsize=8)
        self._buffers: queue.Queue[_Buffer] = queue.Queue()
        self._made = 0
        self._zero_ids: dict[int, bytes] = {}
        self._thread: threading.Thread | None = None

    def submit(self, file: LargeFile) -> None:
        """Hand a file over; waits while several others are queued."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._read_files, name="read", daemon=True)
            self._thread.start()
        while True:
            self._saver.check()
            try:
                self._files.put(file, timeout=1.0)
            except queue.Full:
                continue
            return

    def close(self) -> None:
        """End the thread after the files that are queued."""
        if self._thread is None:
            return
        while self._thread.is_alive():
            try:
                self._files.put(None, timeout=0.5)
                break
            except queue.Full:
                continue
        self._thread.join()

    def _read_files(self) -> None:
        try:
            self._chunker = make_chunker(self._polynomial)
            while (file := self._files.get()) is not None:
                try:
                    self._read(file)
                except OSError as error:
                    file.error = error
                finally:
                    os.close(file.descriptor)
                file.settle()
        except BaseException as error:  # noqa: BLE001 - raised again by the saver's check()
            self._saver.failure = self._saver.failure or error

    def _take_buffer(self) -> _Buffer:
        if self._made < _BUFFERS and self._buffers.empty():
            self._made += 1
            return _Buffer(self._buffers)
        while True:
            self._saver.check()
            try:
                return self._buffers.get(timeout=1.0)
            except queue.Empty:
                continue

    def _read(self, file: LargeFile) -> None:
        status = os.fstat(file.descriptor)
        if is_device(status.st_mode):
            size, sparse = device_size(file.descriptor), False
        else:
            size, sparse = status.st_size, has_holes(file.descriptor, status)
        if (
            file.old_lengths
            and not sparse
            and sum(file.old_lengths) == size
            and max(file.old_lengths) <= _BUFFER_BYTES
        ):
            self._read_along(file, file.old_lengths)
            return
        first_hole = True
        for is_data, start, end in extents(file.descriptor, size, sparse=sparse):
            if is_data:
                if not self._read_extent(file, start, end):
                    return  # truncated meanwhile
            else:
                for length in zero_lengths(end - start, first=first_hole):
                    self._append_zeros(file, length)
                first_hole = first_hole and end - start <= FIRST_ZEROS

    def _read_along(self, file: LargeFile, lengths: list[int]) -> None:
        """Read a file in chunks of given lengths."""
        position = number = 0
        while number < len(lengths):
            self._stop.check()
            buffer = self._take_buffer()
            buffer.retain()
            try:
                wanted = end = 0
                ends = []
                while (
                    number < len(lengths)
                    and wanted + lengths[number] <= _BUFFER_BYTES
                    and wanted < _READ_BYTES
                ):
                    wanted += lengths[number]
                    ends.append(wanted)
                    number += 1
                got = _read_fully(file.descriptor, buffer.view[:wanted], position)
                for stop in ends:
                    if end < min(stop, got):
                        self._submit_chunk(file, buffer, end, min(stop, got))
                        end = min(stop, got)
                position += got
                if got < wanted:
                    return  # truncated meanwhile
            finally:
                buffer.release()

    def _append_zeros(self, file: LargeFile, length: int) -> None:
        blob_id = self._zero_ids.get(length)
        if blob_id is None:
            blob_id = self._zero_ids[length] = self._saver.save_chunk(bytes(length))
        file.append(blob_id, length)
        file.progress(length)

    def _read_extent(self, file: LargeFile, start: int, end: int) -> bool:
        """Read and cut one extent; returns False if the file ended before."""
        held: list[_Buffer] = []
        carry: memoryview | None = None
        position = start
        try:
            while position < end or carry is not None:
                self._stop.check()
                buffer = self._take_buffer()
                buffer.retain()
                held.append(buffer)
                filled = 0
                if carry is not None:
                    filled = len(carry)
                    buffer.view[:filled] = carry
                    carry = None
                    held.pop(0).release()
                wanted = min(end - position, _READ_BYTES)
                got = _read_fully(file.descriptor, buffer.view[filled : filled + wanted], position)
                position += got
                filled += got
                last = got < wanted or position >= end
                cut_to = 0
                for begin, stop in cut(self._chunker, buffer.view[:filled], last=last) if filled else ():
                    self._submit_chunk(file, buffer, begin, stop)
                    cut_to = stop
                if cut_to < filled:
                    carry = buffer.view[cut_to:filled]
                else:
                    held.pop(0).release()
                if got < wanted:
                    return False
        finally:
            for buffer in held:
                buffer.release()
        return True

    def _submit_chunk(self, file: LargeFile, buffer: _Buffer, begin: int, end: int) -> None:
        number = file.expect(end - begin)
        buffer.retain()

        def task() -> None:
            blob_id = self._saver.save_chunk(buffer.view[begin:end])
            buffer.release()
            file.progress(end - begin)
            file.settle(number, blob_id)

        self._saver.submit(task)


def _read_fully(descriptor: int, view: memoryview, position: int) -> int:
    done = 0
    while done < len(view):
        got = os.preadv(descriptor, [view[done:]], position + done)
        if not got:
            break
        done += got
    return done
