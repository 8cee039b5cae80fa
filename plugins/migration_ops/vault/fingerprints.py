"""Fingerprints: knowing the parent's chunks again at a fifth of what their SHA-256 costs.

A blob's id is the SHA-256 of its content, so that a large file of which one page changed would have to be
hashed as a whole. A fingerprint is Poly1305 under a key that only the repository's owner has. Two different
chunks share one with a chance of 2^-84, and nobody can look for such a pair, because fingerprints leave the
process only sealed.

The table of a snapshot's large files is stored as data blobs that the snapshot names in a member which restic
passes over. It is no more than a cache: when restic's prune removes it, the next backup hashes everything.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator, Sequence

from cryptography.hazmat.primitives.poly1305 import Poly1305

from migration_ops.vault.backend import Buffer
from migration_ops.vault.crypto import Key
from migration_ops.vault.errors import VaultError
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository

_MAGIC = b"migration-ops fingerprints 1\n"
_SIZE = 16
_ENTRY = struct.Struct("<16sI")
_BLOB_BYTES = 4 << 20


class Fingerprints:
    """The parent's table, and the one that grows for the new snapshot.

    :param key: the repository's.
    """

    def __init__(self, key: Key) -> None:
        self._secret = hmac.digest(key.encrypt + key.mac_k, _MAGIC, "sha256")
        # Name of a file's content -> the fingerprints of its chunks, one after the other.
        self._known: dict[bytes, bytes] = {}
        self._found: dict[bytes, bytes] = {}

    def of_chunk(self, chunk: Buffer) -> bytes:
        """The fingerprint of one chunk."""
        return Poly1305.generate_tag(self._secret, chunk)

    def of_file(self, content: Sequence[bytes]) -> list[bytes] | None:
        """The fingerprints of the chunks of a file of the parent, if they are known.

        :param content: the ids of its blobs.
        """
        known = self._known.get(_name(b"".join(content)))
        if known is None or len(known) != _SIZE * len(content):
            return None
        return [known[start : start + _SIZE] for start in range(0, len(known), _SIZE)]

    def are_those_of(self, chunk: Buffer, fingerprint: bytes) -> bool:
        """Whether a chunk has a fingerprint; never if that is not known."""
        return bool(fingerprint) and hmac.compare_digest(self.of_chunk(chunk), fingerprint)

    def note(self, content: Sequence[bytes], fingerprints: Sequence[bytes]) -> None:
        """Remember the fingerprints of a file for the next backup; not of one that is a single chunk."""
        if len(content) == len(fingerprints) > 1 and all(fingerprints):
            self._found[_name(b"".join(content))] = b"".join(fingerprints)

    def keep(self, content: bytes) -> None:
        """Take over what is known of a file that did not change.

        :param content: the ids of its blobs, one after the other.
        """
        name = _name(content)
        if name in self._known:
            self._found[name] = self._known[name]

    def load(self, repo: Repository, blobs: Iterable[str]) -> None:
        """Read the parent's table; none, or a damaged one, is no error.

        :param blobs: as the snapshot names them.
        """
        try:
            ids = [bytes.fromhex(each) for each in blobs]
            table = b"".join(bytes(repo.load_blob(BlobType.DATA, blob_id)) for blob_id in ids)
            if table.startswith(_MAGIC):
                self._known = dict(_entries(table))
        except (VaultError, ValueError, struct.error):
            self._known = {}

    def encode(self) -> list[bytes]:
        """The new table, in pieces to be stored as blobs; none if there is nothing in it."""
        if not self._found:
            return []
        table = _MAGIC + b"".join(
            _ENTRY.pack(name, len(found) // _SIZE) + found for name, found in sorted(self._found.items())
        )
        return [table[start : start + _BLOB_BYTES] for start in range(0, len(table), _BLOB_BYTES)]


def _name(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_SIZE]


def _entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_MAGIC)
    while position < len(table):
        name, count = _ENTRY.unpack_from(table, position)
        position += _ENTRY.size
        yield name, table[position : position + count * _SIZE]
        position += count * _SIZE
