"""Zstandard frames as restic reads them: one shot, content size on, no checksum, no dictionary.

Each thread has its own contexts: they must not be shared, and making one per blob halves the speed on small
blobs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import zstandard

from migration_ops.vault.backend import Buffer
from migration_ops.vault.errors import DamagedError

_PROBE_BYTES = 16 * 1024
_WORTHWHILE = 0.97
# Metadata documents: no honest index, snapshot or lock is larger; a bomb stops here.
MOST_METADATA_BYTES = 1 << 30


class Compressor(threading.local):
    """Compresses blobs at one level.

    :param level: zstd's level; 1 moves fast, 3 is what restic's default is like.
    """

    def __init__(self, level: int = 1) -> None:
        self.level = level
        self._context = zstandard.ZstdCompressor(level=level, write_content_size=True)
        # The probe looks for any chance at all, so the fastest level will do.
        self._probe = zstandard.ZstdCompressor(level=1)

    def compress(self, data: Buffer) -> bytes:
        """Compress in any case (trees and metadata must be)."""
        return self._context.compress(data)

    def compress_if_smaller(self, data: Buffer) -> bytes | None:
        """Compress a data blob, or return None if it should rather be stored as it is.

        Two samples decide early: compressing what can't be compressed costs time and a copy.
        """
        size = len(data)
        if size >= 8 * _PROBE_BYTES:
            view = memoryview(data)
            middle = size // 2
            samples = (view[:_PROBE_BYTES], view[middle : middle + _PROBE_BYTES], view[size - _PROBE_BYTES :])
            if all(len(self._probe.compress(sample)) > _PROBE_BYTES * _WORTHWHILE for sample in samples):
                return None
        compressed = self._context.compress(data)
        return compressed if len(compressed) < size else None

    def compress_many(self, texts: Sequence[bytes]) -> list[bytes]:
        """Compress small texts in one call that releases the GIL as a whole."""
        if not texts:
            return []
        if len(texts) == 1:
            return [self._context.compress(texts[0])]
        collection = self._context.multi_compress_to_buffer(list(texts), threads=1)
        return [collection[number].tobytes() for number in range(len(texts))]


class _Decompressor(threading.local):
    def __init__(self) -> None:
        self.context = zstandard.ZstdDecompressor()


_decompressor = _Decompressor()


def decompress(data: Buffer, size: int) -> bytes:
    """Decompress a frame that must give exactly `size` bytes; never more is produced.

    :raises DamagedError: if it gives another number of bytes, or is no frame.
    """
    try:
        declared = zstandard.frame_content_size(data)
        if declared > size:
            raise DamagedError(f"a compressed text claims {declared} bytes where {size} are expected")
        plaintext = _decompressor.context.decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise DamagedError(f"a compressed text is damaged: {error}") from error
    if len(plaintext) != size:
        raise DamagedError(f"a compressed text has {len(plaintext)} bytes where {size} are expected")
    return plaintext


def decompress_metadata(data: Buffer) -> bytes:
    """Decompress an index, snapshot or lock, whose size is not known beforehand.

    :raises DamagedError: if it is damaged or unreasonably large.
    """
    try:
        declared = zstandard.frame_content_size(data)
        if declared > MOST_METADATA_BYTES:
            raise DamagedError(f"a metadata file claims {declared} bytes, more than {MOST_METADATA_BYTES}")
        if declared > 0:
            return _decompressor.context.decompress(data, max_output_size=declared)
        reader = _decompressor.context.stream_reader(bytes(data))
        plaintext: bytes = reader.read(MOST_METADATA_BYTES)
    except zstandard.ZstdError as error:
        raise DamagedError(f"a metadata file is damaged: {error}") from error
    return plaintext
