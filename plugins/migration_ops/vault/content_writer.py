"""Fetching blobs and writing them where they belong: by pack, neighbours in one request, several at once."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from migration_ops.vault.backend import Buffer, FileKind
from migration_ops.vault.crypto import OVERHEAD
from migration_ops.vault.errors import DamagedError, ObjectMissing, VaultError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.index import BlobPlace, blob_id_of
from migration_ops.vault.pack import BlobType, PackedBlob
from migration_ops.vault.repository import Repository
from migration_ops.vault.restored_file import RestoredFile, is_zeros
from migration_ops.vault.stopping import StopRequest

# A gap that is read in vain costs less than a request. Distances are in bytes of a pack.
_MOST_GAP_LOCAL = 128 * 1024
_MOST_GAP_REMOTE = 1024 * 1024
_MOST_RANGE = 8 * 1024 * 1024
# Blobs that shrink so much when compressed may be zeros; only these are compared with the id of zeros.
_ZERO_RATIO = 100
_SMALL_BLOB = 64 * 1024
# How many windows may be under way.
WINDOWS = 4

Place = tuple[RestoredFile, int]


class Piece(NamedTuple):
    """A blob of a file: its id, its offset and length in the file, and where it lies in the repository.

    :param fingerprint: empty if it is not known.
    """

    id: bytes
    offset: int
    length: int
    place: BlobPlace
    fingerprint: bytes


class _Wanted:
    __slots__ = ("fingerprint", "place", "targets")

    def __init__(self, place: BlobPlace, fingerprint: bytes) -> None:
        self.place = place
        self.fingerprint = fingerprint
        self.targets: list[Place] = []


@dataclass
class ContentCounts:
    """What was fetched and written; guarded by the writer's lock."""

    bytes_written: int = 0
    bytes_fetched: int = 0
    bytes_unchanged: int = 0
    blobs_fetched: int = 0


