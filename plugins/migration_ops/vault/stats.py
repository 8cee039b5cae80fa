"""The stats command: what a restore would write, or what the repository stores. The counts are restic's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from migration_ops.vault.browse import list_files
from migration_ops.vault.crypto import OVERHEAD
from migration_ops.vault.errors import DamagedError
from migration_ops.vault.node import Node
from migration_ops.vault.pack import BlobType
from migration_ops.vault.reachable import mark_reachable
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import Snapshot, find_snapshot, load_snapshots


def count(repo: Repository, names: Sequence[str], mode: str) -> dict[str, Any]:
    """Count what some snapshots hold.

    :param names: snapshots; all if empty.
    :param mode: ``restore-size`` (files and their sizes, hard links once), ``files-by-contents`` (files of
        equal content once), ``blobs-per-file`` (the blobs of these, once per file) or ``raw-data`` (stored
        blobs).
    :returns: restic's JSON.
    """
    snapshots = [find_snapshot(repo, name) for name in names] or load_snapshots(repo)
    document: dict[str, Any] = {"message_type": "summary", "snapshots_count": len(snapshots)}
    if mode == "raw-data":
        return document | _count_stored(repo, snapshots)
    if mode == "restore-size":
        return document | _count_restored(repo, snapshots)
    return document | _count_contents(repo, snapshots, per_blob=mode == "blobs-per-file")


def _count_restored(repo: Repository, snapshots: Iterable[Snapshot]) -> dict[str, Any]:
    files = size = 0
    for snapshot in snapshots:
        links: set[tuple[int, int]] = set()
        for _, node in list_files(repo, snapshot):
            files += 1
            if node.type != "file" or (node.links > 1 and (node.inode, node.device_id) in links):
                continue
            if node.links > 1:
                links.add((node.inode, node.device_id))
            size += node.size
    return {"total_size": size, "total_file_count": files}


def _count_contents(repo: Repository, snapshots: Iterable[Snapshot], *, per_blob: bool) -> dict[str, Any]:
    known: set[bytes] = set()
    files_of_paths: dict[bytes, set[bytes]] = {}
    files = size = blobs = 0
    for snapshot in snapshots:
        for path, node in list_files(repo, snapshot):
            content = hashlib.sha256(b"".join(node.content or ())).digest()
            if content in known:
                continue
            known.add(content)
            if not per_blob:
                files += 1
                size += node.size
            elif node.content:
                counted = files_of_paths.setdefault(path, set())
                for blob_id in set(node.content) - counted:
                    size += _blob_size(repo, node, blob_id)
                    blobs += 1
                counted.update(node.content)
    if per_blob:
        return {"total_size": size, "total_file_count": len(files_of_paths), "total_blob_count": blobs}
    return {"total_size": size, "total_file_count": files}


def _blob_size(repo: Repository, node: Node, blob_id: bytes) -> int:
    place = repo.index.find(BlobType.DATA, blob_id)
    if place is None:
        raise DamagedError(f"blob {blob_id.hex()} of {node.name!r} is in no index; run `check`")
    return place.blob.plaintext_length


def _count_stored(repo: Repository, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    reachable = mark_reachable(repo, snapshots)
    stored = plain = blobs = compressed_stored = compressed_plain = 0
    for kind in BlobType:
        table = repo.index.tables[kind]
        for number, marked in enumerate(reachable.marks[kind]):
            if marked:
                _, _, _, length, uncompressed = table.record(number)
                stored += length
                plain += uncompressed + OVERHEAD if uncompressed else length
                blobs += 1
                if uncompressed:
                    compressed_stored += length
                    compressed_plain += uncompressed + OVERHEAD
    document: dict[str, Any] = {"total_size": stored, "total_uncompressed_size": plain}
    if compressed_stored:
        document["compression_ratio"] = compressed_plain / compressed_stored
        document["compression_progress"] = compressed_plain / plain * 100
        document["compression_space_saving"] = (1 - stored / plain) * 100
    return document | {"total_blob_count": blobs}
