"""The workers of a backup: hash, deduplicate, compress, seal and pack, in threads that release the GIL.

Work comes in two sizes: a chunk of a large file, or a batch of whole small files. A queue item for every
small file would cost more than the work on it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from migration_ops.vault.backend import Buffer
from migration_ops.vault.crypto import OVERHEAD
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.index import blob_id_of
from migration_ops.vault.pack import BlobType, PackedBlob
from migration_ops.vault.packer import Packer
from migration_ops.vault.repository import Repository
from migration_ops.vault.stopping import StopRequest

# One of so many sealed blobs is opened again before it is stored, against broken memory or libraries.
VERIFY_EVERY = 16
# How often whoever waits for room in a queue looks whether work shall stop.
LOOK_SECONDS = 0.25


@dataclass
class SavedBytes:
    """What was added to the repository; guarded by the saver's lock."""

    data_blobs: int = 0
    tree_blobs: int = 0
    data_added: int = 0
    data_added_packed: int = 0


class BlobSaver:
    """Stores blobs that the repository does not have yet.

    :param stop: asks for a clean stop.
    :param workers: threads; there should be as many as cores.
    :param verify_every: one of how many sealed blobs is opened again before it is stored; 1 means all.
    """

    def __init__(
        self,
        repo: Repository,
        packer: Packer,
        stop: StopRequest,
        workers: int,
        verify_every: int = VERIFY_EVERY,
    ) -> None:
        self._repo = repo
        self._packer = packer
        self._stop = stop
        self._compressor = repo.compressor
        self._verify_every = verify_every
        self._sealed = 0
        self._lock = threading.Lock()
        self._tasks: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=2 * workers + 2)
        self.failure: BaseException | None = None
        self.added = SavedBytes()
        self._threads = [
            threading.Thread(target=self._work, name="save", daemon=True) for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if self.failure is None:
                try:
                    task()
                except BaseException as error:  # noqa: BLE001 - raised again by check()
                    self.failure = error

    def check(self) -> None:
        """Raise what went wrong in a worker, if anything did.

        :raises Interrupted: if work was asked to stop.
        """
        if self.failure is not None:
            raise self.failure
        self._stop.check()

    def submit(self, task: Callable[[], None]) -> None:
        """Give work to a worker; waits while all are busy.

        :raises Interrupted: if work was asked to stop.
        """
        while True:
            self.check()
            try:
                self._tasks.put(task, timeout=LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def save_chunk(self, data: Buffer) -> bytes:
        """Store a chunk of data, if it is new.

        :returns: its id.
        """
        blob_id = blob_id_of(data)
        if self._repo.index.claim(BlobType.DATA, blob_id):
            self._store(BlobType.DATA, blob_id, data, self._compressor.compress_if_smaller(data))
        return blob_id

    def save_tree(self, tree_id: bytes, size: int, plaintext: bytes | None, compressed: list[bytes]) -> bool:
        """Store a tree, if it is new.

        :param plaintext: the tree, or None if it came compressed already.
        :returns: whether it was new.
        """
        if not self._repo.index.claim(BlobType.TREE, tree_id):
            return False
        payload = b"".join(compressed) if plaintext is None else self._compressor.compress(plaintext)
        self._store(BlobType.TREE, tree_id, plaintext, payload, size)
        return True

    def _store(
        self, kind: BlobType, blob_id: bytes, data: Buffer | None, compressed: bytes | None, size: int = 0
    ) -> None:
        uncompressed = 0
        if compressed is None:
            payload: Buffer = data if data is not None else b""
            size = len(payload)
        else:
            payload = compressed
            size = uncompressed = size or len(data or b"")
        sealed = self._repo.key.seal(payload)
        self._sealed += 1
        if self._sealed % self._verify_every == 0:
            self._verify(PackedBlob(kind, blob_id, 0, len(sealed), uncompressed), sealed)
        length = self._packer.add(kind, blob_id, [sealed], uncompressed)
        self._count(kind, 1, size, length)

    def _verify(self, blob: PackedBlob, sealed: Buffer) -> None:
        try:
            self._repo.open_blob(blob, sealed)
        except DamagedError as error:
            raise DamagedError(
                f"a blob does not open again right after it was sealed: {error};"
                " this machine's memory or libraries are broken, nothing of it was stored"
            ) from error

    def _count(self, kind: BlobType, blobs: int, size: int, packed: int) -> None:
        with self._lock:
            added = self.added
            if kind is BlobType.TREE:
                added.tree_blobs += blobs
            else:
                added.data_blobs += blobs
            added.data_added += size
            added.data_added_packed += packed

    def save_small(self, contents: list[bytes]) -> list[bytes]:
        """Store many small files at once.

        :returns: the id of each content.
        """
        ids = [blob_id_of(content) for content in contents]
        new = [
            (blob_id, content)
            for blob_id, content, first in zip(
                ids, contents, self._repo.index.claim_many(BlobType.DATA, ids), strict=True
            )
            if first
        ]
        if not new:
            return ids
        compressed = self._compressor.compress_many([content for _, content in new])
        payloads = [
            (packed, len(content)) if len(packed) < len(content) else (content, 0)
            for (_, content), packed in zip(new, compressed, strict=True)
        ]
        sealed = self._repo.key.seal_many([payload for payload, _ in payloads])
        blobs = [
            (blob_id, text, uncompressed)
            for (blob_id, _), text, (_, uncompressed) in zip(new, sealed, payloads, strict=True)
        ]
        self._sealed += len(blobs)
        for blob_id, text, uncompressed in blobs[:: self._verify_every]:
            self._verify(PackedBlob(BlobType.DATA, blob_id, 0, len(text), uncompressed), text)
        self._packer.add_many(BlobType.DATA, blobs)
        self._count(
            BlobType.DATA,
            len(new),
            sum(len(content) for _, content in new),
            sum(len(payload) + OVERHEAD for payload, _ in payloads),
        )
        return ids

    def give_up(self, reason: BaseException) -> None:
        """Begin no further task."""
        self.failure = self.failure or reason

    def close(self) -> None:
        """End the workers."""
        for _ in self._threads:
            while True:
                try:
                    self._tasks.put(None, timeout=LOOK_SECONDS)
                    break
                except queue.Full:
                    continue
        for thread in self._threads:
            thread.join()
