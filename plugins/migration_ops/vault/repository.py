"""A repository that is open: its key, its config, and reading and writing by id."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence

from migration_ops.vault.backend import Backend, Buffer, FileKind, open_backend
from migration_ops.vault.compression import Compressor, decompress, decompress_metadata
from migration_ops.vault.config import Config, config_exists, read_config, refuse_existing, write_config
from migration_ops.vault.crypto import Key
from migration_ops.vault.errors import DamagedError, ObjectMissing, RepositoryNotFound, VaultError
from migration_ops.vault.index import BlobPlace, Index, blob_id_of
from migration_ops.vault.keys import KeyFile, add_key, find_key, refuse_empty
from migration_ops.vault.location import StoreSettings
from migration_ops.vault.pack import BlobType, PackedBlob
from migration_ops.vault.tree_window import TreeWindows

_COMPRESSED = b"\x02"


class Repository:
    """An open repository. Its methods may be called from several threads.

    :param backend: where its files lie.
    :param key: the master key.
    :param key_file: the key file that was opened.
    """

    def __init__(self, backend: Backend, key: Key, config: Config, key_file: KeyFile) -> None:
        self.backend = backend
        self.key = key
        self.config = config
        self.key_file = key_file
        self.compressor = Compressor()
        self._index: Index | None = None
        self._index_names: set[str] = set()
        self._index_may_be_old = False
        self._index_lock = threading.Lock()
        self._tree_windows = TreeWindows(backend)

    @property
    def location(self) -> str:
        """The name by which the repository was opened."""
        return self.backend.location

    @property
    def index(self) -> Index:
        """The index; loaded at the first use, and brought up to date at the first use under a new lock."""
        index = self._index
        if index is None or self._index_may_be_old:
            with self._index_lock:
                if self._index is None or self._index_may_be_old:
                    self._refresh_index()
                index = self._index
        assert index is not None  # noqa: S101 - for the type checker: it was loaded above
        return index

    def _refresh_index(self) -> None:
        names = {name for name, _ in self.backend.list(FileKind.INDEX)}
        if self._index is None or self._index_names - names:
            # Somebody pruned: what the old files said may not be true any more.
            self._index, self._index_names = Index(), set()
        for name, plaintext in self._load_several(FileKind.INDEX, sorted(names - self._index_names)):
            self._index.load_file(name, plaintext)
            self._index_names.add(name)
        self._index_may_be_old = False

    def load_index(self) -> Index:
        """Read all index files anew.

        :raises DamagedError: if one is damaged; ``repair-index`` makes them anew from the packs.
        """
        self.forget_index()
        return self.index

    def use_index(self, index: Index) -> None:
        """Work with this index until another lock is taken."""
        self._index, self._index_names = index, set()
        self._index_may_be_old = False

    def forget_index(self) -> None:
        """Drop the index from memory; the next use reads it anew."""
        self._index, self._index_names = None, set()

    def expect_changes(self) -> None:
        """Others may have changed the repository: the index is brought up to date at its next use."""
        self._index_may_be_old = True

    def save_unpacked(self, kind: FileKind, plaintext: bytes) -> str:
        """Store an index, snapshot or lock.

        :returns: its id.
        """
        if self.config.version >= 2:
            plaintext = _COMPRESSED + self.compressor.compress(plaintext)
        sealed = self.key.seal(plaintext)
        name = hashlib.sha256(sealed).hexdigest()
        self.backend.save(kind, name, [sealed])
        if kind is FileKind.INDEX and self._index is not None:
            self._index_names.add(name)  # what it says is in memory already
        return name

    def load_unpacked(self, kind: FileKind, name: str) -> bytes:
        """Read an index, snapshot or lock.

        :raises ObjectMissing: if there is none of that id.
        :raises DamagedError: if its bytes are not what the id or the MAC says.
        """
        sealed = self.backend.load(kind, name)
        try:
            if hashlib.sha256(sealed).hexdigest() != name:
                # A transport may have broken it; one more try costs little.
                sealed = self.backend.load(kind, name)
                if hashlib.sha256(sealed).hexdigest() != name:
                    raise DamagedError("its content does not fit its name")
            plaintext = self.key.open(sealed)
            first = bytes(plaintext[:1])
            if first == _COMPRESSED:
                return decompress_metadata(plaintext[1:])
            if first in {b"{", b"["}:
                return bytes(plaintext)
            raise DamagedError("it is of an unknown format")
        except DamagedError as error:
            raise DamagedError(f"{kind.value}/{name} is damaged: {error}") from error

    def load_all_unpacked(self, kind: FileKind) -> Iterator[tuple[str, bytes]]:
        """Read all files of a kind, several at once; files that vanish meanwhile are passed over."""
        yield from self._load_several(kind, [name for name, _ in self.backend.list(kind)])

    def _load_several(self, kind: FileKind, names: list[str]) -> Iterator[tuple[str, bytes]]:
        if len(names) < 3:
            for name in names:
                try:
                    yield name, self.load_unpacked(kind, name)
                except ObjectMissing:
                    continue
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(self.backend.connections, len(names)), "load") as pool:
            # A few at a time: an index file may be large once it is decompressed.
            step = 2 * self.backend.connections
            for start in range(0, len(names), step):
                batch = names[start : start + step]
                futures = [pool.submit(self.load_unpacked, kind, name) for name in batch]
                for name, future in zip(batch, futures, strict=True):
                    try:
                        yield name, future.result()
                    except ObjectMissing:
                        continue

    def open_blob(
        self, blob: PackedBlob, sealed: Buffer, is_right: Callable[[Buffer], bool] | None = None
    ) -> Buffer:
        """Decrypt, decompress and check one blob.

        :param is_right: a cheaper way than its SHA-256 to know the content; what it does not know is hashed.

        :raises DamagedError: if any of it does not fit.
        """
        plaintext: Buffer = self.key.open(sealed)
        if blob.uncompressed_length:
            plaintext = decompress(plaintext, blob.uncompressed_length)
        if not (is_right and is_right(plaintext)) and blob_id_of(plaintext) != blob.id:
            raise DamagedError("its content does not fit its id")
        return plaintext

    def load_blob(self, kind: BlobType, blob_id: bytes) -> Buffer:
        """Read a blob; a damaged copy is read a second time, then any other copy is tried.

        :raises DamagedError: if no good copy is there.
        """
        places = self.index.find_all(kind, blob_id)
        if not places:
            raise DamagedError(
                f"{kind.word} blob {blob_id.hex()} is in no index of {self.location};"
                " `check` says what else is missing"
            )
        return self.load_from(places)

    def load_from(self, places: Sequence[BlobPlace]) -> Buffer:
        """Read a blob from the first of its places that gives it undamaged."""
        failure: VaultError | None = None
        for place in (*places[:1], *places):
            blob = place.blob
            try:
                sealed = self.backend.read_range(FileKind.PACK, place.pack.hex(), blob.offset, blob.length)
                return self.open_blob(blob, sealed)
            except (DamagedError, ObjectMissing) as error:
                failure = error
        blob = places[0].blob
        raise DamagedError(
            f"{blob.type.word} blob {blob.id.hex()} in pack {places[0].pack.hex()} is damaged: {failure}"
        ) from failure

    def load_tree(self, tree_id: bytes) -> bytes:
        """Read a tree's JSON.

        A tree that the index doesn't know may belong to a snapshot that somebody made after it was read.

        :raises DamagedError: if no good copy is there.
        """
        place = next(iter(self.index.find_all(BlobType.TREE, tree_id)), None)
        if place is None:
            self.expect_changes()
            place = next(iter(self.index.find_all(BlobType.TREE, tree_id)), None)
        if place is not None and self.backend.read_ahead:
            blob = place.blob
            # What is damaged or gone is read again below, for itself.
            with contextlib.suppress(DamagedError, ObjectMissing):
                sealed = self._tree_windows.read(place.pack.hex(), blob.offset, blob.length)
                return bytes(self.open_blob(blob, sealed))
        return bytes(self.load_blob(BlobType.TREE, tree_id))

    def close(self) -> None:
        """Give back what the backend holds."""
        self.backend.close()


def init_repository(location: str, password: str, settings: StoreSettings | None = None) -> Repository:
    """Make a new repository of format version 2.

    :param location: ``/path`` or ``s3:https://host/bucket/prefix``; the bucket must exist.
    :param password: opens the new repository's first key.
    :raises RepositoryExists: if there is one already.
    :raises UsageError: if the password is empty.
    """
    refuse_empty(password)
    backend = open_backend(location, settings)
    refuse_existing(backend)
    backend.create()
    key = Key.random()
    name = add_key(backend, key, password)
    # The config comes last: it makes the place a repository.
    config = write_config(backend, key)
    return Repository(backend, key, config, KeyFile(name, "", "", "", key))


def open_repository(location: str, password: str, settings: StoreSettings | None = None) -> Repository:
    """Open a repository.

    :raises RepositoryNotFound: if there is none at the location.
    :raises WrongPassword: if no key opens.
    """
    backend = open_backend(location, settings)
    if not config_exists(backend):
        raise RepositoryNotFound(
            f"there is no repository at {location}; the plan's DAG `connect` makes one, "
            "as does `migration-ops vault init`"
        )
    key_file, key = find_key(backend, password)
    return Repository(backend, key, read_config(backend, key), key_file)
