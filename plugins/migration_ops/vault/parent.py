"""The parent: the snapshot whose unchanged files need not be read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migration_ops.vault.errors import DamagedError
from migration_ops.vault.index import Index
from migration_ops.vault.names import json_key, unquote
from migration_ops.vault.node import Node, decode_node, encode_content
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, list_snapshots
from migration_ops.vault.tree import raw_nodes

_BETWEEN_NODES = b'},{"name":"'


def find_parent(
    repo: Repository, hostname: str, paths: Sequence[str], tags: Sequence[str], before: int
) -> Snapshot | None:
    """The newest snapshot of the same host and paths that is not newer than this one.

    Among these, one with the same tags but for ``point=`` wins: several volumes may be mounted at the same
    path.

    :param before: nanoseconds since 1970.
    """
    candidates = [
        snapshot
        for snapshot in list_snapshots(repo, hostname=hostname, paths=paths)
        if snapshot.time <= before
    ]
    identity = {tag for tag in tags if tag.startswith(("plan=", "content=", "namespace=", "claim="))}
    same = [snapshot for snapshot in candidates if identity <= set(snapshot.tags)]
    if identity and not same:
        return None
    found = same or candidates
    return found[-1] if found else None


class ParentTree:
    """One folder of the parent.

    Most of an unchanged folder's nodes are, byte for byte, what they were. So nodes are kept as the raw JSON
    that they were stored as, and only those that differ are taken apart.
    """

    def __init__(self, plaintext: bytes, index: Index) -> None:
        self._index = index
        self._raw: dict[bytes, bytes] = {}
        self._documents: dict[bytes, dict[str, Any]] = {}
        if b'"extended_attributes"' in plaintext or not plaintext.startswith(b'{"nodes":[{"name":"'):
            # Attributes have members called "name" too: the tree can't be taken apart by looking for them.
            self._documents = {
                json_key(unquote(document["name"])).encode("utf-8", "surrogatepass"): document
                for document in raw_nodes(plaintext)
            }
            return
        for piece in plaintext[len(b'{"nodes":[{"name":"') : -len(b"}]}\n")].split(_BETWEEN_NODES):
            name = piece[: piece.index(b'","type"')]
            self._raw[name] = piece

    def unchanged(self, name: bytes, head: bytes) -> bytes | None:
        """The whole raw node, if it begins with exactly this head and all of its blobs are there.

        :param name: the name as JSON has it, without quotes.
        :param head: the encoded head of the node as the file is now.
        """
        piece = self._raw.get(name)
        if piece is None:
            return None
        start = len(head) - 9  # without {"name":"
        if piece[:start] != head[9:] or piece[start : start + 11] != b',"content":':
            return None
        content = piece[start + 11 :]
        if content == b"[]":
            return b'{"name":"' + piece + b"}"
        if content[:2] != b'["' or content[-2:] != b'"]':
            return None
        if len(content) == 68:
            known = self._index.contains(BlobType.DATA, bytes.fromhex(content[2:66].decode()))
        else:
            ids = [bytes.fromhex(each) for each in content[2:-2].decode().split('","')]
            known = self._index.contains_all(BlobType.DATA, ids)
        return b'{"name":"' + piece + b"}" if known else None

    def node(self, name: bytes) -> Node | None:
        """The parent's node of a name, taken apart.

        :param name: the name as JSON has it, without quotes.
        """
        document = self._documents.get(name)
        if document is None:
            piece = self._raw.get(name)
            if piece is None:
                return None
            document = raw_nodes(b'{"nodes":[{"name":"' + piece + b"}]}")[0]
        try:
            return decode_node(document)
        except DamagedError:
            return None

    def content_if_same(self, node: Node, old: Node, *, ignore_ctime: bool, ignore_inode: bool) -> str | None:
        """The encoded content of the parent's file, if restic's rule takes the file for unchanged."""
        if (
            old.type != "file"
            or old.content is None
            or node.size != old.size
            or node.mtime != old.mtime
            or not (ignore_ctime or node.ctime == old.ctime)
            or not (ignore_inode or node.inode == old.inode)
            or not self._index.contains_all(BlobType.DATA, old.content)
        ):
            return None
        return encode_content(old.content)
