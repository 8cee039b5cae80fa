"""Getting content into files: what is planned is fetched and written window by window, in several threads."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from migration_ops.vault.backend import Buffer
from migration_ops.vault.content_plan import ContentCounts, ContentPlan, Piece, layout
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.index import blob_id_of
from migration_ops.vault.node import Node
from migration_ops.vault.range_writer import RangeWriter
from migration_ops.vault.repository import Repository
from migration_ops.vault.restored_file import RestoredFile
from migration_ops.vault.stopping import StopRequest

_SMALL_BLOB = 64 * 1024
# How many windows may be under way.
WINDOWS = 4


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
        self._plan = ContentPlan()
        self._plan_lock = threading.Lock()
        self._compare: list[tuple[RestoredFile, list[Piece]]] = []
        self._ranges = RangeWriter(repo, fingerprints, stop, finished)
        self._is_remote = repo.backend.connections > 2
        self._workers = max(os.cpu_count() or 2, repo.backend.connections if self._is_remote else 2)
        self._pool: ThreadPoolExecutor | None = None
        self._small_pool: ThreadPoolExecutor
        self._windows: deque[list[Future[None]]] = deque()

    def __len__(self) -> int:
        return len(self._plan) + len(self._compare)

    @property
    def counts(self) -> ContentCounts:
        """What was done so far."""
        return self._ranges.counts

    def layout(self, node: Node) -> list[Piece]:
        """Where a file's blobs belong, and where they lie.

        :raises DamagedError: if a blob is not in the index, or all of them are not as long as the file.
        """
        return layout(self._repo, self._fingerprints, node)

    def add(self, file: RestoredFile, pieces: list[Piece]) -> None:
        """Plan writes of blobs into a file.

        :param pieces: of :meth:`layout`; none if only the metadata must be set.
        """
        self._plan.add(file, pieces)

    def add_compared(self, file: RestoredFile, pieces: list[Piece]) -> None:
        """Plan to compare an existing file with its blobs, and to write those that differ."""
        file.expect()
        self._compare.append((file, pieces))

    def count_unchanged(self, size: int) -> None:
        """Count content that is there already."""
        with self._ranges.lock:
            self.counts.bytes_unchanged += size

    def count_others(self, done: ContentCounts) -> None:
        """Count what somebody else fetched and wrote."""
        with self._ranges.lock:
            self.counts.add(done)

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
        plan, self._plan = self._plan, ContentPlan()
        self.count_others(ContentCounts(bytes_written=plan.zeros))
        window: list[Future[None]] = []
        for blobs in plan.ranges(is_remote=self._is_remote):
            last = blobs[-1].place.blob
            average = (last.offset + last.length - blobs[0].place.blob.offset) / len(blobs)
            small = average < _SMALL_BLOB and not self._is_remote
            window.append((self._small_pool if small else self._pool).submit(self._ranges.write, blobs))
        if plan.ready:
            window.append(self._small_pool.submit(self._finish_all, plan.ready))
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
        self.count_unchanged(same)
        with self._plan_lock:
            self._plan.want(file, different)
            self._plan.settle(file)

    def _is(self, data: Buffer, blob_id: bytes, fingerprint: bytes) -> bool:
        return self._fingerprints.are_those_of(data, fingerprint) or blob_id_of(data) == blob_id

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._small_pool.shutdown(cancel_futures=True)
            self._pool.shutdown(cancel_futures=True)
