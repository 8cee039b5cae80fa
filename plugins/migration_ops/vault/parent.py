"""The parent: the snapshot whose unchanged files need not be read again."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from migration_ops.vault.errors import DamagedError
from migration_ops.vault.index import Index
from migration_ops.vault.names import json_key, unquote
from migration_ops.vault.node import Node, decode_node, encode_content, file_facts
from migration_ops.vault.pack import BlobType
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, list_snapshots
from migration_ops.vault.source import DeviceNumbers, owner_names
from migration_ops.vault.tree import raw_nodes, split_nodes

_LONGEST_RUN = 256
_ONE_BLOB = len(b',"content":["') + 64 + len(b'"]')


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


@dataclass
class Run:
    """Files of a folder, one after the other, that are what they were.

    :param nodes: their nodes, complete.
    :param size: of all together, in bytes.
    :param stopped_at: the name after them, which has to be looked at.
    :param left: names after that one that were taken out in vain.
    :param is_last: whether no names are left.
    :param large: the contents of those that have several blobs: ids, one after the other.
    """

    nodes: list[bytes]
    size: int = 0
    stopped_at: bytes | None = None
    left: Sequence[bytes] = ()
    is_last: bool = False
    large: Sequence[bytes] = ()


class ParentTree:
    """One folder of the parent.

    Most of an unchanged folder's nodes are, byte for byte, what they were. So nodes are kept as the raw JSON
    that they were stored as, and only those that differ are taken apart.
    """

    def __init__(self, plaintext: bytes, index: Index) -> None:
        self._index = index
        # JSON of the name -> JSON of the node behind the name.
        self._raw: dict[bytes, bytes] = {}
        self._documents: dict[bytes, dict[str, Any]] = {}
        pieces = split_nodes(plaintext)
        if pieces is None:
            self._documents = {
                json_key(unquote(document["name"])).encode("utf-8", "surrogatepass"): document
                for document in raw_nodes(plaintext)
            }
            return
        pieces.reverse()
        while pieces:  # a folder of a million files is not held twice
            name, _, rest = pieces.pop().partition(b'","type"')
            self._raw[name] = b',"type"' + rest

    def run_of_unchanged(self, folder: int, names: Iterator[bytes], devices: DeviceNumbers) -> Run:
        """Take the next names of a folder as long as their files are what they were and no blob is lost.

        With the same ctime the attributes are the same too, so that they need not be asked for. This is where
        an incremental backup spends most of its walk, hence the long loop.

        :param folder: descriptor of the open folder.
        :param names: its entries; those that the run takes are taken out.
        """
        raw_of, number_of = self._raw.get, devices.number
        run = Run([])
        contents: list[bytes] = []
        taken: list[bytes] = []
        sizes: list[int] = []
        large: list[bytes] = []
        for name in names:
            raw = raw_of(name)
            # A name without a backslash stands in the JSON as it is, if at all.
            if raw is None or b"\\" in name:
                run.stopped_at = name
                break
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except OSError:
                run.stopped_at = name
                break
            facts = file_facts(status, number_of(status), owner_names).encode("utf-8", "surrogatepass")
            end = len(facts)
            if (
                not raw.startswith(facts)
                or not raw.startswith(b',"content":[', end)
                or not stat.S_ISREG(status.st_mode)
            ):
                run.stopped_at = name
                break
            contents.append(raw[end:])
            if len(raw) - end > _ONE_BLOB:
                large.append(raw[end:])
            taken.append(name)
            sizes.append(status.st_size)
            run.nodes.append(b'{"name":"%b"%b}' % (name, raw))
            if len(taken) == _LONGEST_RUN:
                break
        else:
            run.is_last = True
        if not self._have(contents):
            # Go on up to the first file of which something is missing; it is read again.
            kept = next(number for number, content in enumerate(contents) if not self._have([content]))
            left = taken[kept + 1 :] + ([run.stopped_at] if run.stopped_at else [])
            run = Run(run.nodes[:kept], sum(sizes[:kept]), taken[kept], left)
        else:
            run.size = sum(sizes)
            run.large = [_ids(content) for content in large]
        return run

    def _have(self, contents: list[bytes]) -> bool:
        """Whether these are lists of blobs, as a node's JSON ends with them, that are all in the index."""
        try:
            ids = _ids(b"".join(contents))
        except ValueError:
            return False
        return len(ids) % 32 == 0 and self._index.has_all(BlobType.DATA, ids)

    def node(self, name: bytes) -> Node | None:
        """The parent's node of a name, taken apart.

        :param name: the name as JSON has it, without quotes.
        """
        document = self._documents.get(name)
        if document is None:
            piece = self._raw.get(name)
            if piece is None:
                return None
            document = raw_nodes(b'{"nodes":[{"name":"%b"%b}]}' % (name, piece))[0]
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


def _ids(contents: bytes) -> bytes:
    """The ids in lists of blobs as they stand in nodes, one after the other."""
    text = contents.replace(b',"content":[]', b"").replace(b',"content":["', b"")
    return bytes.fromhex(text.replace(b'"]', b"").replace(b'","', b"").decode())
