"""A packed table from blob ids to their places: 48 bytes a blob and at most 8 for the hash slots.

Records lie one after the other in a bytearray; an open-addressing table of record numbers finds them. A dict
of tuples would take five times as much, and sorted arrays could not grow while a backup runs.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

# id, pack number, offset, length, uncompressed length
RECORD = struct.Struct("<32sIIII")
_SIZE = RECORD.size
_FIRST_BYTES = struct.Struct("<I28x")
_EMPTY = 0xFFFFFFFF


class BlobTable:
    """Blobs of one type. The same id may be there more than once, in different packs."""

    def __init__(self) -> None:
        self._records = bytearray()
        self._slots = array("I")
        self._mask = -1
        self._hashed = 0

    def __len__(self) -> int:
        return len(self._records) // _SIZE

    def extend(self, records: bytes) -> None:
        """Append packed records; they become findable at the next look-up."""
        self._records += records

    def add(self, blob_id: bytes, pack: int, offset: int, length: int, uncompressed: int) -> None:
        """Append one record."""
        self._records += RECORD.pack(blob_id, pack, offset, length, uncompressed)

    def _hash_new_records(self) -> None:
        records, count = self._records, len(self)
        if self._mask < 0 or count * 4 > (self._mask + 1) * 3:
            capacity = 1024
            while capacity * 2 < count * 3:
                capacity *= 2
            self._slots = array("I", [_EMPTY]) * capacity
            self._mask = capacity - 1
            self._hashed = 0
        slots, mask = self._slots, self._mask
        from_bytes = int.from_bytes
        position = self._hashed * _SIZE
        for number in range(self._hashed, count):
            slot = from_bytes(records[position : position + 4], "little") & mask
            while slots[slot] != _EMPTY:
                slot = (slot + 1) & mask
            slots[slot] = number
            position += _SIZE
        self._hashed = count

    def find(self, blob_id: bytes) -> int:
        """Number of the first record of an id, or -1."""
        if self._hashed * _SIZE != len(self._records):
            self._hash_new_records()
        mask = self._mask
        if mask < 0:
            return -1
        slots, records = self._slots, self._records
        slot = int.from_bytes(blob_id[:4], "little") & mask
        while (number := slots[slot]) != _EMPTY:
            if records.startswith(blob_id, number * _SIZE):
                return number
            slot = (slot + 1) & mask
        return -1

    def find_all(self, blob_id: bytes) -> Iterator[int]:
        """Numbers of all records of an id."""
        if self.find(blob_id) < 0:
            return
        slot = int.from_bytes(blob_id[:4], "little") & self._mask
        while (number := self._slots[slot]) != _EMPTY:
            if self._records[number * _SIZE : number * _SIZE + 32] == blob_id:
                yield number
            slot = (slot + 1) & self._mask

    def record(self, number: int) -> tuple[bytes, int, int, int, int]:
        """Id, pack number, offset, length and uncompressed length of a record."""
        return RECORD.unpack_from(self._records, number * _SIZE)

    def __iter__(self) -> Iterator[tuple[bytes, int, int, int, int]]:
        return RECORD.iter_unpack(bytes(self._records)) if len(self) < 1 << 16 else self._iterate()

    def _iterate(self) -> Iterator[tuple[bytes, int, int, int, int]]:
        for number in range(len(self)):
            yield self.record(number)

    def has_all(self, ids: bytes) -> bool:
        """Whether every one of the ids that lie one after the other is known."""
        if self._hashed * _SIZE != len(self._records):
            self._hash_new_records()
        mask = self._mask
        if mask < 0:
            return not ids
        slots, records = self._slots, self._records
        position = 0
        for (start,) in _FIRST_BYTES.iter_unpack(ids):
            blob_id = ids[position : position + 32]
            slot = start & mask
            while (number := slots[slot]) != _EMPTY:
                if records.startswith(blob_id, number * _SIZE):
                    break
                slot = (slot + 1) & mask
            else:
                return False
            position += 32
        return True
