"""What must be fetched for the files of a restore: by pack, neighbours in one request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from migration_ops.vault.crypto import OVERHEAD
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.fingerprints import Fingerprints
from migration_ops.vault.index import BlobPlace
from migration_ops.vault.node import Node
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.restored_file import RestoredFile, is_zeros

# A gap that is read in vain costs less than a request. Distances are in bytes of a pack.
_MOST_GAP_LOCAL = 128 * 1024
_MOST_GAP_REMOTE = 1024 * 1024
_MOST_RANGE = 8 * 1024 * 1024
# Blobs that shrink so much when compressed may be zeros; only these are compared with the id of zeros.
_ZERO_RATIO = 100


class Piece(NamedTuple):
    """A blob of a file: its id, its offset and length in the file, and where it lies in the repository.

    :param fingerprint: empty if it is not known.
    """

    id: bytes
    offset: int
    length: int
    place: BlobPlace
    fingerprint: bytes


class WantedBlob:
    """A blob to fetch, and where it must be written: files with offsets."""

    __slots__ = ("fingerprint", "place", "targets")

    def __init__(self, place: BlobPlace, fingerprint: bytes) -> None:
        self.place = place
        self.fingerprint = fingerprint
        self.targets: list[tuple[RestoredFile, int]] = []


@dataclass
class ContentCounts:
    """What was fetched and written; guarded by the lock of whoever writes."""

    bytes_written: int = 0
    bytes_fetched: int = 0
    bytes_unchanged: int = 0
    blobs_fetched: int = 0

    def add(self, other: ContentCounts) -> None:
        """Count what somebody else did."""
        self.bytes_written += other.bytes_written
        self.bytes_fetched += other.bytes_fetched
        self.bytes_unchanged += other.bytes_unchanged
        self.blobs_fetched += other.blobs_fetched


def layout(repo: Repository, fingerprints: Fingerprints, node: Node) -> list[Piece]:
    """Where a file's blobs belong, and where they lie.

    :raises DamagedError: if a blob is not in the index, or all of them are not as long as the file.
    """
    content = node.content
    if content is None:
        raise DamagedError("the file has no content list")
    find = repo.index.find
    known = fingerprints.of_file(content) if len(content) > 1 else None
    places = []
    offset = 0
    for number, blob_id in enumerate(content):
        place = find(BlobType.DATA, blob_id)
        if place is None:
            raise DamagedError(f"data blob {blob_id.hex()} is in no index; the vault has lost it")
        blob = place.blob
        length = blob.uncompressed_length or blob.length - OVERHEAD
        places.append(Piece(blob_id, offset, length, place, known[number] if known else b""))
        offset += length
    if offset != node.size:
        raise DamagedError(f"its blobs have {offset} bytes, its size is {node.size}")
    return places


@dataclass
class ContentPlan:
    """Blobs to fetch, and files that need none.

    :param ready: files of which nothing is left to write.
    :param zeros: bytes that became holes while they were planned.
    """

    wanted: dict[bytes, WantedBlob] = field(default_factory=dict)
    ready: list[RestoredFile] = field(default_factory=list)
    zeros: int = 0

    def __len__(self) -> int:
        return len(self.wanted) + len(self.ready)

    def add(self, file: RestoredFile, pieces: list[Piece]) -> None:
        """Plan the writes of blobs into a file.

        :param pieces: none if only the metadata must be set.
        """
        file.expect()  # for the plan itself
        self.want(file, pieces)
        self.settle(file)

    def settle(self, file: RestoredFile) -> None:
        """Note that all of a file is planned."""
        if file.settle():
            self.ready.append(file)

    def want(self, file: RestoredFile, pieces: list[Piece]) -> None:
        """Plan more writes into a file that expects more."""
        for piece in pieces:
            self._want(file, piece)

    def _want(self, file: RestoredFile, piece: Piece) -> None:
        blob_id, offset, length, place, fingerprint = piece
        wanted = self.wanted.get(blob_id)
        if wanted is None:
            blob = place.blob
            if length >= 4096 and blob.length * _ZERO_RATIO < length and is_zeros(blob_id, length):
                file.sparse = True
                try:
                    file.write_zeros(offset, length)
                except OSError as error:
                    file.fail(error)
                self.zeros += length
                return
            wanted = self.wanted[blob_id] = WantedBlob(place, fingerprint)
        file.expect()
        wanted.targets.append((file, offset))

    def ranges(self, *, is_remote: bool) -> list[list[WantedBlob]]:
        """The blobs in ranges of packs; packs in the order of their first use."""
        most_gap = _MOST_GAP_REMOTE if is_remote else _MOST_GAP_LOCAL
        packs: dict[bytes, list[WantedBlob]] = {}
        for each in self.wanted.values():
            packs.setdefault(each.place.pack, []).append(each)
        ranges = []
        for blobs in packs.values():
            blobs.sort(key=lambda each: each.place.blob.offset)
            current: list[WantedBlob] = []
            start = end = 0
            for each in blobs:
                blob = each.place.blob
                if current and (
                    blob.offset - end > most_gap or blob.offset + blob.length - start > _MOST_RANGE
                ):
                    ranges.append(current)
                    current = []
                if not current:
                    start = blob.offset
                current.append(each)
                end = blob.offset + blob.length
            ranges.append(current)
        return ranges
