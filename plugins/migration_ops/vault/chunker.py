"""Cutting content into chunks: FastCDC, its table keyed by the repository.

Any boundaries are legal in the format. These chunks are half as large as restic's on average: a changed
database page makes less to upload.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from migration_ops.vault.errors import VaultError

SMALLEST = 256 * 1024
_AVERAGE = 512 * 1024
LARGEST = 4 * 1024 * 1024
# Zeros of a hole: one blob of the size by which restic's restore --sparse knows a sparse file, then large
# ones.
FIRST_ZEROS = 512 * 1024
ZEROS = 8 * 1024 * 1024


def make_chunker(polynomial: int) -> Any:
    """A chunker for one thread.

    :param polynomial: the repository's; it is secret and stable, which is what a seed must be.
    :raises VaultError: if only the library's slow Python version is installed.
    """
    import pyfastcdc

    if ".cy." not in f".{pyfastcdc.FastCDC.__module__}.":
        raise VaultError(
            "pyfastcdc has no compiled module here and would be 200 times slower; install its wheel"
        )
    return pyfastcdc.FastCDC(
        _AVERAGE, min_size=SMALLEST, max_size=LARGEST, normalized_chunking=1, seed=polynomial
    )


def cut(chunker: Any, view: memoryview, *, last: bool) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk in a buffer.

    :param last: whether the content ends with the buffer; otherwise its last piece waits for what follows.
    """
    size = len(view)
    for chunk in chunker.cut_buf(view):
        end = chunk.offset + chunk.length
        if end == size and not last and chunk.length < LARGEST:
            return
        yield chunk.offset, end


def zero_lengths(length: int, *, first: bool) -> Iterator[int]:
    """How a hole is cut.

    :param first: whether it is the file's first hole of that size.
    """
    if first and length > FIRST_ZEROS:
        yield FIRST_ZEROS
        length -= FIRST_ZEROS
    while length > 0:
        piece = min(length, ZEROS)
        yield piece
        length -= piece
