"""Looking into a snapshot without restoring it: ``ls`` and ``dump``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from migration_ops.vault.errors import SnapshotNotFound, UsageError
from migration_ops.vault.node import Node
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, find_snapshot
from migration_ops.vault.tree import decode_tree


def mode_text(mode: int) -> str:
    """A mode as Go and restic write it: a letter for every special bit, then ``rw-r--r--``."""
    special = "".join(letter for place, letter in enumerate("dalTLDpSugct?") if mode >> (31 - place) & 1)
    rights = "".join(letter if mode >> (8 - place) & 1 else "-" for place, letter in enumerate("rwxrwxrwx"))
    return (special or "-") + rights


def list_files(repo: Repository, snapshot: Snapshot, folder: str = "/") -> Iterator[tuple[bytes, Node]]:
    """Path and node of everything in a snapshot, parents first.

    :param folder: only what lies at or below this path.
    :raises SnapshotNotFound: at the end, if the snapshot has no such path.
    """
    is_found = False
    prefix = b"/" + folder.strip("/").encode("utf-8", "surrogateescape")
    prefix = prefix if prefix != b"/" else b""
    stack = [(b"", decode_tree(repo.load_tree(bytes.fromhex(snapshot.tree))))]
    while stack:
        path, nodes = stack[-1]
        node = next(nodes, None)
        if node is None:
            stack.pop()
            continue
        here = path + b"/" + node.name
        inside = here == prefix or here.startswith(prefix + b"/")
        if inside:
            is_found = True
            yield here, node
        if node.subtree is not None and (inside or prefix.startswith(here + b"/")):
            stack.append((here, decode_tree(repo.load_tree(node.subtree))))
    if prefix and not is_found:
        raise SnapshotNotFound(f"snapshot {snapshot.short_id} has no {folder}; `ls` shows what it has")


def find_node(repo: Repository, snapshot: Snapshot, path: str) -> Node:
    """The node at a path of a snapshot.

    :raises SnapshotNotFound: if the snapshot has no such path.
    """
    parts = [part for part in path.encode("utf-8", "surrogateescape").split(b"/") if part]
    if not parts:
        raise UsageError("the path names the whole snapshot; give a file in it")
    tree = bytes.fromhex(snapshot.tree)
    for depth, part in enumerate(parts):
        node = next((node for node in decode_tree(repo.load_tree(tree)) if node.name == part), None)
        if node is None or (depth < len(parts) - 1 and node.subtree is None):
            break
        if depth == len(parts) - 1:
            return node
        tree = node.subtree or b""
    raise SnapshotNotFound(f"snapshot {snapshot.short_id} has no {path}; `ls` shows what it has")


def write_content(repo: Repository, node: Node, stream: BinaryIO) -> None:
    """Write a file's content to a stream."""
    stream.writelines(repo.load_blob(BlobType.DATA, blob_id) for blob_id in node.content or ())


def read_file(repo: Repository, snapshot_id: str, path: str) -> bytes:
    """The content of one file of a snapshot.

    :raises SnapshotNotFound: if the snapshot or the path is not there.
    :raises UsageError: if the path is no file.
    """
    node = find_node(repo, find_snapshot(repo, snapshot_id), path)
    if node.content is None:
        raise UsageError(f"{path} of snapshot {snapshot_id} is a {node.type}, not a file")
    return b"".join(repo.load_blob(BlobType.DATA, blob_id) for blob_id in node.content)
