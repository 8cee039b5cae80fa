"""Reading large files: one thread reads and cuts, the workers do the rest.

Where the cuts are known already, the workers read as well: what they read is in their core's cache then.

Files are read into a few buffers that are used again and again, never mapped: a file that shrinks while it
is mapped kills the process. The number of buffers bounds the memory, whatever the size of a file.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from migration_ops.vault.blob_saver import LOOK_SECONDS, BlobSaver
from migration_ops.vault.chunker import FIRST_ZEROS, LARGEST, cut, make_chunker, zero_lengths
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.source import device_size, extents, has_holes, is_device

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


class _Scratch(threading.local):
    """A buffer for each thread that reads chunks of known lengths."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))


class OldChunk(NamedTuple):
    """A chunk of the parent's file.

    :param fingerprint: empty if it is not known.
    """

    id: bytes
    length: int
    fingerprint: bytes


@dataclass
class _Part:
    """Some chunks of a file, one after the other.

    :param is_whole: whether as many bytes were there as there should be.
    """

    ids: list[bytes] = field(default_factory=list)
    fingerprints: list[bytes] = field(default_factory=list)
    size: int = 0
    is_whole: bool = True


class LargeFile:
    """A file whose parts are on their way.

    :param descriptor: the open file; closed when all of it has been dealt with.
    :param done: called once, from some thread, with the ids and fingerprints of the chunks and the number of
        bytes read, or with the error that ended reading.
    :param progress: called with the bytes of each chunk that is dealt with.
    :param old: the chunks of the parent's file of the same size. A file that keeps its size was
        changed in place, as databases do, so that the same boundaries fit again: nothing needs to be searched
        for cuts, which is a third of the work on what did not change.
    """

    def __init__(
        self,
        descriptor: int,
        done: Callable[[list[bytes], list[bytes], int, OSError | None], None],
        progress: Callable[[int], None],
        old: list[OldChunk] | None = None,
    ) -> None:
        self.descriptor = descriptor
        self.old = old
        self._done = done
        self.progress = progress
        self._parts: list[_Part] = []
        self._outstanding = 1  # the reader itself
        self._lock = threading.Lock()
        self.error: OSError | None = None

    def expect(self) -> int:
        """Make room for the next part; returns its number."""
        with self._lock:
            self._parts.append(_Part())
            self._outstanding += 1
            return len(self._parts) - 1

    def append(self, blob_id: bytes, length: int) -> None:
        """Append a part whose only id is known already."""
        with self._lock:
            self._parts.append(_Part([blob_id], [b""], length))

    def settle(self, number: int | None = None, part: _Part | None = None) -> None:
        """Note what became of a part, or (without a number) that there are no more."""
        with self._lock:
            if number is not None and part is not None:
                self._parts[number] = part
            self._outstanding -= 1
            if self._outstanding:
                return
        self._close()
        whole = _Part()
        for each in self._parts:
            whole.ids += each.ids
            whole.fingerprints += each.fingerprints
            whole.size += each.size
            if not each.is_whole:
                break  # the file ended there while it was read
        self._done(whole.ids, whole.fingerprints, whole.size, self.error)

    def _close(self) -> None:
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        # Only of files that nobody will finish, because the backup ended.
        self._close()


class FileReader:
    """Reads large files, one after the other.

    :param polynomial: the repository's, by which files are cut.
    """

    def __init__(self, saver: BlobSaver, polynomial: int, fingerprints: Fingerprints) -> None:
        self._saver = saver
        self._fingerprints = fingerprints
        self._polynomial = polynomial
        self._files: queue.Queue[LargeFile | None] = queue.Queue(maxsize=8)
        self._buffers: queue.Queue[_Buffer] = queue.Queue()
        self._made = 0
        self._scratch = _Scratch()
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
                self._files.put(file, timeout=LOOK_SECONDS)
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
                file.settle()
        except BaseException as error:  # noqa: BLE001 - raised again by the saver's check()
            self._saver.give_up(error)

    def _take_buffer(self) -> _Buffer:
        self._saver.check()
        if self._made < _BUFFERS and self._buffers.empty():
            self._made += 1
            return _Buffer(self._buffers)
        while True:
            self._saver.check()
            try:
                return self._buffers.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue

    def _read(self, file: LargeFile) -> None:
        status = os.fstat(file.descriptor)
        if is_device(status.st_mode):
            size, sparse = device_size(file.descriptor), False
        else:
            size, sparse = status.st_size, has_holes(file.descriptor, status)
        if (
            file.old
            and not sparse
            and sum(chunk.length for chunk in file.old) == size
            and max(chunk.length for chunk in file.old) <= _BUFFER_BYTES
        ):
            self._read_along(file, file.old)
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

    def _read_along(self, file: LargeFile, chunks: list[OldChunk]) -> None:
        """Read a file in the parent's chunks: the workers do it all, a few chunks at a time."""
        start = position = first = 0
        for number, chunk in enumerate(chunks, 1):
            position += chunk.length
            if position - start >= _READ_BYTES or number == len(chunks):
                self._saver.submit(
                    partial(self._save_along, file, file.expect(), start, chunks[first:number])
                )
                start, first = position, number

    def _save_along(self, file: LargeFile, number: int, position: int, chunks: list[OldChunk]) -> None:
        part = _Part()
        try:
            for chunk in chunks:
                view = self._scratch.buffer[: chunk.length]
                got = _read_fully(file.descriptor, view, position + part.size)
                part.is_whole = got == chunk.length
                if got:
                    fingerprint = self._fingerprints.of_chunk(view[:got])
                    known = part.is_whole and fingerprint == chunk.fingerprint
                    part.ids.append(chunk.id if known else self._saver.save_chunk(view[:got]))
                    part.fingerprints.append(fingerprint)
                    part.size += got
                    file.progress(got)
                if not part.is_whole:
                    break
        except OSError as error:
            file.error = file.error or error
        file.settle(number, part)

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
        number = file.expect()
        buffer.retain()

        def task() -> None:
            chunk = buffer.view[begin:end]
            part = _Part([self._saver.save_chunk(chunk)], [self._fingerprints.of_chunk(chunk)], end - begin)
            buffer.release()
            file.progress(end - begin)
            file.settle(number, part)

        self._saver.submit(task)


def _read_fully(descriptor: int, view: memoryview, position: int) -> int:
    done = 0
    while done < len(view):
        got = os.preadv(descriptor, [view[done:]], position + done)
        if not got:
            break
        done += got
    return done
