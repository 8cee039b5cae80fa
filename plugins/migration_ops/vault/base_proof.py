"""A cheap proof that a target holds a snapshot: a sample of what a restore would not touch.

Of a folder, the metadata of some entries; of a device, which has none, the content of some blobs.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from migration_ops.vault.content_plan import Piece
from migration_ops.vault.index import blob_id_of
from migration_ops.vault.node import Node, type_of
from migration_ops.vault.repository import Repository
from migration_ops.vault.target_folder import open_folder, status_of
from migration_ops.vault.tree import decode_tree

_DESCENTS = 12
_FILES_EACH = 16
_BLOBS = 128


def find_mismatch(repo: Repository, root: int, tree: bytes, base: bytes) -> str:
    """Look at a sample of files that base and snapshot have in common.

    :param root: descriptor of the folder.
    :param tree: the root tree of the snapshot to restore.
    :param base: the root tree of the base.
    :returns: what shows that the folder does not hold the base, or nothing.
    """
    seen: set[bytes] = set()
    for _ in range(_DESCENTS):
        problem = _descend(repo, root, tree, base, seen)
        if problem:
            return problem
        if base in seen:
            break  # one folder, and it was looked at
    return ""


def find_other_blob(device: Path, pieces: Sequence[Piece]) -> str:
    """Read a sample of the blobs that base and snapshot have in common from a device.

    :param pieces: these blobs.
    :returns: what shows that the device does not hold the base, or nothing.
    """
    chosen = {*pieces[:1], *pieces[-1:], *random.sample(pieces, min(_BLOBS, len(pieces)))}
    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for piece in sorted(chosen, key=lambda piece: piece.offset):
            if blob_id_of(os.pread(descriptor, piece.length, piece.offset)) != piece.id:
                return f"it has other content between bytes {piece.offset} and {piece.offset + piece.length}"
    finally:
        os.close(descriptor)
    return ""


def _descend(repo: Repository, root: int, tree: bytes, base: bytes, seen: set[bytes]) -> str:
    folder = os.dup(root)
    path = b""
    try:
        while True:
            old = list(decode_tree(repo.load_tree(base)))
            new = {node.name: node for node in decode_tree(repo.load_tree(tree))} if tree != base else None
            if base not in seen:
                seen.add(base)
                for node in _sample(old, new):
                    problem = _look_at(folder, path, node)
                    if problem:
                        return problem
            below = [(node, _subtree_of(new, node)) for node in old if node.type == "dir"]
            choices = [
                (node, subtree) for node, subtree in below if subtree is not None and node.subtree is not None
            ]
            if not choices:
                return ""
            node, subtree = random.choice(choices)  # noqa: S311 - a sample, not a secret
            try:
                deeper = open_folder(node.name, folder)
            except OSError:
                return f"{os.fsdecode(path + b'/' + node.name)} is no folder"
            os.close(folder)
            folder = deeper
            path += b"/" + node.name
            base, tree = node.subtree or b"", subtree or b""
    finally:
        os.close(folder)


def _subtree_of(new: dict[bytes, Node] | None, node: Node) -> bytes | None:
    if new is None:
        return node.subtree
    other = new.get(node.name)
    return other.subtree if other is not None and other.type == "dir" else None


def _sample(old: list[Node], new: dict[bytes, Node] | None) -> Iterator[Node]:
    same = [node for node in old if node.type != "dir" and (new is None or new.get(node.name) == node)]
    yield from random.sample(same, min(_FILES_EACH, len(same)))


def _look_at(folder: int, path: bytes, node: Node) -> str:
    name = os.fsdecode(path + b"/" + node.name)
    status = status_of(node.name, folder)
    if status is None:
        return f"{name} is missing"
    if type_of(status.st_mode) != node.type:
        return f"{name} is no {node.type}"
    if node.type != "file":
        return ""
    if status.st_size != node.size:
        return f"{name} has {status.st_size} bytes, not {node.size}"
    if status.st_mtime_ns != node.mtime:
        return f"{name} was changed at another time than in the base"
    return ""
