"""Fetching a range of a pack, and writing the blobs in it where they belong."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial

from migration_ops.vault.backend import FileKind
from migration_ops.vault.content_plan import ContentCounts, WantedBlob
from migration_ops.vault.errors import DamagedError, ObjectMissing, VaultError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.restored_file import RestoredFile
from migration_ops.vault.stopping import StopRequest


class RangeWriter:
    """Writes ranges; any thread may call it.

    :param finished: called for each file when its last write is done.
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
        self.lock = threading.Lock()
        self.counts = ContentCounts()

    def write(self, blobs: list[WantedBlob]) -> None:
        """Fetch a range with one request and write all that is wanted of it.

        :raises VaultError: if the storage does not answer; what is damaged is an error of its files.
        """
        if self._stop.asked:
            return
        place = blobs[0].place
        start = place.blob.offset
        last = blobs[-1].place.blob
        length = last.offset + last.length - start
        data = None
        with contextlib.suppress(DamagedError, ObjectMissing):
            # What is wrong with it is found out blob by blob below.
            data = memoryview(self._repo.backend.read_range(FileKind.PACK, place.pack.hex(), start, length))
        written = 0
        for wanted in blobs:
            offset = wanted.place.blob.offset - start
            sealed = None if data is None else data[offset : offset + wanted.place.blob.length]
            written += self._write(wanted, sealed)
        with self.lock:
            self.counts.bytes_written += written
            if data is not None:
                self.counts.bytes_fetched += length
                self.counts.blobs_fetched += len(blobs)

    def _write(self, wanted: WantedBlob, sealed: memoryview | None) -> int:
        """Write one blob; returns how many bytes were written."""
        try:
            plaintext = self._open(wanted, sealed)
        except VaultError as error:
            if error.retryable:
                raise  # the storage does not answer: that is no trouble of one file
            for file, _ in wanted.targets:
                file.fail(error)
            self._settle(wanted)
            return 0
        if len(wanted.targets) == 1 and wanted.targets[0][0].write_whole(plaintext):
            self._finished(wanted.targets[0][0])
            return len(plaintext)
        for file, offset in wanted.targets:
            try:
                file.write(offset, plaintext)
            except OSError as error:
                file.fail(error)
        self._settle(wanted)
        return len(plaintext) * len(wanted.targets)

    def _open(self, wanted: WantedBlob, sealed: memoryview | None) -> bytes | bytearray | memoryview:
        known = wanted.fingerprint
        is_right = partial(self._fingerprints.are_those_of, fingerprint=known) if known else None
        blob = wanted.place.blob
        if sealed is not None:
            with contextlib.suppress(DamagedError):
                return self._repo.open_blob(blob, sealed, is_right)
        return self._repo.load_blob(BlobType.DATA, blob.id)

    def _settle(self, wanted: WantedBlob) -> None:
        for file, _ in wanted.targets:
            if file.settle():
                self._finished(file)
