"""A cheap proof that a folder holds a snapshot: the metadata of some files that a restore would not touch."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Iterator

from migration_ops.vault.node import Node
from migration_ops.vault.repository import Repository
from migration_ops.vault.target_folder import open_folder, status_of
from migration_ops.vault.tree import decode_tree

_DESCENTS = 12
_FILES_EACH = 16


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
    same = [node for node in old if node.type == "file" and (new is None or new.get(node.name) == node)]
    yield from random.sample(same, min(_FILES_EACH, len(same)))


def _look_at(folder: int, path: bytes, node: Node) -> str:
    name = os.fsdecode(path + b"/" + node.name)
    status = status_of(node.name, folder)
    if status is None:
        return f"{name} is missing"
    if not stat.S_ISREG(status.st_mode):
        return f"{name} is no file"
    if status.st_size != node.size:
        return f"{name} has {status.st_size} bytes, not {node.size}"
    if status.st_mtime_ns != node.mtime:
        return f"{name} was changed at another time than in the base"
    return ""
