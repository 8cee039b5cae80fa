"""The index: which blob lies where in which pack.

Index files are JSON lists of packs with their blobs. In memory they become two packed tables (data and
trees). While a backup runs, the packs that it finishes join the tables at once, and are written as new index
files from time to time: never before the packs themselves are durable.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from migration_ops.vault.blob_table import RECORD, BlobTable
from migration_ops.vault.errors import MALFORMED, DamagedError, what_is_wrong
from migration_ops.vault.pack import BlobType, PackedBlob


class BlobPlace(NamedTuple):
    """Where a blob lies.

    :param pack: the pack's id, 32 bytes.
    """

    pack: bytes
    blob: PackedBlob


class Index:
    """All blobs of a repository, plus those that this process is about to store."""

    def __init__(self) -> None:
        self.packs: list[bytes] = []
        self.tables = {BlobType.DATA: BlobTable(), BlobType.TREE: BlobTable()}
        # Blobs that lie in packs that are still open, so that nobody stores them a second time.
        self._pending: dict[BlobType, set[bytes]] = {BlobType.DATA: set(), BlobType.TREE: set()}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.tables[BlobType.DATA]) + len(self.tables[BlobType.TREE])

    def load_file(self, name: str, plaintext: bytes) -> None:
        """Add what an index file says.

        :raises DamagedError: if it is not an index; nothing of it is added then.
        """
        try:
            packs, data, trees = _pack_records(plaintext, len(self.packs))
        except (DamagedError, struct.error, *MALFORMED) as error:
            raise DamagedError(f"index {name} is damaged: {what_is_wrong(error)}") from error
        self.packs.extend(packs)
        self.tables[BlobType.DATA].extend(data)
        self.tables[BlobType.TREE].extend(trees)

    def add_pack(self, pack: bytes, blobs: Sequence[PackedBlob]) -> None:
        """Make the blobs of a finished pack known; they are not pending any more."""
        with self._lock:
            number = len(self.packs)
            self.packs.append(pack)
            for blob in blobs:
                self.tables[blob.type].add(
                    blob.id, number, blob.offset, blob.length, blob.uncompressed_length
                )
                self._pending[blob.type].discard(blob.id)

    def claim(self, kind: BlobType, blob_id: bytes) -> bool:
        """Ask to store a blob: True for the first who asks, False if it is stored or about to be."""
        with self._lock:
            pending = self._pending[kind]
            if blob_id in pending or self.tables[kind].find(blob_id) >= 0:
                return False
            pending.add(blob_id)
            return True

    def claim_many(self, kind: BlobType, ids: Iterable[bytes]) -> list[bool]:
        """Like :meth:`claim` for several blobs at once."""
        with self._lock:
            pending, find = self._pending[kind], self.tables[kind].find
            answers = []
            for blob_id in ids:
                first = blob_id not in pending and find(blob_id) < 0
                if first:
                    pending.add(blob_id)
                answers.append(first)
            return answers

    def contains_all(self, kind: BlobType, ids: Iterable[bytes]) -> bool:
        """Whether all blobs are in finished packs, or in this process's open ones."""
        pending, find = self._pending[kind], self.tables[kind].find
        with self._lock:
            return all(find(blob_id) >= 0 or blob_id in pending for blob_id in ids)

    def has_all(self, kind: BlobType, ids: bytes) -> bool:
        """Like :meth:`contains_all`, for many ids that lie one after the other."""
        with self._lock:
            if self.tables[kind].has_all(ids):
                return True
        return self.contains_all(kind, [ids[start : start + 32] for start in range(0, len(ids), 32)])

    def find(self, kind: BlobType, blob_id: bytes) -> BlobPlace | None:
        """The first place of a blob."""
        with self._lock:
            table = self.tables[kind]
            number = table.find(blob_id)
            return None if number < 0 else self._place(kind, number)

    def find_all(self, kind: BlobType, blob_id: bytes) -> list[BlobPlace]:
        """All places of a blob; more than one if it was stored twice."""
        with self._lock:
            return [self._place(kind, number) for number in self.tables[kind].find_all(blob_id)]

    def _place(self, kind: BlobType, number: int) -> BlobPlace:
        blob_id, pack, offset, length, uncompressed = self.tables[kind].record(number)
        return BlobPlace(self.packs[pack], PackedBlob(kind, blob_id, offset, length, uncompressed))

    def places(self, kind: BlobType) -> Iterator[BlobPlace]:
        """Every blob of a type, once per place."""
        for blob_id, pack, offset, length, uncompressed in self.tables[kind]:
            yield BlobPlace(self.packs[pack], PackedBlob(kind, blob_id, offset, length, uncompressed))


def _pack_records(plaintext: bytes, number: int) -> tuple[list[bytes], bytes, bytes]:
    packs: list[bytes] = []
    records: dict[str, list[bytes]] = {"data": [], "tree": []}
    pack_record, unhex = RECORD.pack, bytes.fromhex
    for pack in read_packs(plaintext):
        packs.append(_id(pack["id"]))
        for blob in pack["blobs"] or ():
            blob_id = unhex(blob["id"])
            if len(blob_id) != 32:
                raise DamagedError(f"a blob's id has {len(blob_id)} bytes")
            records[blob["type"]].append(
                pack_record(
                    blob_id, number, blob["offset"], blob["length"], blob.get("uncompressed_length", 0)
                )
            )
        number += 1
    return packs, b"".join(records["data"]), b"".join(records["tree"])


_BETWEEN_PACKS = b']},{"id":"'


def read_packs(plaintext: bytes) -> Iterator[Any]:
    """The packs that an index file names, as the JSON says it.

    Files without spaces, as all programs write them, are taken apart pack by pack: that needs a tenth of the
    memory of parsing fifty thousand blobs at once.

    :raises ValueError: if it is no JSON.
    """
    prefix = b'{"packs":['
    if not plaintext.startswith(prefix) or not plaintext.endswith(b"]}]}\n"):
        document = orjson.loads(plaintext)
        # Version 1 had a bare list here.
        yield from (document["packs"] if isinstance(document, dict) else document) or ()
        return
    position, end = len(prefix), len(plaintext) - 3
    while position < end:
        stop = plaintext.find(_BETWEEN_PACKS, position, end)
        stop = end if stop < 0 else stop + 2
        yield orjson.loads(memoryview(plaintext)[position:stop])
        position = stop + 1


def _id(text: Any) -> bytes:
    raw = bytes.fromhex(text)
    if len(raw) != 32:
        raise DamagedError(f"{text!r} is no id")
    return raw


def encode_index(packs: Iterable[tuple[bytes, Sequence[PackedBlob]]]) -> bytes:
    """The content of an index file for some packs."""
    texts = []
    for pack, blobs in packs:
        entries = ",".join(
            f'{{"id":"{blob.id.hex()}","type":"{blob.type.word}","offset":{blob.offset},"length":{blob.length}'
            + (f',"uncompressed_length":{blob.uncompressed_length}}}' if blob.uncompressed_length else "}")
            for blob in blobs
        )
        texts.append(f'{{"id":"{pack.hex()}","blobs":[{entries}]}}')
    return ('{"packs":[' + ",".join(texts) + "]}\n").encode()


def blob_id_of(plaintext: bytes | bytearray | memoryview) -> bytes:
    """A blob's id: the SHA-256 of its plaintext."""
    return hashlib.sha256(plaintext).digest()
