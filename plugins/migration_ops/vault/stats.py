"""The stats command: what a restore would write, or what the repository stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migration_ops.vault.browse import list_files
from migration_ops.vault.pack import BlobType
from migration_ops.vault.reachable import mark_reachable
from migration_ops.vault.repository import Repository
from migration_ops.vault.snapshot import find_snapshot, load_snapshots


def count(repo: Repository, names: Sequence[str], mode: str) -> dict[str, Any]:
    """Count what some snapshots hold.

    :param names: snapshots; all if empty.
    :param mode: ``restore-size`` (files and their sizes, hard links once) or ``raw-data`` (stored blobs).
    :returns: restic's JSON.
    """
    snapshots = [find_snapshot(repo, name) for name in names] or load_snapshots(repo)
    document: dict[str, Any] = {"message_type": "summary", "snapshots_count": len(snapshots)}
    if mode == "restore-size":
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
        return document | {"total_size": size, "total_file_count": files}
    reachable = mark_reachable(repo, snapshots)
    stored = plain = blobs = 0
    for kind in BlobType:
        table = repo.index.tables[kind]
        for number, marked in enumerate(reachable.marks[kind]):
            if marked:
                _, _, _, length, uncompressed = table.record(number)
                stored += length
                plain += uncompressed or length - 32
                blobs += 1
    return document | {
        "total_size": stored,
        "total_uncompressed_size": plain,
        "compression_ratio": round(plain / stored, 4) if stored else 0.0,
        "compression_space_saving": round((1 - stored / plain) * 100, 4) if plain else 0.0,
        "total_blob_count": blobs,
    }