class ContentWriter:
    """Collects what files need, then gets and writes it in a window.

    :param finished: called in some thread for each file when its last write is done.
    """

    def __init__(
        self,
        repo: Repository,
        fingerprints: Fingerprints,
        stop: StopRequest,
        finished: Callable[[RestoredFile], None],
    ) -> None:
        self._repo = repo
        self._fingerprints = fingerprints
        self._stop = stop
        self._finished = finished
        self._wanted: dict[bytes, _Wanted] = {}
        self._ready: list[RestoredFile] = []
        self._compare: list[tuple[RestoredFile, list[Piece]]] = []
        # Reentrant: a comparison plans writes while it holds it.
        self._lock = threading.RLock()
        self.counts = ContentCounts()
        remote = repo.backend.connections > 2
        self._most_gap = _MOST_GAP_REMOTE if remote else _MOST_GAP_LOCAL
        self._workers = max(os.cpu_count() or 2, repo.backend.connections if remote else 2)
        self._is_remote = remote
        self._pool: ThreadPoolExecutor | None = None
        self._small_pool: ThreadPoolExecutor
        self._windows: deque[list[Future[None]]] = deque()

    def __len__(self) -> int:
        return len(self._wanted) + len(self._ready) + len(self._compare)

    def layout(self, content: list[bytes]) -> list[Piece]:
        """Where a file's blobs belong, and where they lie.

        :raises DamagedError: if a blob is not in the index.
        """
        find = self._repo.index.find
        known = self._fingerprints.of_file(content) if len(content) > 1 else None
        places = []
        offset = 0
        for number, blob_id in enumerate(content):
            place = find(BlobType.DATA, blob_id)
            if place is None:
                raise DamagedError(f"data blob {blob_id.hex()} is in no index; the vault has lost it")
            blob = place.blob
            length = blob.uncompressed_length or blob.length - OVERHEAD
            fingerprint = known[number] if known else b""
            places.append(Piece(blob_id, offset, length, place, fingerprint))
            offset += length
        return places

    def add(self, file: RestoredFile, pieces: list[Piece]) -> None:
        """Plan writes of blobs into a file.

        :param pieces: of :meth:`layout`; none if only the metadata must be set.
        """
        file.expect()  # for the plan itself
        for piece in pieces:
            self._want(file, piece)
        self._settle_plan(file)

    def _settle_plan(self, file: RestoredFile) -> None:
        if file.settle():
            self._ready.append(file)

    def add_compared(self, file: RestoredFile, pieces: list[Piece]) -> None:
        """Plan to compare an existing file with its blobs, and to write those that differ."""
        file.expect()
        self._compare.append((file, pieces))

    def _want(self, file: RestoredFile, piece: Piece) -> None:
        blob_id, offset, length, place, fingerprint = piece
        wanted = self._wanted.get(blob_id)
        if wanted is None:
            blob = place.blob
            if length >= 4096 and blob.length * _ZERO_RATIO < length and is_zeros(blob_id, length):
                file.sparse = True
                try:
                    file.write_zeros(offset, length)
                except OSError as error:
                    file.fail(error)
                with self._lock:
                    self.counts.bytes_written += length
                return
            wanted = self._wanted[blob_id] = _Wanted(place, fingerprint)
        file.expect()
        wanted.targets.append((file, offset))

    def start(self) -> None:
        """Begin to do all that was planned; a few windows may be under way while planning goes on.

        Large blobs go to several threads. Small ones go to a single one beside them: the work on these is
        mostly the interpreter's own, and more threads would only wait for each other.

        :raises Interrupted: if it was asked to stop.
        """
        while len(self._windows) >= WINDOWS:
            self._wait_for(self._windows.popleft())
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, "restore")
            self._small_pool = ThreadPoolExecutor(1, "restore-small")
        compare, self._compare = self._compare, []
        for _ in self._pool.map(self._compare_file, compare):
            self._stop.check()
        wanted, self._wanted = self._wanted, {}
        ready, self._ready = self._ready, []
        window: list[Future[None]] = []
        for blobs in self._ranges(wanted):
            last = blobs[-1].place.blob
            average = (last.offset + last.length - blobs[0].place.blob.offset) / len(blobs)
            small = average < _SMALL_BLOB and not self._is_remote
            window.append((self._small_pool if small else self._pool).submit(self._fetch, blobs))
        if ready:
            window.append(self._small_pool.submit(self._finish_all, ready))
        self._windows.append(window)

    def _wait_for(self, window: list[Future[None]]) -> None:
        for future in window:
            future.result()
            self._stop.check()

    def drain(self) -> None:
        """Wait until all that was begun is done.

        :raises Interrupted: if it was asked to stop.
        """
        while self._windows:
            self._wait_for(self._windows.popleft())

    def _finish_all(self, files: list[RestoredFile]) -> None:
        for file in files:
            self._finished(file)

    def _compare_file(self, work: tuple[RestoredFile, list[Piece]]) -> None:
        file, pieces = work
        if self._stop.asked:
            return
        same = 0
        different = []
        try:
            descriptor = os.open(
                file.node.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=file.folder.descriptor
            )
            try:
                for piece in pieces:
                    data = os.pread(descriptor, piece.length, piece.offset)
                    if len(data) == piece.length and self._is(data, piece.id, piece.fingerprint):
                        same += piece.length
                    else:
                        different.append(piece)
            finally:
                os.close(descriptor)
        except OSError as error:
            file.fail(error)
            different = []
        with self._lock:
            self.counts.bytes_unchanged += same
            for piece in different:
                self._want(file, piece)
            self._settle_plan(file)

    def _is(self, data: Buffer, blob_id: bytes, fingerprint: bytes) -> bool:
        return self._fingerprints.are_those_of(data, fingerprint) or blob_id_of(data) == blob_id

    def _ranges(self, wanted: dict[bytes, _Wanted]) -> list[list[_Wanted]]:
        """Group blobs into ranges of packs; packs in the order of their first use."""
        packs: dict[bytes, list[_Wanted]] = {}
        for each in wanted.values():
            packs.setdefault(each.place.pack, []).append(each)
        ranges = []
        for blobs in packs.values():
            blobs.sort(key=lambda each: each.place.blob.offset)
            current: list[_Wanted] = []
            start = end = 0
            for each in blobs:
                blob = each.place.blob
                if current and (
                    blob.offset - end > self._most_gap or blob.offset + blob.length - start > _MOST_RANGE
                ):
                    ranges.append(current)
                    current = []
                if not current:
                    start = blob.offset
                current.append(each)
                end = blob.offset + blob.length
            ranges.append(current)
        return ranges

    def _fetch(self, blobs: list[_Wanted]) -> None:
        if self._stop.asked:
            return
        place = blobs[0].place
        start = place.blob.offset
        last = blobs[-1].place.blob
        data = None
        with contextlib.suppress(DamagedError, ObjectMissing):
            # What is wrong with it is found out blob by blob below.
            length = last.offset + last.length - start
            data = memoryview(self._repo.backend.read_range(FileKind.PACK, place.pack.hex(), start, length))
            with self._lock:
                self.counts.bytes_fetched += length
                self.counts.blobs_fetched += len(blobs)
        for wanted in blobs:
            blob = wanted.place.blob
            sealed = None if data is None else data[blob.offset - start : blob.offset - start + blob.length]
            self._write(wanted, blob, sealed)

    def _write(self, wanted: _Wanted, blob: PackedBlob, sealed: memoryview | None) -> None:
        try:
            try:
                if sealed is None:
                    raise DamagedError("it could not be read")
                known = wanted.fingerprint
                plaintext = self._repo.open_blob(
                    blob,
                    sealed,
                    partial(self._fingerprints.are_those_of, fingerprint=known) if known else None,
                )
            except DamagedError:
                plaintext = self._repo.load_blob(BlobType.DATA, blob.id)
        except VaultError as error:
            for file, _ in wanted.targets:
                file.fail(error)
            self._settle(wanted)
            return
        if len(wanted.targets) == 1 and wanted.targets[0][0].write_whole(plaintext):
            with self._lock:
                self.counts.bytes_written += len(plaintext)
            self._finished(wanted.targets[0][0])
            return
        for file, offset in wanted.targets:
            try:
                file.write(offset, plaintext)
            except OSError as error:
                file.fail(error)
        with self._lock:
            self.counts.bytes_written += len(plaintext) * len(wanted.targets)
        self._settle(wanted)

    def _settle(self, wanted: _Wanted) -> None:
        for file, _ in wanted.targets:
            if file.settle():
                self._finished(file)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._small_pool.shutdown(cancel_futures=True)
            self._pool.shutdown(cancel_futures=True)
