"""From blobs to durable packs to index files, in that order.

Blobs are appended to an open pack of their type, which is hashed while it grows. Full packs are uploaded by
a few threads; a bounded queue keeps memory bounded. Packs that are durable are named by an index file now
and then.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
from collections.abc import Callable

from migration_ops.vault.backend import Buffer, FileKind
from migration_ops.vault.index import encode_index
from migration_ops.vault.pack import TARGET_SIZE, BlobType, PackedBlob, encode_header
from migration_ops.vault.repository import Repository
from migration_ops.vault.upload_limit import UploadLimit

INDEX_BLOBS = 50_000
INDEX_SECONDS = 120.0
# How long a stop waits for uploads that were begun: a pod is given half a minute to end.
STOP_SECONDS = 5.0


class _OpenPack:
    def __init__(self) -> None:
        self.parts: list[Buffer] = []
        self.blobs: list[PackedBlob] = []
        self.size = 0
        self.digest = hashlib.sha256()


class Packer:
    """Stores blobs for one command.

    :param uploads: how many packs may be on their way at once.
    :param limit: what each pack waits for before it is uploaded.
    :param guard: called before packs are named by an index; raises if they may have been pruned meanwhile.
    :param remember: keep in `stored` what each pack holds.
    """

    def __init__(
        self,
        repo: Repository,
        *,
        uploads: int | None = None,
        limit: UploadLimit | None = None,
        guard: Callable[[], None] | None = None,
        remember: bool = False,
    ) -> None:
        self._repo = repo
        self._remember = remember
        self._limit = limit
        self._guard = guard
        self._open = {BlobType.DATA: _OpenPack(), BlobType.TREE: _OpenPack()}
        self._locks = {BlobType.DATA: threading.Lock(), BlobType.TREE: threading.Lock()}
        count = uploads or (1 if repo.backend.connections <= 2 else min(4, repo.backend.connections))
        self._queue: queue.Queue[_OpenPack | None] = queue.Queue(maxsize=1)
        self._failure: BaseException | None = None
        self._durable: list[tuple[bytes, list[PackedBlob]]] = []
        self._durable_blobs = 0
        # Guards what is begun and what is durable, and is notified of the end of an upload.
        self._uploading = threading.Condition()
        self._begun = 0
        self._is_over = False
        self._index_lock = threading.Lock()
        self._last_index = time.monotonic()
        self.stored: list[tuple[bytes, list[PackedBlob]]] = []
        self._threads = [
            threading.Thread(target=self._upload_packs, name="upload", daemon=True) for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, kind: BlobType, blob_id: bytes, parts: list[Buffer], uncompressed_length: int) -> int:
        """Append a sealed blob that was claimed in the index.

        :param parts: the sealed bytes, in pieces.
        :returns: how many bytes it takes in the repository.
        """
        length = sum(map(len, parts))
        with self._locks[kind]:
            pack = self._open[kind]
            pack.blobs.append(PackedBlob(kind, blob_id, pack.size, length, uncompressed_length))
            pack.size += length
            pack.parts.extend(parts)
            for part in parts:
                pack.digest.update(part)
            if pack.size >= TARGET_SIZE:
                self._open[kind] = _OpenPack()
            else:
                return length
        self._hand_over(pack)
        return length

    def add_many(self, kind: BlobType, blobs: list[tuple[bytes, bytes, int]]) -> None:
        """Append several small sealed blobs: id, sealed bytes, uncompressed length."""
        finished = []
        with self._locks[kind]:
            pack = self._open[kind]
            joined = []
            for blob_id, sealed, uncompressed_length in blobs:
                pack.blobs.append(PackedBlob(kind, blob_id, pack.size, len(sealed), uncompressed_length))
                pack.size += len(sealed)
                joined.append(sealed)
            part = b"".join(joined)
            pack.parts.append(part)
            pack.digest.update(part)
            if pack.size >= TARGET_SIZE:
                finished.append(pack)
                self._open[kind] = _OpenPack()
        for pack in finished:
            self._hand_over(pack)

    def _hand_over(self, pack: _OpenPack) -> None:
        header = encode_header(pack.blobs, self._repo.key)
        pack.parts.append(header)
        pack.digest.update(header)
        pack.size += len(header)
        while True:
            self._raise_failure()
            try:
                self._queue.put(pack, timeout=0.25)
            except queue.Full:
                continue
            return

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _upload_packs(self) -> None:
        while (pack := self._queue.get()) is not None:
            try:
                self._upload(pack)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
                self._failure = self._failure or error
            finally:
                self._queue.task_done()
        self._queue.put(None)  # for the next thread

    def _upload(self, pack: _OpenPack) -> None:
        if self._limit is not None and self._failure is None:
            self._limit.wait(pack.size)
        with self._uploading:
            if self._failure is not None:
                return
            self._begun += 1
        pack_id = pack.digest.digest()
        is_stored = False
        try:
            self._repo.backend.save(FileKind.PACK, pack_id.hex(), pack.parts)
            is_stored = True
        finally:
            pack.parts.clear()
            with self._uploading:
                self._begun -= 1
                due = is_stored and not self._is_over and self._note_durable(pack_id, pack.blobs)
                self._uploading.notify_all()
        if due:
            self.write_index()

    def _note_durable(self, pack_id: bytes, blobs: list[PackedBlob]) -> bool:
        """Note that a pack is stored; returns whether it is time for an index file."""
        self._repo.index.add_pack(pack_id, blobs)
        self._durable.append((pack_id, blobs))
        self._durable_blobs += len(blobs)
        if self._remember:
            self.stored.append((pack_id, blobs))
        return self._durable_blobs >= INDEX_BLOBS or time.monotonic() - self._last_index > INDEX_SECONDS

    def write_index(self) -> None:
        """Name all packs that are durable, and not named yet, by an index file."""
        with self._index_lock:
            with self._uploading:
                packs, self._durable = self._durable, []
                self._durable_blobs = 0
                self._last_index = time.monotonic()
            if packs:
                if self._guard is not None:
                    self._guard()
                self._repo.save_unpacked(FileKind.INDEX, encode_index(packs))

    def stop(self, reason: BaseException) -> None:
        """Begin no further upload; packs that wait for one are given up.

        :param reason: raised in those who still have something to add.
        """
        with self._uploading:
            self._failure = self._failure or reason
        if self._limit is not None:
            self._limit.stop()

    def index_what_was_begun(self) -> None:
        """After a stop: wait a moment for the uploads that are under way, then write the index.

        One that takes longer is nobody's any more: no index will name its pack.

        :raises StorageError: if the index could not be stored.
        """
        with self._uploading:
            self._uploading.wait_for(lambda: not self._begun, STOP_SECONDS)
            self._is_over = True
        self.write_index()

    def flush(self) -> None:
        """Close and upload the open packs, wait for all uploads, write the index.

        :raises StorageError: if anything could not be stored.
        """
        for kind in (BlobType.DATA, BlobType.TREE):
            with self._locks[kind]:
                pack, self._open[kind] = self._open[kind], _OpenPack()
            if pack.blobs:
                self._hand_over(pack)
        self._queue.join()
        self._raise_failure()
        self.write_index()

    def close(self) -> None:
        """End the threads; packs that are still open are given up."""
        if self._is_over:
            with contextlib.suppress(queue.Empty):
                self._queue.get_nowait()  # given up; nobody may be there to take it
        self._queue.put(None)
        for thread in self._threads:
            thread.join(0.0 if self._is_over else None)
