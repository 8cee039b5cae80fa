"""Which blobs the snapshots need: every tree once, every content list in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from migration_ops.vault.errors import DamagedError, VaultError
from migration_ops.vault.index import Index
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot
from migration_ops.vault.tree import decode_tree

Problem = Callable[[str], None]


class ReachableBlobs:
    """Marks on the records of an index: one byte a record."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.marks = {kind: bytearray(len(index.tables[kind])) for kind in BlobType}

    def mark(self, kind: BlobType, blob_id: bytes) -> bool | None:
        """Mark a blob as needed.

        :returns: whether it was not marked before; None if the index does not have it.
        """
        number = self._index.tables[kind].find(blob_id)
        if number < 0:
            return None
        marks = self.marks[kind]
        if marks[number]:
            return False
        marks[number] = 1
        return True

    def has(self, kind: BlobType, blob_id: bytes) -> bool:
        """Whether a blob is needed."""
        number = self._index.tables[kind].find(blob_id)
        return number >= 0 and bool(self.marks[kind][number])


def mark_reachable(
    repo: Repository, snapshots: Iterable[Snapshot], problem: Problem | None = None
) -> ReachableBlobs:
    """Walk the trees of some snapshots.

    :param problem: told what is wrong, and the walk goes on; without it, the first problem is raised.
    :raises DamagedError: if something needed is missing or damaged, and nobody is told.
    """

    def tell(text: str) -> None:
        if problem is None:
            raise DamagedError(text)
        problem(text)

    reachable = ReachableBlobs(repo.index)
    for snapshot in snapshots:
        for blob in snapshot.fingerprints:
            reachable.mark(BlobType.DATA, bytes.fromhex(blob))  # a cache: no harm if restic removed it
        stack = [(bytes.fromhex(snapshot.tree), b"")]
        while stack:
            tree_id, path = stack.pop()
            where = f"snapshot {snapshot.short_id}, {path.decode('utf-8', 'backslashreplace') or '/'}"
            fresh = reachable.mark(BlobType.TREE, tree_id)
            if fresh is None:
                tell(f"{where}: its tree {tree_id.hex()} is in no index")
            if not fresh:
                continue
            try:
                for text in _mark_tree(repo, reachable, tree_id, path, stack):
                    tell(f"{where}: {text}")
            except VaultError as error:
                tell(f"{where}: {error}")
    return reachable


def _mark_tree(
    repo: Repository,
    reachable: ReachableBlobs,
    tree_id: bytes,
    path: bytes,
    stack: list[tuple[bytes, bytes]],
) -> Iterator[str]:
    """Mark what one tree names, and put its subtrees on the stack; gives what is wrong with it."""
    for node in decode_tree(repo.load_tree(tree_id)):
        name = node.name.decode("utf-8", "backslashreplace")
        if node.subtree is not None:
            stack.append((node.subtree, path + b"/" + node.name))
        if node.type == "file" and node.content is None:
            yield f"the file {name} has no content list"
        for blob_id in node.content or ():
            if reachable.mark(BlobType.DATA, blob_id) is None:
                yield f"the file {name} needs data blob {blob_id.hex()}, which is in no index"
