"""Packs: sealed blobs one after the other, then a sealed header that lists them, then the header's length.

One pack holds blobs of one type only. A blob's id is the SHA-256 of its plaintext before compression.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from migration_ops.vault.backend import Backend, FileKind
from migration_ops.vault.crypto import OVERHEAD, Key
from migration_ops.vault.errors import DamagedError

TARGET_SIZE = 16 * 1024 * 1024
MOST_HEADER_BYTES = 16 * 1024 * 1024
_PLAIN_ENTRY = struct.Struct("<BI32s")
_COMPRESSED_ENTRY = struct.Struct("<BII32s")
_LENGTH = struct.Struct("<I")
# Fifteen entries fit into what is read first; most headers need no second request on slow storage.
_FIRST_READ = 15 * _COMPRESSED_ENTRY.size + OVERHEAD + _LENGTH.size


class BlobType(IntEnum):
    """What a blob holds."""

    DATA = 0
    TREE = 1

    @property
    def word(self) -> str:
        """The name in index files."""
        return "tree" if self is BlobType.TREE else "data"


class PackedBlob(NamedTuple):
    """A blob's place in a pack.

    :param length: stored bytes, with the 32 of the seal.
    :param uncompressed_length: plaintext bytes if the blob is compressed, otherwise 0.
    """

    type: BlobType
    id: bytes
    offset: int
    length: int
    uncompressed_length: int

    @property
    def plaintext_length(self) -> int:
        """Bytes of content."""
        return self.uncompressed_length or self.length - OVERHEAD


def encode_header(blobs: Iterable[PackedBlob], key: Key) -> bytes:
    """The sealed header with its length behind it: a pack's last bytes."""
    entries = bytearray()
    for blob in blobs:
        if blob.uncompressed_length:
            entries += _COMPRESSED_ENTRY.pack(blob.type + 2, blob.length, blob.uncompressed_length, blob.id)
        else:
            entries += _PLAIN_ENTRY.pack(blob.type, blob.length, blob.id)
    sealed = key.seal(bytes(entries))
    return bytes(sealed) + _LENGTH.pack(len(sealed))


def header_size(blobs: Iterable[PackedBlob]) -> int:
    """Bytes that the header of these blobs takes at a pack's end, its length field included."""
    entries = sum(_COMPRESSED_ENTRY.size if blob.uncompressed_length else _PLAIN_ENTRY.size for blob in blobs)
    return entries + OVERHEAD + _LENGTH.size


def _decode_header(plaintext: bytes) -> list[PackedBlob]:
    blobs = []
    position = offset = 0
    while position < len(plaintext):
        kind = plaintext[position]
        if kind > 3:
            raise DamagedError(f"its header has an entry of the unknown type {kind}")
        entry = _COMPRESSED_ENTRY if kind >= 2 else _PLAIN_ENTRY
        if position + entry.size > len(plaintext):
            raise DamagedError("its header ends within an entry")
        _, length, *uncompressed, blob_id = entry.unpack_from(plaintext, position)
        if length < OVERHEAD or (uncompressed and not uncompressed[0]):
            raise DamagedError("its header has an entry with an impossible length")
        blobs.append(
            PackedBlob(BlobType(kind & 1), blob_id, offset, length, uncompressed[0] if uncompressed else 0)
        )
        position += entry.size
        offset += length
    return blobs


def read_header(backend: Backend, key: Key, name: str, size: int) -> list[PackedBlob]:
    """List the blobs that a pack's own header names.

    :param size: the pack file's size.
    :raises DamagedError: if the header is not one, or does not fit the file's size.
    """
    try:
        if size < _LENGTH.size + OVERHEAD:
            raise DamagedError(f"it has only {size} bytes")
        first = min(size, _FIRST_READ)
        tail = backend.read_range(FileKind.PACK, name, size - first, first)
        (length,) = _LENGTH.unpack(tail[-_LENGTH.size :])
        whole = length + _LENGTH.size
        if not OVERHEAD <= length <= MOST_HEADER_BYTES or whole > size:
            raise DamagedError(f"its header claims {length} bytes")
        if whole > first:
            tail = backend.read_range(FileKind.PACK, name, size - whole, whole)
        blobs = _decode_header(bytes(key.open(tail[-whole : -_LENGTH.size])))
        end = blobs[-1].offset + blobs[-1].length if blobs else 0
        if end + whole != size:
            raise DamagedError(f"its blobs and header make {end + whole} bytes, but it has {size}")
    except DamagedError as error:
        raise DamagedError(f"pack {name} is damaged: {error}") from error
    return blobs
