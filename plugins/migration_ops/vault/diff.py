"""The diff command: two snapshots side by side; equal subtrees are not opened."""

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
    """What one snapshot has and the other has not."""

    def __init__(self) -> None:
        self.files = self.dirs = self.others = 0
        self.blobs: set[tuple[BlobType, bytes]] = set()

    def count(self, node: Node) -> None:
        self.files += node.type == "file"
        self.dirs += node.type == "dir"
        self.others += node.type not in ("file", "dir")
        self.blobs.update((BlobType.DATA, blob_id) for blob_id in node.content or ())
        if node.subtree is not None:
            self.blobs.add((BlobType.TREE, node.subtree))

    def as_document(self, other: _Side, index: Index) -> dict[str, int]:
        mine = self.blobs - other.blobs
        places = [index.find(*blob) for blob in mine]
        return {
            "files": self.files,
            "dirs": self.dirs,
            "others": self.others,
            "data_blobs": sum(kind is BlobType.DATA for kind, _ in mine),
            "tree_blobs": sum(kind is BlobType.TREE for kind, _ in mine),
            "bytes": sum(place.blob.length for place in places if place is not None),
        }


def compare(
    repo: Repository, first: str, second: str, show: Show, *, metadata: bool = False
) -> dict[str, Any]:
    """Compare two snapshots.

    :param show: called with the path and what happened to it, in restic's letters.
    :param metadata: show changes of metadata too.
    :returns: restic's statistics.
    """
    source, target = find_snapshot(repo, first), find_snapshot(repo, second)
    removed, added = _Side(), _Side()
    changed = 0
    old, new = bytes.fromhex(source.tree), bytes.fromhex(target.tree)
    if old != new:
        removed.blobs.add((BlobType.TREE, old))
        added.blobs.add((BlobType.TREE, new))
    stack: list[tuple[bytes, bytes | None, bytes | None]] = [(b"", old, new)] if old != new else []
    while stack:
        path, left_tree, right_tree = stack.pop()
        for left, right in pair_nodes(_nodes(repo, left_tree), _nodes(repo, right_tree)):
            deeper, modified = _compare_nodes(path, left, right, removed, added, show=show, metadata=metadata)
            changed += modified
            if deeper is not None:
                stack.append(deeper)
    return {
        "message_type": "statistics",
        "source_snapshot": source.id,
        "target_snapshot": target.id,
        "changed_files": changed,
        "added": added.as_document(removed, repo.index),
        "removed": removed.as_document(added, repo.index),
    }


def _nodes(repo: Repository, tree: bytes | None) -> Iterator[Node]:
    return decode_tree(repo.load_tree(tree)) if tree is not None else iter(())


def _compare_nodes(
    path: bytes,
    left: Node | None,
    right: Node | None,
    removed: _Side,
    added: _Side,
    *,
    show: Show,
    metadata: bool,
) -> tuple[tuple[bytes, bytes | None, bytes | None] | None, int]:
    some = left or right
    assert some is not None  # noqa: S101 - for the type checker: one of them is there
    here = path + b"/" + some.name
    shown = here + b"/" if (right or some).type == "dir" else here
    if left is None or right is None:
        only, side = (right, added) if left is None else (left, removed)
        assert only is not None  # noqa: S101 - for the type checker: one of them is there
        side.count(only)
        show(shown, "+" if left is None else "-")
        deeper = (here, left.subtree if left else None, right.subtree if right else None)
        return (deeper if only.subtree is not None else None), 0
    modifier = "T" if left.type != right.type else ""
    if left.type == right.type == "file" and left.content != right.content:
        modifier += "M"
        removed.blobs.update((BlobType.DATA, blob_id) for blob_id in left.content or ())
        added.blobs.update((BlobType.DATA, blob_id) for blob_id in right.content or ())
    elif metadata and not same_metadata(left, right):
        modifier += "U"
    if modifier:
        show(shown, modifier)
    if left.subtree != right.subtree:
        for side, node in ((removed, left), (added, right)):
            if node.subtree is not None:
                side.blobs.add((BlobType.TREE, node.subtree))
        return (here, left.subtree, right.subtree), int("M" in modifier)
    return None, int("M" in modifier)
