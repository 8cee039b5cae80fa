"""The diff command: two snapshots side by side. Equal subtrees are opened at most for the statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from migration_ops.vault.index import Index
from migration_ops.vault.metadata import same_metadata
from migration_ops.vault.node import Node
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import find_snapshot
from migration_ops.vault.tree import decode_tree, pair_nodes

Show = Callable[[bytes, str], None]


class _Side:
    """What one snapshot has where the two differ."""

    def __init__(self, tree: bytes) -> None:
        self.files = self.dirs = self.others = 0
        self.blobs: set[tuple[BlobType, bytes]] = {(BlobType.TREE, tree)}

    def count(self, node: Node) -> None:
        """Count an entry that the other snapshot has not."""
        self.files += node.type == "file"
        self.dirs += node.type == "dir"
        self.others += node.type not in ("file", "dir")

    def as_document(self, index: Index) -> dict[str, int]:
        places = [index.find(*blob) for blob in self.blobs]
        return {
            "files": self.files,
            "dirs": self.dirs,
            "others": self.others,
            "data_blobs": sum(kind is BlobType.DATA for kind, _ in self.blobs),
            "tree_blobs": sum(kind is BlobType.TREE for kind, _ in self.blobs),
            "bytes": sum(place.blob.plaintext_length for place in places if place is not None),
        }


class _Comparison:
    """The walk over both snapshots; counts as restic does."""

    def __init__(self, repo: Repository, old: bytes, new: bytes, show: Show, *, metadata: bool) -> None:
        self._repo = repo
        self._show = show
        self._metadata = metadata
        self.removed, self.added = _Side(old), _Side(new)
        self.changed_files = 0
        self._equal_trees: set[bytes] = set()
        self._deeper: list[tuple[bytes, bytes | None, bytes | None]] = [(b"", old, new)] if old != new else []

    def run(self) -> None:
        while self._deeper:
            path, left_tree, right_tree = self._deeper.pop()
            for left, right in pair_nodes(self._nodes(left_tree), self._nodes(right_tree)):
                self._compare(path, left, right)
        both = self.removed.blobs & self.added.blobs
        self.removed.blobs -= both
        self.added.blobs -= both
        self._leave_out_what_equal_folders_have()

    def _nodes(self, tree: bytes | None) -> Iterator[Node]:
        return decode_tree(self._repo.load_tree(tree)) if tree is not None else iter(())

    def _compare(self, path: bytes, left: Node | None, right: Node | None) -> None:
        some = right or left
        assert some is not None  # noqa: S101 - for the type checker: one of them is there
        for node, side in ((left, self.removed), (right, self.added)):
            if node is not None:
                side.blobs.update(_blobs_of(node))
        here = path + b"/" + some.name
        shown = here + b"/" if some.type == "dir" else here
        if left is None or right is None:
            (self.added if left is None else self.removed).count(some)
            self._show(shown, "+" if left is None else "-")
            if some.subtree is not None:
                self._deeper.append((here, left.subtree if left else None, right.subtree if right else None))
            return
        modifier = "T" if left.type != right.type else ""
        if left.type == right.type == "file" and left.content != right.content:
            self.changed_files += 1
            modifier += "M?" if _looks_untouched(left, right) else "M"
        elif self._metadata and not same_metadata(left, right):
            modifier += "U"
        if modifier:
            self._show(shown, modifier)
        if left.subtree is None or right.subtree is None:
            return  # what lies below a folder that became something else isn't looked at
        if left.subtree == right.subtree:
            self._equal_trees.add(left.subtree)
        else:
            self._deeper.append((here, left.subtree, right.subtree))

    def _leave_out_what_equal_folders_have(self) -> None:
        """A copied file adds no blobs. Equal folders are opened only while there is anything to find."""
        known: set[bytes] = set()
        stack = list(self._equal_trees)
        while stack and (self.removed.blobs or self.added.blobs):
            tree = stack.pop()
            if tree in known:
                continue
            known.add(tree)
            for node in self._nodes(tree):
                for blob in _blobs_of(node):
                    self.removed.blobs.discard(blob)
                    self.added.blobs.discard(blob)
                if node.subtree is not None:
                    stack.append(node.subtree)


def _blobs_of(node: Node) -> Iterator[tuple[BlobType, bytes]]:
    for blob_id in node.content or ():
        yield BlobType.DATA, blob_id
    if node.subtree is not None:
        yield BlobType.TREE, node.subtree


def _looks_untouched(left: Node, right: Node) -> bool:
    """Whether nothing but the content says that a file was changed, as when a disk rots."""
    return same_metadata(left, right) and all(
        getattr(left, name) == getattr(right, name)
        for name in ("ctime", "inode", "size", "links", "device_id")
    )


def compare(
    repo: Repository, first: str, second: str, show: Show, *, metadata: bool = False
) -> dict[str, Any]:
    """Compare two snapshots.

    :param show: called with the path and what happened to it, in restic's letters.
    :param metadata: show changes of metadata too.
    :returns: restic's statistics.
    """
    source, target = find_snapshot(repo, first), find_snapshot(repo, second)
    comparison = _Comparison(
        repo, bytes.fromhex(source.tree), bytes.fromhex(target.tree), show, metadata=metadata
    )
    comparison.run()
    return {
        "message_type": "statistics",
        "source_snapshot": source.id,
        "target_snapshot": target.id,
        "changed_files": comparison.changed_files,
        "added": comparison.added.as_document(repo.index),
        "removed": comparison.removed.as_document(repo.index),
    }
